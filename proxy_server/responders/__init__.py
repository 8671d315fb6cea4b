"""What makes the text of answers, behind one interface; all that a provider knows of stands here.

Imports `protocol`. Its doors: `Responder` and `Prompt`; `OpenAIChat`,
`OpenAIResponses`, `PythonResponder`, `Choice` and `Echo` are responders. `Turn` is what a Python
function of somebody else's is given.
"""
