"""Responders make the text of answers. Everything about providers is here, behind one interface.

Imports `protocol`. Its public parts: `Responder` and `Prompt`; the responders `OpenAIChat`,
`OpenAIResponses`, `PythonResponder`, `Choice` and `Echo`; and `Turn`, which an operator's Python
function receives.
"""
