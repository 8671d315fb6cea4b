"""PydanticAI alone: runs the agent of bench.pydantic_agent and discards its events.

It prints the CPU seconds that this took, and the characters of each answer.
"""

import asyncio
import json
import os
import sys
import time

import uvloop
from pydantic_ai import PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta


async def read(prompt: str, after: float) -> int:
    from bench.pydantic_agent import agent

    size = 0
    await asyncio.sleep(after)
    async with agent.run_stream_events(prompt) as events:
        async for event in events:
            if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                size += len(event.part.content)
            elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                size += len(event.delta.content_delta)
    return size


async def main(job: list[tuple[str, float]]) -> tuple[float, list[int]]:
    await read("warm up", 0)
    began = time.process_time()
    sizes = await asyncio.gather(*(read(prompt, after) for prompt, after in job))
    return time.process_time() - began, sizes


if __name__ == "__main__":
    os.environ["OPENAI_BASE_URL"] = sys.argv[1]
    json.dump(uvloop.run(main(json.load(sys.stdin))), sys.stdout)
