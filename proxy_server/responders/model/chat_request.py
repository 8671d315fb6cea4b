"""A conversation as the chat completions API takes it."""

from collections.abc import Iterable, Sequence
from typing import Any

from proxy_server.protocol.files import upload_id_of
from proxy_server.protocol.messages import FilePart, Message, TextPart
from proxy_server.responders.files import PDF


def messages_of(history: Iterable[Message], system_prompt: str) -> list[dict[str, Any]]:
    """User and assistant in turn, the user first, as models ask for that want it so.

    Messages with nothing to say, such as an answer that failed, are left out; neighbours of one
    role become one message.
    """
    turns: list[tuple[str, list[dict[str, Any]]]] = []
    for message in history:
        content = _content(message)
        if not content or (not turns and message.role == "assistant"):
            continue
        if turns and turns[-1][0] == message.role:
            turns[-1][1].extend(content)
        else:
            turns.append((message.role, content))
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return system + [{"role": role, "content": _plain(content)} for role, content in turns]


def without_oldest(history: Sequence[Message]) -> Sequence[Message]:
    """The newer half, from a user's message on; the same where nothing can be left out."""
    for at in range(max(1, len(history) // 2), len(history)):
        if history[at].role == "user":
            return history[at:]
    return history


def _content(message: Message) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, TextPart) and part.text:
            content.append({"type": "text", "text": part.text})
        elif isinstance(part, FilePart) and upload_id_of(part.url) is None:
            content.append(_file(part))
    return content


def _file(part: FilePart) -> dict[str, Any]:
    if part.media_type == PDF:
        file = {"filename": part.filename or "file.pdf", "file_data": part.url}
        return {"type": "file", "file": file}
    return {"type": "image_url", "image_url": {"url": part.url}}


def _plain(content: list[dict[str, Any]]) -> Any:
    """Text alone goes as a string, which every server takes."""
    if any(part["type"] != "text" for part in content):
        return content
    return "\n".join(part["text"] for part in content)
