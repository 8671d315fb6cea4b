"""The token usage of an answer: as the responder reports it, or an estimate."""

from collections.abc import Sequence

from proxy_server.protocol.messages import Message, TextPart, Usage

_CHARACTERS_PER_TOKEN = 4


class Bill:
    """Counts the usage of one answer.

    usage: the responder's last report.
    accepted: whether it began to answer.
    events: how many pieces it yielded.
    """

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.accepted = False
        self.events = 0
        self._asked = 0

    def ask(self, history: Sequence[Message]) -> None:
        """Counts only text: the cost of an image is known only to the provider."""
        self._asked = sum(
            len(part.text)
            for message in history
            for part in message.parts
            if isinstance(part, TextPart)
        )

    def paid(self, *, failed: bool) -> Usage | None:
        """Returns None if nothing was asked, or the request was refused."""
        if self.usage is not None or not self._asked:
            return self.usage
        if failed and not self.accepted:
            return None
        return Usage(
            input_tokens=self._asked // _CHARACTERS_PER_TOKEN,
            output_tokens=self.events,
            estimated=True,
        )
