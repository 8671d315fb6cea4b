"""What a route is sent: the body that the AI SDK's `useChat` posts, and whose it is."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Message
from proxy_server.responders.responder import Prompt

_fields = msgspec.json.Decoder(dict[str, Raw])


def body_of(prompt: Prompt, history: Sequence[Message]) -> bytes:
    """As JSON, with that history.

    What the client sent beside its prompt stands beside the rest, and never over it.
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
    # its own `messageId` would say of another message that this one is meant
    given.pop("messageId", None)
    return encode(given | asked)


def _messages(history: Sequence[Message]) -> list[Message]:
    """Those that the AI SDK takes: with a part at least, and from a user's on."""
    said = [message for message in history if message.parts]
    first = next((at for at, message in enumerate(said) if message.role == "user"), 0)
    return said[first:]


def _trigger(prompt: Prompt) -> dict[str, str]:
    """The AI SDK names a message where one is made anew behind it, or goes on."""
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
        # other JSON than an object has no names
        return {}
