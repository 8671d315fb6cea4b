"""The stream of a chat completion."""

import msgspec

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.events import Reasoning, Text
from proxy_server.responders.model.answer_stream import AnswerStream, Said
from proxy_server.responders.model.chat_payloads import (
    Chunk,
    Event,
    chunk_decoder,
    chunks_decoder,
    read_leniently,
)
from proxy_server.responders.model.framing import Payload
from proxy_server.responders.model.payloads import gave_up, usage_of

_DONE = (b"done", b"[done]")
_DONE_EVENTS = (b"done", b"end", b"close")


class ChatStream(AnswerStream):
    def _take_together(self, count: int, array: bytes, said: list[Said]) -> bool:
        try:
            chunks = chunks_decoder.decode(array)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        if len(chunks) != count or not all(map(_is_usual, chunks)):
            return False
        for chunk in chunks:
            self._take_chunk(chunk, said)
            if self._failure is not None:
                break
        return True

    def _take_one(self, payload: Payload, said: list[Said]) -> None:
        data, event = payload
        if data.strip(b"\"' ").lower() in _DONE or (
            event in _DONE_EVENTS and b"choices" not in data
        ):
            self._done()
            return
        try:
            chunk = chunk_decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._take_leniently(payload, said)
            return
        if not event and _is_usual(chunk):
            self._take_chunk(chunk, said)
        else:
            self._take_leniently(payload, said)

    def _take_chunk(self, chunk: Chunk, said: list[Said]) -> None:
        (choice,) = chunk.choices
        delta = choice.delta
        if delta is not None:
            if reasoning := delta.reasoning_content or delta.reasoning:
                self._say(Reasoning(reasoning), said)
            if text := delta.content or delta.refusal:
                self._say(Text(text), said)
        if chunk.usage is not None:
            self._usage = usage_of(chunk.usage) or self._usage
        if choice.finish_reason:
            self._end_for(choice.finish_reason)
        if choice.native_finish_reason and gave_up(choice.native_finish_reason):
            self._end_for(choice.native_finish_reason)

    def _take_leniently(self, payload: Payload, said: list[Said]) -> None:
        try:
            event, stray = read_leniently(payload.data, payload.event.decode("ascii", "replace"))
        except ResponderFailed as failure:
            self._failure = failure
            return
        for piece in event.said:
            self._say(piece, said, stray=stray)
        self._note(event)

    def _note(self, event: Event) -> None:
        self._usage = event.usage or self._usage
        if event.reason is not None:
            self._end_for(event.reason)
        if event.failure is not None:
            self._failure = event.failure
        elif event.whole and self._failure is None:
            self._done()


def _is_usual(chunk: Chunk) -> bool:
    """Whether the strict reader has seen everything in the event."""
    if len(chunk.choices) != 1:
        return False
    (choice,) = chunk.choices
    return choice.index == 0 and choice.delta is not None
