"""`RESPONDER=bench.fast:answer`: yields as fast as it is asked, and never waits.

For each answer, a line goes to the file BENCH_BEGAN: its seed, and when it began.
"""

import os
import time
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

from proxy_server import Turn
from testbed.text import tokens

_made = cache(tokens)


def _note_begin(seed: str) -> None:
    with Path(os.environ["BENCH_BEGAN"]).open("a") as lines:
        lines.write(f"{seed} {time.monotonic()}\n")


async def answer(turn: Turn) -> AsyncIterator[str]:
    """Yields what the model server would send for the prompt."""
    _, count, *options = turn.text.split()
    seed = next(option.partition("=")[2] for option in options if option.startswith("seed="))
    _note_begin(seed)
    for token in _made(int(count), int(seed)):
        yield token
