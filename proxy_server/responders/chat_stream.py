"""The stream of a chat completion: server-sent events in, our own events out.

Read below the SDK's chunk objects, which cost several times the rest of a token's way. Nothing is
read ahead: what the caller does not take stays in the socket, where TCP slows the provider down.
"""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.events import Event, Finish, FinishReason, Reasoning, Text
from proxy_server.protocol.messages import Usage
from proxy_server.responders.time_limit import Patience
from proxy_server.responders.transport import Stream

_MAX_EVENT = 1 << 20
BAD_ANSWER = "The model gave an answer that makes no sense. Try again."
_BROKEN_OFF = "The model broke off its answer. Try again."


class ChatStream:
    """Iteration gives all events that one read of the socket brought, the end in a list alone."""

    def __init__(self, stream: Stream, patience: Patience, idle_seconds: float) -> None:
        self._stream = stream
        self._patience = patience
        self._idle_seconds = idle_seconds
        self._finish_reason: str | None = None
        self._usage: Usage | None = None
        self._spoke = False
        self._rest = b""
        self._done = False
        self._told = False
        self._halves = False
        self._surrogate = ""
        self._failure: ResponderFailed | None = None

    def __aiter__(self) -> "ChatStream":
        return self

    async def __anext__(self) -> Sequence[Event]:
        if self._failure is not None:
            raise self._failure
        while not self._done:
            if said := self._parse(await self._read()):
                self._patience.renew(self._idle_seconds)
                return said
        if self._told:
            raise StopAsyncIteration
        self._told = True
        finish = Finish(_FINISH_REASONS.get(self._finish_reason or "", "other"))
        return [finish] if self._usage is None else [self._usage, finish]

    async def _read(self) -> bytes:
        """What the socket has; nothing at the stream's end, if the answer is whole by then."""
        try:
            with self._patience:
                data = await self._stream.read()
            cause = "the stream ended early"
        except TimeoutError as error:
            if self._finish_reason is None:
                reason = "idle_timeout" if self._spoke else "first_token_timeout"
                raise too_late(reason) from error
            data, cause = b"", "silence"
        except ConnectionError as error:
            data, cause = b"", repr(error)
        if not data:
            if self._finish_reason is None:
                raise ResponderFailed("broken_off", _BROKEN_OFF, cause)
            self._done = True
        return data

    def _parse(self, data: bytes) -> list[Text | Reasoning]:
        if b"\r" in data:
            # JSON escapes a carriage return, so each one here belongs to a line's end.
            data = data.replace(b"\r", b"")
        *events, self._rest = (self._rest + data).split(b"\n\n")
        if len(self._rest) > _MAX_EVENT:
            raise ResponderFailed("malformed", BAD_ANSWER, f"an event beyond {_MAX_EVENT} bytes")
        said: list[Text | Reasoning] = []
        try:
            for event in events:
                if self._done:
                    break
                self._take_event(event, said)
        except ResponderFailed as failure:
            if not said:
                raise
            # what was said before is part of the answer
            self._failure = failure
        return said

    def _take_event(self, event: bytes, said: list[Text | Reasoning]) -> None:
        if event.startswith(b"data: ") and b"\n" not in event:
            payload = event[6:]
        else:
            payload = _payload(event)
        if payload == b"[DONE]":
            if self._finish_reason is None and not self._spoke:
                raise ResponderFailed("empty", BAD_ANSWER, "no chunk before [DONE]")
            self._finish_reason = self._finish_reason or "stop"
            self._done = True
        elif payload:
            self._take(payload, said)

    def _take(self, payload: bytes, said: list[Text | Reasoning]) -> None:
        try:
            chunk = _chunks.decode(payload)
        except msgspec.ValidationError as error:
            raise ResponderFailed("malformed", BAD_ANSWER, repr(error)) from error
        except msgspec.DecodeError:
            # The typed decoder refuses half a surrogate pair, which some providers do send.
            self._halves = True
            chunk = _decode_leniently(payload)
        if chunk.error is not None:
            raise ResponderFailed("provider_error", _BROKEN_OFF, codes(chunk.error))
        if chunk.usage is not None:
            self._usage = chunk.usage.counted()
        for choice in chunk.choices:
            delta = choice.delta
            if choice.finish_reason is not None:
                self._finish_reason = choice.finish_reason
            if delta is None:
                continue
            if reasoning := delta.reasoning_content or delta.reasoning:
                self._spoke = True
                if not self._halves or (reasoning := self._whole(reasoning)):
                    said.append(Reasoning(reasoning))
            if text := delta.content or delta.refusal:
                self._spoke = True
                if not self._halves or (text := self._whole(text)):
                    said.append(Text(text))

    def _whole(self, text: str) -> str:
        """Joins a character that the provider split between two events as escaped surrogates."""
        text = self._surrogate + text
        self._surrogate = ""
        if "\ud800" <= text[-1] <= "\udbff":
            self._surrogate, text = text[-1], text[:-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class _UsageDetails(Struct, gc=False):
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


class _Usage(Struct, gc=False):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    completion_tokens_details: _UsageDetails | None = None
    prompt_tokens_details: _UsageDetails | None = None

    def counted(self) -> Usage:
        none = _UsageDetails()
        return Usage(
            input_tokens=self.prompt_tokens,
            output_tokens=self.completion_tokens,
            reasoning_tokens=(self.completion_tokens_details or none).reasoning_tokens or 0,
            cached_input_tokens=(self.prompt_tokens_details or none).cached_tokens or 0,
        )


class _Delta(Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None


class _Choice(Struct, gc=False):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(Struct, gc=False):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


_chunks = msgspec.json.Decoder(_Chunk)
_FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "tool_calls": "tool-calls",
}


def _decode_leniently(payload: bytes) -> _Chunk:
    try:
        return msgspec.convert(json.loads(payload), _Chunk)
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        raise ResponderFailed("malformed", BAD_ANSWER, f"{error} ({len(payload)} bytes)") from error


def _payload(event: bytes) -> bytes:
    """The data of an event that has more lines than one, or a comment, or no space."""
    lines = (line for line in event.split(b"\n") if line.startswith(b"data:"))
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines)


def too_late(reason: str) -> ResponderFailed:
    return ResponderFailed(reason, "The model did not answer in time. Try again.")


def codes(error: object) -> str:
    """A provider's error without its words: they may quote the prompt, or the answer."""
    known = error if isinstance(error, dict) else {}
    said = {name: str(known[name])[:100] for name in ("type", "code", "param") if known.get(name)}
    return "; ".join(f"{name} {value}" for name, value in said.items()) or "no code"
