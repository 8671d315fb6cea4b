"""The load client: requests answers as browsers do, and reports what arrived when.

It reads a job, prints `ready` once its connections are open, begins at `go`, prints `done`, and
then the results.
"""

import asyncio
import sys
import time
from abc import ABC, abstractmethod

import aiohttp
import msgspec
import uvloop
from msgspec import Struct

from bench.browser import Browser, Data
from bench.jobs import Job, Shown, Stream, Way

ENDS = ("finish", "abort", "error")


class _Session(Struct):
    conversation: str
    channel: str
    since: dict[str, int | str]


_CONNECT_AT_ONCE = 20
_session = msgspec.json.Decoder(_Session)


class Reader:
    """Collects one answer; `ended` is done once its last piece is there."""

    def __init__(self) -> None:
        self.asked_at = self.replied_at = self.ended_at = 0.0
        self.publications = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._text: list[str] = []
        self._length = 0
        self._arrivals: list[tuple[float, int]] = []
        self._seq = 0
        self._end = ""

    def chunks(self, data: Data, now: float) -> None:
        if data.type != "chunks":
            return
        if data.seq != self._seq + 1:
            self.ended.set_exception(AssertionError(f"{data.seq} after {self._seq}"))
        self._seq = data.seq
        self.publications += 1
        for chunk in data.chunks:
            if chunk.delta:
                self.grow(chunk.delta, now)
            elif chunk.type in ENDS:
                self.end(now, chunk.type)

    def plain(self, data: Data, now: float) -> None:
        self.publications += 1
        if data.text:
            self.grow(data.text, now)
        if data.end:
            self.end(now)

    def grow(self, text: str, now: float) -> None:
        self._text.append(text)
        self._length += len(text)
        self._arrivals.append((now, self._length))

    def end(self, now: float, how: str = "") -> None:
        self.ended_at = now
        self._end = how
        if not self.ended.done():
            self.ended.set_result(None)

    def shown(self, received: int) -> Shown:
        return Shown(
            "".join(self._text),
            self.asked_at,
            self.replied_at,
            self.ended_at,
            self._arrivals,
            self.publications,
            received,
            self._end,
        )


class User(ABC):
    """A user who asks for one answer; `ask` returns what was shown."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        tasks: asyncio.TaskGroup,
        job: Job,
        stream: Stream,
    ) -> None:
        self.session = session
        self.tasks = tasks
        self.job = job
        self.stream = stream
        self.reader = Reader()
        self.browser = Browser()

    async def connect(self) -> None:
        await self.browser.connect(self.session, self.job.centrifugo, self.tasks)

    @abstractmethod
    async def ask(self) -> Shown:
        """Asks, and returns what was shown once the answer has ended."""

    async def close(self) -> None:
        await self.browser.close()


class Prompter(User):
    """Sends its prompt as an RPC and subscribes to the conversation's channel."""

    conversation = ""

    async def connect(self) -> None:
        await super().connect()
        for prompt in self.stream.history:
            await self._turn(prompt, Reader())

    async def ask(self) -> Shown:
        before = self.browser.bytes
        await self._turn(self.stream.prompt, self.reader)
        return self.reader.shown(self.browser.bytes - before)

    async def _turn(self, prompt: str, reader: Reader) -> None:
        browser, is_new = self.browser, not self.conversation
        browser.received = reader.chunks
        where = {} if is_new else {"conversation": self.conversation}
        reader.asked_at = time.monotonic()
        reply = await browser.rpc("ai:send", text=prompt, **where)
        reader.replied_at = time.monotonic()
        session = _session.decode(reply)
        self.conversation = session.conversation
        if is_new:
            await browser.command(
                "subscribe", {"channel": session.channel, "recover": True, **session.since}
            )
        await reader.ended


class Follower(User):
    """Subscribes to a channel of its own choice and posts its prompt over HTTP."""

    async def connect(self) -> None:
        await super().connect()
        self.channel = f"answers-{time.monotonic_ns()}-{id(self)}"
        self.browser.received = self.reader.plain
        await self.browser.command("subscribe", {"channel": self.channel})

    async def ask(self) -> Shown:
        reader, before = self.reader, self.browser.bytes
        reader.asked_at = time.monotonic()
        prompt = {"text": self.stream.prompt, "channel": self.channel}
        async with self.session.post(self.job.http, json=prompt) as response:
            response.raise_for_status()
        reader.replied_at = time.monotonic()
        await reader.ended
        return reader.shown(self.browser.bytes - before)


class Requester(User):
    """Posts its prompt over HTTP and reads the answer from the response."""

    async def connect(self) -> None:
        """Does nothing: the request opens its connection."""

    async def close(self) -> None:
        """Does nothing, either."""

    async def ask(self) -> Shown:
        reader, received, rest = self.reader, 0, b""
        reader.asked_at = time.monotonic()
        prompt = {"text": self.stream.prompt}
        async with self.session.post(self.job.http, json=prompt) as response:
            response.raise_for_status()
            reader.replied_at = time.monotonic()
            now = reader.replied_at
            async for data in response.content.iter_any():
                now = time.monotonic()
                received += len(data)
                *events, rest = (rest + data).split(b"\n\n")
                for event in events:
                    reader.publications += 1
                    reader.grow(msgspec.json.decode(event[6:]), now)
            reader.end(now)
        return reader.shown(received)


_USERS: dict[Way, type[User]] = {
    "centrifugo-llm": Prompter,
    "channel": Follower,
    "sse": Requester,
}


async def main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
        asyncio.TaskGroup() as tasks,
    ):
        users = [_USERS[job.way](session, tasks, job, stream) for stream in job.streams]
        for first in range(0, len(users), _CONNECT_AT_ONCE):
            some = users[first : first + _CONNECT_AT_ONCE]
            await asyncio.gather(*(user.connect() for user in some))
        say("ready")
        await asyncio.to_thread(sys.stdin.buffer.readline)
        shown = await asyncio.gather(*map(in_time, users))
        say("done")
        say(msgspec.json.encode(shown).decode())
        for user in users:
            await user.close()


async def in_time(user: User) -> Shown:
    await asyncio.sleep(user.stream.after)
    return await user.ask()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
