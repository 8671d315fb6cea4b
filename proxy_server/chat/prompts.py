"""A prompt, as passed to the use cases."""

from dataclasses import dataclass

from proxy_server.protocol.messages import Part
from proxy_server.protocol.turns import WhenBusy


@dataclass(frozen=True, slots=True)
class NewPrompt:
    """A validated prompt.

    message_id: the client's id for it, by which a repeated prompt is recognized.
    replaces: the prompt of which it is another version.
    data, meta: JSON that goes with it, from the client and from Centrifugo.
    address: the client's network address, if it is known and limited.
    """

    parts: list[Part]
    conversation_id: str | None = None
    key: str | None = None
    message_id: str | None = None
    model: str | None = None
    when_busy: WhenBusy = "reject"
    replaces: str | None = None
    data: str | None = None
    meta: str | None = None
    address: str = ""
