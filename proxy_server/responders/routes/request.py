"""The request to a route: the body that the AI SDK's `useChat` posts, and the user."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Message
from proxy_server.responders.responder import Prompt

_fields = msgspec.json.Decoder(dict[str, Raw])


def body_of(prompt: Prompt, history: Sequence[Message]) -> bytes:
    """The request as JSON, with that history.

    The client's data is merged in, but never replaces other fields.
    """
    asked: dict[str, Any] = {
        "id": prompt.key or prompt.conversation_id,
        "messages": _messages(history),
        **_trigger(prompt),
        "turn": {
            "user": prompt.user,
            "conversation": prompt.conversation_id,
            "message": prompt.message_id,
            "model": prompt.model,
            **({} if prompt.meta is None else {"meta": Raw(prompt.meta.encode())}),
        },
    }
    given = _beside(prompt.data)
    # the client's `messageId` would stand for another message than the one meant
    given.pop("messageId", None)
    return encode(given | asked)


def _messages(history: Sequence[Message]) -> list[Message]:
    """The messages that the AI SDK accepts: not empty, and starting with a user's."""
    said = [message for message in history if message.parts]
    first = next((at for at, message in enumerate(said) if message.role == "user"), 0)
    return said[first:]


def _trigger(prompt: Prompt) -> dict[str, str]:
    """The AI SDK names the message that is regenerated, or that goes on."""
    last = prompt.history[-1]
    if prompt.trigger == "regenerate":
        return {"trigger": "regenerate-message", "messageId": last.id}
    named = {"messageId": last.id} if last.role == "assistant" else {}
    return {"trigger": "submit-message", **named}


def _beside(data: str | None) -> dict[str, Raw]:
    if data is None:
        return {}
    try:
        return _fields.decode(data)
    except msgspec.ValidationError:
        # JSON other than an object has no names to merge
        return {}
