"""LLM answers, streamed over the Centrifugo connection that a browser already holds."""
