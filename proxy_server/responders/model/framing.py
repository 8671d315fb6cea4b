"""From bytes to payloads: server-sent events as real servers send them, and JSON bodies.

The first bytes decide what a body is, not its content type. Each data line that is a JSON object by
itself counts as an event at once: some servers end events with one line break, and none starts a
new line after a complete object.
"""

from typing import NamedTuple

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PREFIXES = (b"data: {", b"event: response.")
_LONGEST_PREFIX = 100
_MAX_EVENT = 1 << 20
_MAX_BODY = 8 << 20


class OversizedError(ValueError):
    """An event or a JSON body that exceeds the size limit."""


class Payload(NamedTuple):
    """The data of one event; `event` is its type if it has one."""

    data: bytes
    event: bytes = b""


class Frames:
    """Takes bytes as they are read and returns the complete payloads.

    kind: `events`, `json` or `other`; empty until something other than white space arrives.
    """

    def __init__(self) -> None:
        self.kind = ""
        self._rest = b""
        self._ended_in_cr = False
        self._event = b""
        # lines of data that do not form an object yet
        self._lines: list[bytes] = []

    def feed(self, data: bytes) -> list[Payload]:
        """Raises OversizedError."""
        if not self.kind:
            data = self._look(data)
        if b"\r" in data or self._ended_in_cr:
            data = self._with_one_line_end(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > (_MAX_BODY if self.kind == "json" else _MAX_EVENT):
            raise OversizedError(f"no end of an event in {len(self._rest)} bytes")
        return self._payloads(lines)

    def together(self, data: bytes) -> tuple[int, bytes] | None:
        """The number of events in a read, and all of them as one JSON array, without a loop.

        JSON contains no raw line breaks, so in a run of events of one shape the separators can be
        replaced by commas. Returns None if that does not work. If the array is used, call
        `keep_rest` with the same data; otherwise call `feed` with it.
        """
        if self.kind != "events" or self._lines or self._event or self._ended_in_cr:
            return None
        data = self._rest + data
        end = data.rfind(b"}\n\n") + 1
        begin = data.find(b"{", 0, _LONGEST_PREFIX)
        if end <= 0 or begin < 0 or not data.startswith(_PREFIXES):
            return None
        between = b"\n\n" + data[: begin + 1]
        count = data.count(between, 0, end)
        own_lines = between.count(b"\n") - 2
        if data.count(b"\n", 0, end) != count * (own_lines + 2) + own_lines or b"\r" in data:
            return None
        return count + 1, b"[%b]" % data[begin:end].replace(between, b",{")

    def keep_rest(self, data: bytes) -> None:
        """Records that the array of that read was used."""
        data = self._rest + data
        self._rest = data[data.rfind(b"}\n\n") + 3 :]

    def end(self) -> list[Payload]:
        """The rest of the body, after its last line break."""
        rest, self._rest = self._rest, b""
        found = self._payloads(rest.split(b"\n"))
        self._end_event(found)
        return found

    def _look(self, data: bytes) -> bytes:
        """Finds out what the body is; the byte order mark may be split between reads."""
        data, self._rest = self._rest + data, b""
        if len(data) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(data):
            self._rest = data
            return b""
        found = data.removeprefix(_BYTE_ORDER_MARK).lstrip()
        if found:
            first = found[:1]
            self.kind = "json" if first in b"{[" else "other" if first == b"<" else "events"
        return found

    def _with_one_line_end(self, data: bytes) -> bytes:
        # JSON escapes carriage returns, so each one here is part of a line break
        if self._ended_in_cr and data.startswith(b"\n"):
            data = data[1:]
        self._ended_in_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _payloads(self, lines: list[bytes]) -> list[Payload]:
        found: list[Payload] = []
        for line in lines:
            if line.startswith(b"data:"):
                self._take(line[5:].strip(), found)
            elif self.kind == "json":
                self._take(line, found)
            elif not line:
                self._end_event(found)
            elif line.startswith(b"event:"):
                self._end_event(found)
                self._event = line[6:].strip().lower()
            else:
                self._take_odd(line.strip(), found)
        return found

    def _take_odd(self, line: bytes, found: list[Payload]) -> None:
        """A line that is not a field: some errors come as bare objects between events."""
        if line.startswith(b"data:"):
            self._take(line[5:].strip(), found)
        elif line[:1] == b"{":
            self._take(line, found)

    def _take(self, data: bytes, found: list[Payload]) -> None:
        if not self._lines and (data[-1:] == b"}" or data[:1] not in (b"{", b"[")):
            found.append(Payload(data, self._event))
            return
        self._lines.append(data)
        if sum(map(len, self._lines)) > _MAX_BODY:
            raise OversizedError(f"an event of more than {_MAX_BODY} bytes")
        if self.kind == "json" or data[-1:] in (b"}", b"]"):
            self._try_lines(found)

    def _try_lines(self, found: list[Payload]) -> None:
        """Whether the lines may be an object by now, judging by the brackets."""
        joined = b"\n".join(self._lines)
        if joined.count(b"{") == joined.count(b"}") and joined.count(b"[") == joined.count(b"]"):
            found.append(Payload(joined, self._event))
            self._lines = []

    def _end_event(self, found: list[Payload]) -> None:
        if self._lines:
            found.append(Payload(b"\n".join(self._lines), self._event))
            self._lines = []
        self._event = b""
