"""OpenAI's APIs, of any server that speaks one: asked, read exactly, and what they get wrong.

Framing, characters and failures are the same wherever an answer comes over HTTP: routes use them.
"""
