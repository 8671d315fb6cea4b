"""Centrifugo as this project runs it: configuration, pinned build, environment."""
