"""The idle peer: holds streams of the model over the proxy server's transport, nothing else.

Its growth is the memory of a connection to the provider. For each number of streams that it reads
from its input, it prints its resident bytes with them.
"""

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from proxy_server.protocol.messages import Message, Metadata, TextPart
from proxy_server.responders.model.openai_chat import OpenAIChat
from proxy_server.responders.model.openai_client import Server
from proxy_server.responders.responder import Prompt

_ASKED_AT_ONCE = 20


async def main(url: str) -> None:
    model = OpenAIChat(
        Server(
            base_url=url, api_key="none", connections=2000, first_token_seconds=60, idle_seconds=60
        )
    )
    async with AsyncExitStack() as held:
        held.push_async_callback(model.close)
        count = 0
        while line := await asyncio.to_thread(sys.stdin.readline):
            while count < int(line):
                more = min(_ASKED_AT_ONCE, int(line) - count)
                await asyncio.gather(*(hold(held, model) for _ in range(more)))
                count += more
            print(resident_bytes(), flush=True)


async def hold(held: AsyncExitStack, model: OpenAIChat) -> None:
    question = Message("prompt", "user", [TextPart("/tokens 2 rate=0.001")], Metadata(0))
    prompt = Prompt("anna", "conversation", "answer", "test", [question])
    answer = await held.enter_async_context(model.answer(prompt))
    await anext(answer)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
