"""The stream of a route: chunks of the AI SDK's UI message stream, or of a chat completion."""

import json
from typing import Any

import msgspec

from proxy_server.errors import CannotAnswer, ResponderFailed
from proxy_server.protocol.events import Given, Piece
from proxy_server.protocol.messages import Usage
from proxy_server.responders.model.answer_stream import Said
from proxy_server.responders.model.chat_stream import ChatStream
from proxy_server.responders.model.failures import BROKEN_OFF
from proxy_server.responders.model.framing import Payload
from proxy_server.responders.model.payloads import count, decoded_object
from proxy_server.responders.model.reasoning_tags import ReasoningTags
from proxy_server.responders.model.source import Source
from proxy_server.responders.python.halves import Halves

_DELTAS = ("text-delta", "reasoning-delta")
# The service itself starts messages; of these chunks it uses only the metadata.
_METADATA = ("start", "message-metadata")
# Chunks that do not count as a word of the answer.
_FRAMES = frozenset(
    (
        *("text-start", "text-end", "reasoning-start", "reasoning-delta", "reasoning-end"),
        *("start-step", "finish-step"),
    )
)
_MOST_SENTENCE = 500
_chunks = msgspec.json.Decoder(list[dict[str, Any]])


class RouteStream(ChatStream):
    """Reads a route's stream; the first event decides which of the two formats it is."""

    def __init__(self, source: Source, tags: ReasoningTags) -> None:
        super().__init__(source, tags)
        self._is_ui: bool | None = None
        self._halves = Halves()

    def _take_together(self, count: int, array: bytes, said: list[Said]) -> bool:
        if self._is_ui is None:
            return False
        if not self._is_ui:
            return super()._take_together(count, array, said)
        try:
            chunks = _chunks.decode(array)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        if len(chunks) != count:
            return False
        for chunk in chunks:
            self._take_ui(chunk, said)
            if self._failure is not None:
                break
        return True

    def _take_one(self, payload: Payload, said: list[Said]) -> None:
        if self._is_ui is False or payload.data[:1] != b"{":
            super()._take_one(payload, said)
            return
        try:
            found, stray = decoded_object(payload.data)
        except ResponderFailed as failure:
            self._failure = failure
            return
        if self._is_ui is None:
            self._is_ui = isinstance(found.get("type"), str) and "choices" not in found
        if self._is_ui:
            self._take_ui(found, said, stray=stray)
        else:
            super()._take_one(payload, said)

    def _take_ui(self, chunk: dict[str, Any], said: list[Said], *, stray: bool = False) -> None:
        kind = chunk.get("type")
        if kind in _DELTAS:
            self._grow(chunk, said, stray=stray)
        elif kind == "error":
            self._failure = _failed_with(chunk.get("errorText"))
        elif kind == "abort":
            self._failure = ResponderFailed("broken_off", BROKEN_OFF, "an abort chunk")
        elif kind == "finish":
            self._take_metadata(chunk, said)
            reason = chunk.get("finishReason")
            self._end_for(reason if isinstance(reason, str) and reason else "stop")
        elif kind in _METADATA:
            self._take_metadata(chunk, said)
        elif isinstance(kind, str):
            self._add_piece(chunk, said)

    def _grow(self, chunk: dict[str, Any], said: list[Said], *, stray: bool) -> None:
        """Adds to a text; whether the text exists, and whether this is text, is checked later."""
        kind, key, delta = chunk["type"], chunk.get("id"), chunk.get("delta")
        if delta == "":
            return
        if isinstance(key, str) and isinstance(delta, str):
            chunk = {**chunk, "delta": self._halves.join(kind, key, delta, from_bytes=stray)}
            if kind == "text-delta" and not delta.isspace():
                self._has_words = True
        self._spoke = True
        if self._reason is not None:
            self._reasons_lie = True
        said.append(Piece(chunk))

    def _add_piece(self, chunk: dict[str, Any], said: list[Said]) -> None:
        kind = chunk["type"]
        if kind not in _FRAMES:
            self._spoke = self._has_words = True
            if self._reason is not None:
                self._reasons_lie = True
        said += map(Piece, self._halves.end(kind, chunk.get("id")))
        said.append(Piece(_mended(chunk)))

    def _held_back(self) -> list[Said]:
        return [*super()._held_back(), *map(Piece, self._halves.rest())]

    def _take_metadata(self, chunk: dict[str, Any], said: list[Said]) -> None:
        metadata = chunk.get("messageMetadata")
        if isinstance(metadata, dict):
            self._usage = _usage_of(metadata.get("usage")) or self._usage
            said.append(Given(_mended(metadata)))


def _failed_with(sentence: object) -> ResponderFailed:
    """The operator's route is trusted: it masks errors that users must not see itself."""
    if not isinstance(sentence, str) or not (words := " ".join(sentence.split())):
        return ResponderFailed("responder", BROKEN_OFF, "an error chunk without a text")
    if len(words) > _MOST_SENTENCE:
        words = f"{words[: _MOST_SENTENCE - 1]}…"
    return CannotAnswer(words, f"an error chunk of {len(sentence)} characters")


def _usage_of(found: object) -> Usage | None:
    """The AI SDK's `LanguageModelUsage`, which a route may put into the metadata."""
    if not isinstance(found, dict):
        return None
    given, made = count(found, "inputTokens"), count(found, "outputTokens")
    if not given and not made:
        return None
    return Usage(
        input_tokens=given,
        output_tokens=made,
        reasoning_tokens=count(found.get("outputTokenDetails"), "reasoningTokens")
        or count(found, "reasoningTokens"),
        cached_input_tokens=count(found.get("inputTokenDetails"), "cacheReadTokens")
        or count(found, "cachedInputTokens"),
    )


def _mended(chunk: dict[str, Any]) -> dict[str, Any]:
    """Replaces half characters, which JSON can contain and UTF-8 cannot, by U+FFFD."""
    try:
        msgspec.json.encode(chunk)
    except (UnicodeEncodeError, ValueError):
        text = json.dumps(chunk, ensure_ascii=False)
        mended: dict[str, Any] = json.loads(
            text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        )
        return mended
    return chunk
