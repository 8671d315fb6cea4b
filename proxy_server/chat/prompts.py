"""A prompt, as passed to the use cases."""

from dataclasses import dataclass

from proxy_server.protocol.messages import Part
from proxy_server.protocol.turns import WhenBusy


@dataclass(frozen=True, slots=True)
class NewPrompt:
    """A validated prompt.

    conversation_id: None for the conversation with that `key`, or a new one.
    key: the client's own name for the conversation, which begins if it does not exist.
    message_id: the client's id for the prompt, by which a repeated one is recognized.
    model: None for the default one.
    when_busy: what to do while an answer of the conversation is being made.
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
