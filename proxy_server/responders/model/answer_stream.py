"""The stream of an answer: bytes in, events out, with the rules that all formats share.

It reads below the SDK's chunk objects, which cost several times the rest of a token's path. Nothing
is read ahead: what the caller does not take stays in the socket, where TCP slows the provider down.
Three rules hold whatever a server sends. Received text is never lost. Bookkeeping never ends an
answer. An answer is complete only if the server said that it ended.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.events import Event, Finish, Given, Piece, Reasoning, Text
from proxy_server.protocol.messages import Usage
from proxy_server.responders.characters import Characters
from proxy_server.responders.model.failures import BROKEN_OFF, NO_ANSWER, NO_SENSE, WITHHELD
from proxy_server.responders.model.framing import Frames, OversizedError, Payload
from proxy_server.responders.model.payloads import finish_reason, gave_up
from proxy_server.responders.model.reasoning_tags import ReasoningTags
from proxy_server.responders.model.source import Source

Said = Text | Reasoning | Piece | Given


class AnswerStream(ABC):
    """Yields the events of one read at a time; the end comes in a list of its own."""

    def __init__(self, source: Source, tags: ReasoningTags) -> None:
        self._source = source
        self._tags = tags
        self._frames = Frames()
        self._text = Characters()
        self._reasoning = Characters()
        self._reason: str | None = None
        self._usage: Usage | None = None
        # a finish reason came with text, and more text followed
        self._reasons_lie = False
        # whether there was any event, any text, and any text other than white space
        self._heard = False
        self._spoke = False
        self._has_words = False
        self._state: Literal["reading", "ended", "given"] = "reading"
        self._failure: ResponderFailed | None = None

    def __aiter__(self) -> "AnswerStream":
        return self

    async def __anext__(self) -> Sequence[Event]:
        while self._state == "reading" and self._failure is None:
            if said := await self._next():
                return said
        if self._state == "given":
            raise self._failure or StopAsyncIteration
        self._state = "given"
        return self._last()

    async def _next(self) -> list[Said]:
        """The text of one read; empty if it had none."""
        try:
            data = await self._source.read(spoke=self._spoke)
        except ConnectionError as error:
            return self._at_the_end(f"cut: {error}", clean=False)
        except ResponderFailed as failure:
            # silence after a finish reason is no failure
            if not self._is_said():
                self._failure = failure
            self._state = "ended"
            return self._held_back()
        if not data:
            return self._at_the_end("the stream ended early", clean=True)
        try:
            said = self._read(data)
            if self._frames.kind == "other":
                raise ResponderFailed("not_sse", NO_SENSE, self._source.described)
        except ResponderFailed as failure:
            self._failure = failure
            return self._held_back()
        except OversizedError as error:
            self._failure = ResponderFailed("malformed", NO_SENSE, str(error))
            return self._held_back()
        return said + self._held_back() if self._state == "ended" or self._failure else said

    def _read(self, data: bytes) -> list[Said]:
        said: list[Said] = []
        together = self._frames.together(data)
        if together is not None and self._take_together(*together, said):
            self._frames.keep_rest(data)
            self._heard = True
            return said
        return self._take(self._frames.feed(data))

    def _at_the_end(self, cause: str, *, clean: bool) -> list[Said]:
        """The body has ended; its last line still has to be read."""
        said = self._take(self._frames.end())
        if self._failure is not None and self._failure.reason == "malformed":
            # half an event, because the rest did not arrive
            self._failure = None
        if self._state == "reading" and self._failure is None:
            self._state = "ended"
            if not self._is_said() and not (clean and self._reason):
                self._failure = self._no_end(cause)
        return said + self._held_back()

    def _no_end(self, cause: str) -> ResponderFailed:
        if not self._heard:
            return ResponderFailed("not_sse", NO_SENSE, f"{cause}; {self._source.described}")
        return ResponderFailed("broken_off", BROKEN_OFF, cause)

    def _is_said(self) -> bool:
        """Whether a credible finish reason was given."""
        return self._reason is not None and not self._reasons_lie

    def _take(self, payloads: Sequence[Payload]) -> list[Said]:
        said: list[Said] = []
        self._heard = self._heard or bool(payloads)
        for payload in payloads:
            if self._state != "reading" or self._failure is not None:
                break
            self._take_one(payload, said)
        return said

    def _take_together(self, count: int, array: bytes, said: list[Said]) -> bool:  # noqa: ARG002
        """Takes `count` events of one read, as a JSON array: the fast path, if a format has one.

        Returns False, having taken nothing, if any event is of an unusual kind.
        """
        return False

    @abstractmethod
    def _take_one(self, payload: Payload, said: list[Said]) -> None:
        """Takes an event of any kind."""

    def _say(self, piece: Text | Reasoning, said: list[Said], *, stray: bool = False) -> None:
        """Adds the complete characters of a piece."""
        self._spoke = True
        if self._reason is not None:
            self._reasons_lie = True
        if isinstance(piece, Reasoning):
            if text := self._reasoning.join(piece.text, from_bytes=stray):
                said.append(piece if text is piece.text else Reasoning(text))
            return
        text = self._text.join(piece.text, from_bytes=stray)
        if not text:
            return
        if self._tags.done:
            said.append(piece if text is piece.text else Text(text))
            if not self._has_words:
                self._has_words = not text.isspace()
        else:
            self._add(self._tags.split(text), said)

    def _add(self, pieces: Sequence[Said], said: list[Said]) -> None:
        for piece in pieces:
            said.append(piece)
            if isinstance(piece, Text) and not piece.text.isspace():
                self._has_words = True

    def _held_back(self) -> list[Said]:
        """Split characters and possible tags that were held back: received text is never lost."""
        said: list[Said] = []
        if rest := self._reasoning.end():
            said.append(Reasoning(rest))
        if rest := self._text.end():
            self._add(self._tags.split(rest), said)
        self._add(self._tags.end(), said)
        return said

    def _end_for(self, reason: str) -> None:
        self._reason = reason
        if gave_up(reason):
            details = f"finish reason {reason[:50]}"
            self._failure = ResponderFailed("provider_error", BROKEN_OFF, details)

    def _done(self) -> None:
        self._reason = self._reason or "stop"
        self._reasons_lie = False
        self._state = "ended"

    def _last(self) -> list[Event]:
        """Usage and the finish reason. A failure is raised after any known usage."""
        usage: list[Event] = [self._usage] if self._usage is not None else []
        reason = finish_reason(self._reason)
        if self._failure is None and not self._has_words:
            sentence = WITHHELD if reason == "content-filter" else NO_ANSWER
            self._failure = ResponderFailed("empty", sentence, f"finish reason {reason}, no word")
        return usage if self._failure is not None else [*usage, Finish(reason)]
