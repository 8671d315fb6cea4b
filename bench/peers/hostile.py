"""The hostile user: calls one method on a conversation of its own, as fast as replies arrive.

It prints `ready` once it makes calls on all its sockets, and at SIGTERM how many calls were granted
and refused. Arguments: Centrifugo's address, the method, the number of sockets.
"""

import asyncio
import signal
import sys
import uuid
from collections import Counter
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec
import uvloop

from bench.browser import Browser, RefusedError

METHODS = (
    "ai:open",
    "ai:list",
    "ai:history",
    "ai:stop",
    "ai:send",
    "ai:regenerate",
    "ai:rename",
    "ai:delete",
)
_AT_ONCE = 8
"""Calls on each socket: as many as Centrifugo allows one client."""


async def main(url: str, method: str, sockets: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    counts: Counter[str] = Counter()
    async with aiohttp.ClientSession() as session:
        with suppress(asyncio.CancelledError):
            async with asyncio.TaskGroup() as tasks:
                first = Browser()
                welcome = msgspec.json.decode(await first.connect(session, url, tasks))
                begun = msgspec.json.decode(await first.rpc("ai:send", text="/tokens 1"))
                conversation = begun["conversation"]
                for _ in range(sockets):
                    browser = Browser()
                    await browser.connect(session, url, tasks, welcome["token"])
                    for _ in range(_AT_ONCE):
                        tasks.create_task(_call(browser, method, conversation, counts))
                print("ready", flush=True)
                await stop.wait()
                print(msgspec.json.encode(counts).decode(), flush=True)
                raise asyncio.CancelledError


async def _call(browser: Browser, method: str, conversation: str, counts: Counter[str]) -> None:
    while True:
        try:
            await browser.rpc(method, **_request(method, conversation))
        except RefusedError:
            counts["refused"] += 1
        else:
            counts["granted"] += 1


def _request(method: str, conversation: str) -> dict[str, Any]:
    match method:
        case "ai:list":
            return {}
        case "ai:send":
            return {"conversation": conversation, "text": "/tokens 1", "when_busy": "queue"}
        case "ai:rename":
            return {"conversation": conversation, "title": uuid.uuid4().hex}
        case _:
            return {"conversation": conversation}


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
