"""The cost of writing a prompt to disk before the reply: SQLITE_SYNCHRONOUS."""

import statistics
from pathlib import Path

from bench.delays import send_seconds
from bench.jobs import Load
from bench.own import serving
from bench.report import Row
from bench.site import Site

_WARM_UP = Load(streams=10, tokens=20, spread=0.1)


def commits(site: Site) -> list[Row]:
    """The cost of writing a prompt to disk before the reply."""
    load = Load(streams=100 if site.quick else 600, tokens=2, spread=0.5 if site.quick else 2)
    rows = []
    for synchronous in ("full", "normal"):
        with serving(site, synchronous, {"SQLITE_SYNCHRONOUS": synchronous}) as stored:
            stored.run(_WARM_UP)
            sends = send_seconds(stored)
            run = stored.run(load)
        site.used += stored.used[1:]
        seconds = max(one.replied_at for one in run.shown) - min(one.asked_at for one in run.shown)
        reply, accepted = statistics.median(sends) * 1e3, load.streams / seconds
        rows.append(
            Row.of(
                f"SQLITE_SYNCHRONOUS={synchronous}, on {_file_system(site.folder)}",
                f"reply of ai:send {reply:.1f} ms, {accepted:.0f} prompts accepted a second of "
                f"{load.streams / load.spread:.0f}",
                milliseconds=reply,
                accepted=accepted,
            )
        )
    return rows


def _file_system(folder: Path) -> str:
    """The type of the folder's file system: some never write to a disk."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    found = [mount for mount in mounts if folder.is_relative_to(mount[1])]
    return max(found, key=lambda mount: len(mount[1]))[2]
