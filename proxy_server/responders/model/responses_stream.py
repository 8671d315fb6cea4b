"""The stream of OpenAI's Responses API."""

from collections.abc import Sequence
from typing import Any

import msgspec

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.events import Piece, Reasoning, Text
from proxy_server.responders.model.answer_stream import AnswerStream, Said
from proxy_server.responders.model.framing import Payload
from proxy_server.responders.model.payloads import decoded_object
from proxy_server.responders.model.reasoning_tags import ReasoningTags
from proxy_server.responders.model.responses_payloads import (
    REASONING_TYPES,
    TEXT_TYPES,
    Response,
    Source,
    delta_decoder,
    deltas_decoder,
    end_of,
    error_of,
    source_of,
)
from proxy_server.responders.model.source import Source as Body

_DONE = (b"done", b"[done]")
_KINDS: dict[str, type[Text] | type[Reasoning]] = {
    **dict.fromkeys(TEXT_TYPES, Text),
    **dict.fromkeys(REASONING_TYPES, Reasoning),
}
_BETWEEN = "\n\n"


class ResponsesStream(AnswerStream):
    def __init__(self, source: Body, tags: ReasoningTags) -> None:
        super().__init__(source, tags)
        self._has_text = False
        self._has_reasoning = False
        # the separator between two messages of one answer, or two summaries
        self._gap: dict[type[Text | Reasoning], str] = {Text: "", Reasoning: ""}
        self._cited: set[str] = set()

    def _take_together(self, count: int, array: bytes, said: list[Said]) -> bool:
        try:
            deltas = deltas_decoder.decode(array)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        if len(deltas) != count or not all(delta.type in _KINDS for delta in deltas):
            return False
        for delta in deltas:
            self._add_delta(_KINDS[delta.type], delta.delta, said)
        return True

    def _take_one(self, payload: Payload, said: list[Said]) -> None:
        if payload.data.strip(b"\"' ").lower() in _DONE:
            self._done()
            return
        try:
            delta = delta_decoder.decode(payload.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._take_leniently(payload, said)
            return
        if found := _KINDS.get(delta.type):
            self._add_delta(found, delta.delta, said)
        else:
            self._take_leniently(payload, said)

    def _add_delta(
        self,
        kind: type[Text] | type[Reasoning],
        text: str,
        said: list[Said],
        *,
        stray: bool = False,
    ) -> None:
        if not text:
            return
        if kind is Text:
            self._has_text = True
        else:
            self._has_reasoning = True
        if gap := self._gap[kind]:
            self._gap[kind] = ""
            self._say(kind(gap), said)
        self._say(kind(text), said, stray=stray)

    def _take_leniently(self, payload: Payload, said: list[Said]) -> None:
        try:
            found, stray = decoded_object(payload.data)
        except ResponderFailed as failure:
            self._failure = failure
            return
        own = found.get("type")
        kind = own if isinstance(own, str) else payload.event.decode("ascii", "replace")
        if end := end_of(found, kind):
            self._end(end, said, stray=stray)
        elif failure_found := error_of(found, kind):
            self._failure = failure_found
        else:
            self._take_object(found, kind, said, stray=stray)

    def _take_object(
        self, found: dict[str, Any], kind: str, said: list[Said], *, stray: bool
    ) -> None:
        delta = found.get("delta")
        if isinstance(delta, dict):
            delta = delta.get("text")
        if kind in _KINDS and isinstance(delta, str):
            self._add_delta(_KINDS[kind], delta, said, stray=stray)
        elif kind == "response.output_text.annotation.added":
            self._cite([source_of(found.get("annotation"))], said)
        elif kind == "response.output_item.added" and self._has_text:
            item = found.get("item")
            if isinstance(item, dict) and item.get("type") == "message":
                self._gap[Text] = _BETWEEN
        elif kind == "response.reasoning_summary_part.added" and self._has_reasoning:
            self._gap[Reasoning] = _BETWEEN

    def _end(self, end: Response, said: list[Said], *, stray: bool) -> None:
        """Some servers send text only here that they did not stream."""
        if not self._has_reasoning and not self._has_text:
            self._add_delta(Reasoning, end.reasoning, said, stray=stray)
        if not self._has_text:
            self._add_delta(Text, end.text, said, stray=stray)
        self._cite(end.sources, said)
        self._usage = end.usage or self._usage
        if end.failure is not None:
            self._failure = end.failure
        elif end.reason is not None:
            self._reason = end.reason
            self._done()

    def _cite(self, sources: Sequence[Source | None], said: list[Said]) -> None:
        """Cites each page once."""
        for source in sources:
            if source is None or source.url in self._cited:
                continue
            self._cited.add(source.url)
            title = {"title": source.title} if source.title else {}
            number = f"source-{len(self._cited)}"
            said.append(
                Piece({"type": "source-url", "sourceId": number, "url": source.url, **title})
            )
