"""OpenAI's APIs on any server that speaks one: requests, exact reading, servers' mistakes.

Routes also use the framing, characters and failures: those are the same for any answer over HTTP.
"""
