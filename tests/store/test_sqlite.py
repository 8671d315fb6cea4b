"""SQLite if the disk is full, is read-only, or supports no write-ahead log."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from proxy_server.store.database import Store
from proxy_server.store.migrate import migrate
from proxy_server.store.sqlite import Synchronous
from testbed.deployment import Deployment
from testbed.own_mount import READ_ONLY, own_mount, seen_by, small
from testbed.ports import free_port
from testbed.text import text
from testbed.waiting import until
from tests.conftest import SETTINGS


def starts(folder: Path, database: Path, *mounts: str) -> "subprocess.CompletedProcess[str]":
    """A server that is expected to end at its start."""
    return subprocess.run(
        [*own_mount(folder, *mounts), sys.executable, "-m", "proxy_server"],
        env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "SIGNING_SECRETS": "a-secret-of-the-tests",
            "GRPC_LISTEN": f"127.0.0.1:{free_port()}",
            "DATABASE_URL": f"sqlite:///{database}",
            "METRICS_LISTEN": "off",
        },
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        timeout=30,
    )


def cannot_write(file: Path, why: str) -> str:
    return (
        f"The server cannot run: DATABASE_URL: SQLite cannot write {file.name} in {file.parent} "
        f"({why}): give it a folder of a local disk that this account may write to, or use "
        "PostgreSQL.\n"
    )


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "conversations.db"
    done = starts(tmp_path, file, READ_ONLY)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == cannot_write(file, "unable to open database file")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    file = tmp_path / "data" / "conversations.db"
    done = starts(tmp_path, file, READ_ONLY)
    assert done.stderr == cannot_write(file, "Read-only file system")


def test_a_database_that_cannot_be_written_any_more(tmp_path: Path) -> None:
    file = tmp_path / "conversations.db"
    sqlite3.connect(file).execute("CREATE TABLE t (c)").connection.close()
    done = starts(tmp_path, file, READ_ONLY)
    assert done.stderr == cannot_write(file, "attempt to write a readonly database")


def test_a_disk_that_is_full_at_the_start(tmp_path: Path) -> None:
    done = starts(tmp_path, tmp_path / "conversations.db", small("16k"))
    assert done.returncode == 1
    assert done.stderr.startswith("The server cannot run: ")
    assert "Traceback" not in done.stderr
    assert "full" in done.stderr


async def test_a_disk_that_is_full_in_the_middle_of_an_answer(tmp_path: Path) -> None:
    """Nothing is lost: what cannot be stored is held until there is room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    deployment = Deployment(
        folder=tmp_path,
        replicas=0,
        settings=SETTINGS | {"DATABASE_URL": f"sqlite:///{disk}/conversations.db"},
    )
    with deployment as running:
        server = running.server()
        server.command = [*own_mount(disk, small("2m")), *server.command]
        with server:
            client = await running.connect()
            session = await client.rpc("ai:send", text="/tokens 300")
            following = asyncio.create_task(client.follow(session))
            filler = seen_by(server.pid, disk / "filler")
            await asyncio.to_thread(_fill, filler)
            # until a checkpoint has met the full disk
            await until(_truth(lambda: server.events(event="store_unavailable")))
            refused = await client.rpc("ai:send", text="/tokens 5 " + "x" * 20_000)
            assert (refused["error"]["code"], refused["error"]["temporary"]) == (503, True)
            # its end is published once it is stored
            await until(_truth(lambda: server.events(event="end_not_stored_yet")))
            filler.unlink()
            answer = await following
            assert (answer["text"], answer["closing"]["type"]) == (text(300), "finish")

            async def stored() -> bool:
                opened = await client.rpc("ai:open", conversation=session["conversation"])
                last = opened["messages"][-1]
                whole: bool = last["metadata"]["status"] == "complete"
                return whole and last["parts"][0]["text"] == text(300)

            await until(stored)
            again = await client.rpc("ai:send", text="/tokens 5")
            assert (await client.follow(again))["text"] == text(5)
            await client.close()


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(1024))


def _truth(look: Callable[[], object]) -> Callable[[], Awaitable[bool]]:
    async def looked() -> bool:
        return bool(look())

    return looked


@pytest.mark.parametrize("synchronous", ["full", "normal"])
async def test_a_file_system_without_a_write_ahead_log(
    tmp_path: Path, synchronous: Synchronous, capfd: pytest.CaptureFixture[str]
) -> None:
    """As on some network file systems: locks by file, and no shared memory between processes."""
    url = f"sqlite:///file:{tmp_path}/conversations.db?vfs=unix-dotfile&uri=true"
    store = Store(url, synchronous=synchronous)
    await migrate(store)
    assert await store.write(_pragmas) == ("delete", 2)
    await store.close()
    assert "sqlite_without_wal" in capfd.readouterr().out


@pytest.mark.parametrize(("synchronous", "level"), [("full", 2), ("normal", 1)])
async def test_what_a_user_is_told_lasts(
    tmp_path: Path, synchronous: Synchronous, level: int
) -> None:
    store = Store(f"sqlite:///{tmp_path}/conversations.db", synchronous=synchronous)
    await migrate(store)
    for _ in range(2):
        assert await store.write(_pragmas, "anna") == ("wal", level)
        assert await store.write(_pragmas, lasting=True) == ("wal", level)
        assert await store.write(_pragmas) == ("wal", 1)
    await store.close()


def _pragmas(connection: sa.Connection) -> tuple[object, object]:
    mode, level = (
        connection.exec_driver_sql(f"PRAGMA {name}").scalar()
        for name in ("journal_mode", "synchronous")
    )
    return mode, level
