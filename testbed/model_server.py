"""A server of OpenAI's two APIs, and of an AI SDK route, `/api/chat`.

The prompt decides what it does, and it records what it sent. The last message is
`/command [count] [name=value …]`; anything else gets five tokens, or a title if it asks for one:

    /tokens 60           that many tokens of testbed.text, 100 per second
      finish=length      the finish reason
      rate=50            tokens per second; 0: as fast as the reader reads
      after=0.5          the seconds before the first
      seed=3             another text
      vary=1             yet another one for each request with the same mark
      size=20            that many tokens' text in each chunk
      mark=abc           the name under which /sent returns what was sent; default: the prompt
    /stall 5, /cut 5, /half 5      then nothing more, a closed connection, half an event
    /split 5, /error 5, /abort 5, /done 5, /gzip 5      odd ends: see odd_ends.py
    /silent, /empty, /not-sse, /crlf, /bytes, /surrogates, /reasoning, /hostile, /status 429 3
    /call NAME {"some": "arguments"}   a call of that tool; then it repeats the tool's output

GET /sent?mark=… returns [{"text", "times", "began_at", "ended_at", "whole", "retry"}, …], one for
each request: the text written, the monotonic seconds of each chunk, of the request and of its end,
whether the reader stayed to the end, and which of the SDK's own retries it was (0: none).
GET /asked?mark=… returns the bodies of these requests; without a mark, of all requests.
"""

import asyncio
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import uvloop
from aiohttp import web

from testbed.model_formats import CHAT, DONE, RESPONSES, UI, Format, Piece, event, pieces
from testbed.model_tools import call_of, prompt_above, said_with_tools
from testbed.odd_ends import ODD_ENDS
from testbed.text import HOSTILE, tokens

_RATE = 100.0
_SEE_THAT_READER_LEFT_SECONDS = 0.02
_WRITE_BUFFER = 1 << 16
_TIMER_PRECISION = 0.001
_TEXTS = ("text", "input_text")


@dataclass
class Sent:
    asked: dict[str, Any]
    pieces: tuple[Piece, ...] = ()
    times: list[float] = field(default_factory=list)
    began_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    whole: bool = False
    retry: int = 0
    events: list[bytes] = field(default_factory=list)

    def values(self) -> dict[str, object]:
        return {
            "text": "".join(piece.text for piece in self.pieces[: len(self.times)]),
            "times": self.times,
            "began_at": self.began_at,
            "ended_at": self.ended_at,
            "whole": self.whole,
            "retry": self.retry,
        }


def prompt_of(content: Any) -> str:
    """The last prompt: after others if those had no answer; images may accompany it."""
    if not isinstance(content, str):
        content = "\n".join(part["text"] for part in content if part["type"] in _TEXTS)
    before, _, last = content.rpartition("\n")
    return str(last if before and last.split(" ")[0] in COMMANDS else content)


def command_for(words: str) -> str:
    """The command for a prompt without one."""
    return "/title" if "a title of at most" in words else "/tokens"


class ReaderLeft(Exception):
    """The client closed the connection."""


class Model:
    def __init__(self) -> None:
        self._sent: defaultdict[str, list[Sent]] = defaultdict(list)

    async def sent(self, request: web.Request) -> web.Response:
        return web.json_response([one.values() for one in self._sent[request.query["mark"]]])

    async def asked(self, request: web.Request) -> web.Response:
        if "mark" in request.query:
            return web.json_response([one.asked for one in self._sent[request.query["mark"]]])
        return web.json_response([one.asked for same in self._sent.values() for one in same])

    async def chat(self, request: web.Request) -> web.StreamResponse:
        return await self._complete(request, CHAT)

    async def route(self, request: web.Request) -> web.StreamResponse:
        return await self._complete(request, UI)

    async def responses(self, request: web.Request) -> web.StreamResponse:
        return await self._complete(request, RESPONSES)

    async def _complete(self, request: web.Request, spoken: Format) -> web.StreamResponse:
        asked = await request.json()
        prompt = prompt_of((spoken is not UI and prompt_above(asked)) or spoken.contents(asked)[-1])
        command, *words = prompt.split() if prompt.startswith("/") else (command_for(prompt),)
        if calling := call_of(prompt):
            words = calling.options.split()
        numbers = [int(word) for word in words if "=" not in word]
        options = dict(word.split("=", 1) for word in words if "=" in word)
        retry = int(request.headers.get("x-stainless-retry-count", "0"))
        record = Sent(asked, retry=retry)
        same = self._sent[options.get("mark", prompt)]
        if "vary" in options:
            options["seed"] = str(int(options.get("seed", "0")) + len(same))
        same.append(record)
        if calling:
            said, options["finish"] = said_with_tools(asked["messages"], calling, len(same))
            record.events = [event(delta) for delta in said]
        try:
            return await self._answer(request, spoken, command, numbers, options, record)
        except (ReaderLeft, ConnectionError):
            return web.Response()
        finally:
            record.ended_at = time.monotonic()

    async def _answer(
        self,
        request: web.Request,
        spoken: Format,
        command: str,
        numbers: list[int],
        options: dict[str, str],
        record: Sent,
    ) -> web.StreamResponse:
        if command == "/status":
            headers = {"Retry-After": str(numbers[1])} if numbers[1:] else {}
            error = {"error": {"message": "no"}}
            return web.json_response(error, status=numbers[0], headers=headers)
        if command == "/not-sse":
            return web.Response(text="<html>hello</html>", content_type="text/html")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        if command == "/gzip":
            response.enable_compression(web.ContentCoding.gzip)
            # the paced pieces bypass compression
            options["rate"] = "0"
        await response.prepare(request)
        if spoken.begin:
            await response.write(spoken.begin)
        odd = ODD_ENDS.get(command)
        if odd or command in ("/tokens", "/stall", "/cut", "/half"):
            count = numbers[0] if numbers else 5
            await stream(request, response, spoken, count, options, record)
        if odd:
            await response.write(odd.said)
            record.whole = odd.whole
            if odd.cut and request.transport is not None:
                request.transport.close()
            return response
        for piece in record.events or oddities(spoken).get(command, []):
            await response.write(piece)
        if command in ("/stall", "/silent"):
            while True:
                await pause(request, _SEE_THAT_READER_LEFT_SECONDS)
        if command in ("/half", "/cut"):
            assert request.transport is not None
            request.transport.close()
            return response
        if command not in ("/empty", "/crlf"):
            await response.write(spoken.end(options.get("finish", "stop")))
        record.whole = True
        return response


