"""What makes the text of answers, behind one interface; all that a provider knows of stands here.

Imports `protocol`. Its doors: `Responder` and `Prompt`; `OpenAIChat`,
`OpenAIResponses` and `Echo` are responders.
"""
