"""Centrifugo as this project runs it: its configuration, its pinned build, its environment."""
