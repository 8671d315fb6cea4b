"""Checks the chunks of a responder, and orders them so that every client can handle them.

Clients append text to the last text part. So a growing text must be the last one: what arrives
beside it waits, in order of arrival, until that text has ended; the resulting parts are the same.
Only tools, which clients never mistake for text, may appear and grow after it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

import msgspec

from proxy_server.answers.places import Call, Calls, Place
from proxy_server.answers.said import Added, Said
from proxy_server.errors import ResponderFailed
from proxy_server.protocol import tool_parts
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.events import Reasoning, Text
from proxy_server.protocol.messages import Part, ReasoningPart, TextPart
from proxy_server.protocol.shapes import Json, WrongShapeError, checked, is_data

_BAD_CHUNK = "The answer could not be shown. Try again."
_MOST_BYTES = 200_000
"""Per chunk as JSON: it goes out in one publication, and a client may have to catch up on many."""
_KINDS: dict[str, type[Text] | type[Reasoning]] = {"text": Text, "reasoning": Reasoning}


def bad_chunk(details: str) -> ResponderFailed:
    """The failure of an answer whose responder yielded an invalid chunk."""
    return ResponderFailed("bad_chunk", _BAD_CHUNK, details)


class Incoming:
    """The output of one responder.

    parts: what the message holds already.
    busy: whether plain text has to wait its turn.
    held: the bytes that wait.
    """

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self.held = 0
        self._count = 0
        self._first: Place | None = None
        """The text with an id that is growing in the clients now."""
        self._waiting: deque[Place] = deque()
        self._texts: dict[tuple[str, str], Place] = {}
        self._calls = Calls()
        self._data: dict[tuple[str, str], tuple[Place, int]] = {}
        for part in parts:
            if not isinstance(part, TextPart | ReasoningPart):
                self._know(msgspec.json.decode(encode(part)))

    def _know(self, part: Json) -> None:
        place = Place([], sent=True)
        if part["type"] == "step-start":
            self._calls.begin_step()
        elif tool_parts.is_tool(part):
            streaming = part.get("state") == "input-streaming"
            call = Call(place, tool_parts.is_dynamic(part), streaming)
            self._calls.begin(part["toolCallId"], call)
            if "approval" in part:
                self._calls.ask(part["approval"]["id"], call)
        elif is_data(part["type"]) and "id" in part:
            self._data[part["type"], part["id"]] = place, self._calls.step

    @property
    def busy(self) -> bool:
        return self._first is not None or bool(self._waiting)

    def plain(self, piece: Text | Reasoning) -> Sequence[Said]:
        """Adds text without an id; it forms its own part beside texts with ids."""
        if not self.busy:
            return [piece]
        last = self._waiting[-1] if self._waiting else None
        if last is not None and type(last.said[0]) is type(piece):
            return self._say(last, piece)
        return self._put(Place([piece]))

    def take(self, chunk: Mapping[str, Any]) -> Sequence[Said]:
        """Returns what can go out now. Raises ResponderFailed for an invalid chunk."""
        self._count += 1
        kind = chunk.get("type")
        try:
            if kind in ("text-delta", "reasoning-delta") and chunk.get("providerMetadata") is None:
                return self._grow(kind.partition("-")[0], chunk)
            known = checked(chunk)
            size = len(encode(known))
            if size > _MOST_BYTES:
                raise WrongShapeError(f"it has {size} bytes, more than {_MOST_BYTES}")
            return self._take(known, size)
        except WrongShapeError as error:
            self._fail(kind, str(error), error)
        except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
            self._fail(kind, "it is not valid JSON", error)

    def _fail(self, kind: object, problem: str, error: Exception) -> NoReturn:
        """Names the defect and its place, but not the value: that is part of the answer."""
        raise bad_chunk(f"chunk {self._count}, {str(kind)[:100]!r}: {problem}") from error

    def _take(self, chunk: Json, size: int) -> Sequence[Said]:
        kind: str = chunk["type"]
        if is_data(kind):
            return self._take_data(chunk, size)
        if kind in _TEXTS:
            return self._take_text(chunk, size)
        if (row := _TABLE.get(kind)) is not None:
            return row(self, chunk, size)
        if kind == "start-step":
            self._calls.begin_step()
        return self._put(Place([Added(chunk, size)]))

    def _put(self, place: Place) -> Sequence[Said]:
        """Begins a part: now, or after what waits."""
        if self._waiting or (self._first is not None and not place.tool):
            self._waiting.append(place)
            self._hold(place.said)
            return ()
        return self._send(place)

    def _send(self, place: Place) -> Sequence[Said]:
        place.sent = True
        first = place.said[0]
        if isinstance(first, Added):
            place.said[0] = first._replace(begins=True, beside=self._first is not None)
        if place.growing:
            self._first = place
        return place.said

    def _hold(self, said: Iterable[Said]) -> None:
        self.held += sum(_size(piece) for piece in said)

    def _say(self, place: Place, *said: Said) -> Sequence[Said]:
        """Adds to a part."""
        if place.sent:
            return said
        place.said += said
        self._hold(said)
        return ()

    def _go_on(self) -> list[Said]:
        """Releases what no growing text blocks any more."""
        said: list[Said] = []
        while self._waiting and (self._first is None or self._waiting[0].tool):
            place = self._waiting.popleft()
            self.held -= sum(_size(piece) for piece in place.said)
            said += self._send(place)
        return said

    def end(self) -> list[Said]:
        """Returns all that waits: the texts in front of it get nothing more."""
        said: list[Said] = []
        while self._first is not None or self._waiting:
            if self._first is not None:
                said.append(Added({"type": self._ending(self._first)}, 0))
                self._first = None
            said += self._go_on()
        self._texts.clear()
        return said

    def _ending(self, place: Place) -> str:
        name = next(name for (name, _), known in self._texts.items() if known is place)
        return f"{name}-end"

    def _grow(self, name: str, chunk: Mapping[str, Any]) -> Sequence[Said]:
        place, delta = self._texts.get((name, chunk.get("id", ""))), chunk.get("delta")
        if not isinstance(delta, str):
            raise WrongShapeError("delta is not text")
        if place is None:
            raise WrongShapeError(f"there is no {name}-start for its id, or it has ended")
        return self._say(place, _KINDS[name](delta)) if delta else ()

    def _take_text(self, chunk: Json, size: int) -> Sequence[Said]:
        name, _, step = chunk["type"].partition("-")
        key = (name, chunk["id"])
        place = self._texts.get(key)
        if step == "start":
            if place is not None:
                raise WrongShapeError("its id is already in use")
            place = self._texts[key] = Place([Added(chunk, size)], growing=True)
            return self._put(place)
        if place is None:
            raise WrongShapeError(f"there is no {name}-start for its id, or it has ended")
        said = self._say(place, Added(chunk, size))
        if step == "delta":
            return said
        del self._texts[key]
        place.growing = False
        if place is not self._first:
            return said
        self._first = None
        return [*said, *self._go_on()]

    def _take_data(self, chunk: Json, size: int) -> Sequence[Said]:
        if chunk.get("transient"):
            return [Added(chunk, size)]
        key = (chunk["type"], chunk.get("id", ""))
        if "id" in chunk and key in self._data:
            return self._say(self._data[key][0], Added(chunk, size))
        place = Place([Added(chunk, size)])
        if "id" in chunk:
            self._data[key] = place, self._calls.step
        return self._put(place)

    def _call(self, chunk: Json, size: int) -> Sequence[Said]:
        """A call begins, or its input is complete or invalid."""
        kind, call_id = chunk["type"], chunk["toolCallId"]
        call = self._calls.in_step(call_id)
        dynamic, streaming = bool(chunk.get("dynamic")), kind == "tool-input-start"
        if call is None:
            call = Call(Place([Added(chunk, size)], tool=True), dynamic, streaming)
            self._calls.begin(call_id, call)
            return self._put(call.place)
        if streaming:
            raise WrongShapeError("its toolCallId is already in use")
        if dynamic != call.dynamic and kind != "tool-input-error":
            raise WrongShapeError("it and its start must both be dynamic, or neither")
        call.streaming = False
        return self._say(call.place, Added(chunk, size))

    def _grow_input(self, chunk: Json, size: int) -> Sequence[Said]:
        call = self._calls.in_step(chunk["toolCallId"])
        if call is None or not call.streaming:
            raise WrongShapeError(
                "there is no tool-input-start for its toolCallId, or it has ended"
            )
        return self._say(call.place, Added(chunk, size))

    def _of_call(self, chunk: Json, size: int) -> Sequence[Said]:
        """The result of a call, or a request to approve it."""
        call = self._calls.latest(chunk["toolCallId"])
        if chunk["type"] == "tool-approval-request":
            self._calls.ask(chunk["approvalId"], call)
        call.streaming = False
        return self._say(call.place, Added(chunk, size))

    def _decide(self, chunk: Json, size: int) -> Sequence[Said]:
        return self._say(self._calls.asked(chunk["approvalId"]).place, Added(chunk, size))

    def _finish_step(self, chunk: Json, size: int) -> Sequence[Said]:
        if self._waiting:
            return self._say(self._waiting[-1], Added(chunk, size))
        return [Added(chunk, size)]

    def _reset_step(self, chunk: Json, size: int) -> Sequence[Said]:
        """Drops the current step's output: it is about to be sent again."""
        said = self.end()
        self._calls.reset_step()
        step = self._calls.step
        self._data = {key: known for key, known in self._data.items() if known[1] < step}
        return [*said, Added(chunk, size)]


def _size(piece: Said) -> int:
    return piece.bytes if isinstance(piece, Added) else len(piece.text)


_TEXTS = frozenset(
    f"{kind}-{step}" for kind in ("text", "reasoning") for step in ("start", "delta", "end")
)
_TABLE: Mapping[str, Callable[[Incoming, Json, int], Sequence[Said]]] = {
    **dict.fromkeys(
        ("tool-input-start", "tool-input-available", "tool-input-error"), Incoming._call
    ),
    **dict.fromkeys(
        (
            "tool-approval-request",
            "tool-output-available",
            "tool-output-error",
            "tool-output-denied",
        ),
        Incoming._of_call,
    ),
    "tool-input-delta": Incoming._grow_input,
    "tool-approval-response": Incoming._decide,
    "finish-step": Incoming._finish_step,
    "reset-step": Incoming._reset_step,
}
