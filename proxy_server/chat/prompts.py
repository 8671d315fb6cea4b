"""A prompt as the use cases take it."""

from dataclasses import dataclass

from proxy_server.protocol.messages import Part
from proxy_server.protocol.turns import WhenBusy


@dataclass(frozen=True, slots=True)
class NewPrompt:
    """A prompt as its client sent it, found to be in order.

    message_id: its client's id for it, by which it is known again.
    replaces: the prompt of which it is another version.
    data, meta: JSON that goes with it, from the client and from Centrifugo.
    address: of its network, where that is known and counts.
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
