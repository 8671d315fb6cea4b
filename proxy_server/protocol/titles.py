"""Titles of conversations, whoever gives them: in one line, and short."""

from collections.abc import Mapping
from typing import Any

MOST_CHARACTERS = 200
# what apps on the AI SDK send their pages for the title of a chat
_CHUNK = "data-chat-title"


def one_line(title: str) -> str:
    """Without what a title cannot have; empty where nothing is left."""
    whole = title.encode("utf-8", "replace").decode()
    return " ".join(whole.replace("\0", "").split())[:MOST_CHARACTERS].rstrip()


def title_in(chunk: Mapping[str, Any]) -> str | None:
    """The title that a chunk gives, if it gives one."""
    if chunk.get("type") != _CHUNK or not isinstance(given := chunk.get("data"), str):
        return None
    return one_line(given) or None
