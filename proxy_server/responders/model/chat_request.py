"""A conversation as a request to the chat completions API."""

from collections.abc import Iterable
from typing import Any

from proxy_server.protocol.messages import FilePart, Message, TextPart
from proxy_server.responders.files import PDF
from proxy_server.responders.model.history import in_turn


def messages_of(history: Iterable[Message], system_prompt: str) -> list[dict[str, Any]]:
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return system + [
        {"role": said.role, "content": said.text or [_part(part) for part in said.parts]}
        for said in in_turn(history)
    ]


def _part(part: TextPart | FilePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    if part.media_type == PDF:
        file = {"filename": part.filename or "file.pdf", "file_data": part.url}
        return {"type": "file", "file": file}
    return {"type": "image_url", "image_url": {"url": part.url}}
