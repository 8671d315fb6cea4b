"""A program that is run to its end: what it says, and how it ends."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Ended(NamedTuple):
    status: int | None
    output: str
    errors: str


async def run(
    *command: str,
    given: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Ended:
    """given: its input. Whoever stops waiting ends it."""
    running = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        cwd=folder,
        stdin=None if given is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await running.communicate(given)
    finally:
        if running.returncode is None:
            running.kill()
    return Ended(running.returncode, output.decode(), errors.decode())


async def output_of(*command: str, given: bytes | None = None, folder: Path | None = None) -> str:
    """Of one that ends well."""
    ended = await run(*command, given=given, folder=folder)
    assert ended.status == 0, ended.errors
    return ended.output