@cache
def oddities(spoken: Format) -> dict[str, list[bytes]]:
    """The replies to some unusual commands."""
    half = spoken.text("no")
    return {
        "/empty": [DONE],
        "/crlf": [
            b": keep-alive\r\n\r\n" + spoken.text("ok").replace(b"\n", b"\r\n"),
            spoken.end("stop").replace(b"\n", b"\r\n").replace(b"data: ", b"data:"),
        ],
        "/reasoning": [spoken.reasoning("hm") + spoken.reasoning("m"), spoken.text("so")],
        "/title": [spoken.reasoning("hm"), spoken.text('"A made'), spoken.text(' title"')],
        "/bytes": [bytes([byte]) for byte in spoken.text("".join(tokens(9)))],
        "/surrogates": [
            spoken.text("\0").replace(rb"\u0000", escaped) for escaped in (rb"\ud83d", rb"\ude00")
        ],
        "/hostile": [spoken.text(character) for character in HOSTILE],
        "/half": [half[: len(half) // 2]],
    }


_OWN = {"/call", "/tokens", "/stall", "/cut", "/half", "/silent", "/not-sse", "/status"}
COMMANDS = _OWN | oddities(CHAT).keys() | ODD_ENDS.keys()


async def stream(
    request: web.Request,
    response: web.StreamResponse,
    spoken: Format,
    count: int,
    options: dict[str, str],
    record: Sent,
) -> None:
    rate, size = float(options.get("rate", _RATE)), int(options.get("size", 1))
    record.pieces = pieces(count, int(options.get("seed", 0)), size, spoken)
    if after := float(options.get("after", 0)):
        await pause(request, after)
    # the first piece goes with the headers; the paced ones bypass the response object, which would
    # only add the chunk framing
    at_once = record.pieces[:1] if rate else record.pieces
    for piece in at_once:
        # before the write: the record never has less than what was read
        record.times.append(time.monotonic())
        await response.write(piece.event)
    if rate and len(record.pieces) > 1:
        assert request.transport is not None
        await Pacer(request.transport, record, size / rate).done


class Pacer:
    """Writes the pieces of one answer when they are due: with one timer, waking no task.

    It pauses while its reader does not read.
    """

    def __init__(self, transport: asyncio.Transport, record: Sent, interval: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._record = record
        self._interval = interval
        self._timer = self._loop.call_later(interval, self._write_due)
        self.done: asyncio.Future[None] = self._loop.create_future()
        self.done.add_done_callback(lambda _: self._timer.cancel())

    def _write_due(self) -> None:
        if self._transport.is_closing():
            self.done.set_exception(ReaderLeft())
            return
        pieces, times = self._record.pieces, self._record.times
        now, wait = time.monotonic(), self._interval
        if self._transport.get_write_buffer_size() < _WRITE_BUFFER:
            first = len(times)
            since = now - times[0] + _TIMER_PRECISION
            due = min(len(pieces), 1 + int(since / self._interval))
            times.extend([now] * (due - first))
            frames = [b"%x\r\n%b\r\n" % (len(e), e) for _, e in pieces[first:due]]
            self._transport.write(b"".join(frames))
            wait = times[0] + due * self._interval - now
        if len(times) == len(pieces):
            self.done.set_result(None)
        else:
            self._timer = self._loop.call_later(wait, self._write_due)


async def pause(request: web.Request, seconds: float) -> None:
    await asyncio.sleep(seconds)
    if request.transport is None or request.transport.is_closing():
        raise ReaderLeft


def main(port: int) -> None:
    model = Model()
    app = web.Application(client_max_size=16 << 20)
    app.router.add_post("/v1/chat/completions", model.chat)
    app.router.add_post("/v1/responses", model.responses)
    app.router.add_post("/api/chat", model.route)
    app.router.add_get("/sent", model.sent)
    app.router.add_get("/asked", model.asked)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    async def serve() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
        await asyncio.Event().wait()

    uvloop.run(serve())


if __name__ == "__main__":
    main(int(sys.argv[1]))
