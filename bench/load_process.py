"""A process of bench.load, as its parent sees it."""

import subprocess
import sys
from typing import Self

import msgspec

from bench.jobs import Job, Shown


class LoadFailedError(Exception):
    """A user of the load met an error; the process has reported it."""


class LoadProcess:
    """A context manager that starts and ends it."""

    def __init__(self, job: Job) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self.pid = self._process.pid
        self._say(msgspec.json.encode(job))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._process.kill()
        self._input.close()
        self._process.wait()
        self._output.close()

    def wait_for(self, word: str) -> None:
        line = self._output.readline().decode().strip()
        if line != word:
            raise LoadFailedError(f"a user met an error before the load was {word}; see above")

    def go(self) -> None:
        self._say(b"go")

    def shown(self) -> list[Shown]:
        return msgspec.json.decode(self._output.readline(), type=list[Shown])

    def _say(self, line: bytes) -> None:
        self._input.write(line + b"\n")
        self._input.flush()
