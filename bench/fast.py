"""`RESPONDER=bench.fast:answer`: yields as fast as it is asked, and never waits."""

from collections.abc import AsyncIterator
from functools import cache

from proxy_server import Turn
from testbed.text import tokens

_made = cache(tokens)


async def answer(turn: Turn) -> AsyncIterator[str]:
    """What the model server would send for the prompt."""
    _, count, *options = turn.text.split()
    seed = next(option.partition("=")[2] for option in options if option.startswith("seed="))
    for token in _made(int(count), int(seed)):
        yield token
