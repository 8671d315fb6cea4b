"""The floor: reads the model's streams with aiohttp and discards them.

It prints the CPU seconds that this took, and the bytes of each stream.
"""

import asyncio
import json
import sys
import time

import aiohttp
import uvloop


async def read(session: aiohttp.ClientSession, url: str, prompt: str, after: float) -> int:
    size = 0
    await asyncio.sleep(after)
    message = {"role": "user", "content": prompt}
    asked = {"model": "test", "messages": [message], "stream": True}
    async with session.post(f"{url}/chat/completions", json=asked) as response:
        response.raise_for_status()
        async for data in response.content.iter_any():
            size += len(data)
    return size


async def main(url: str, job: list[tuple[str, float]]) -> tuple[float, list[int]]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        await read(session, url, "warm up", 0)
        began = time.process_time()
        sizes = await asyncio.gather(*(read(session, url, prompt, after) for prompt, after in job))
        return time.process_time() - began, sizes


if __name__ == "__main__":
    json.dump(uvloop.run(main(sys.argv[1], json.load(sys.stdin))), sys.stdout)
