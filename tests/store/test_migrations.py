"""The schema: created once however many servers start, and as the code expects it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import create_async_engine
from structlog.testing import capture_logs

from proxy_server.errors import StoreUnavailable
from proxy_server.store import database, migrate
from proxy_server.store.database import Store
from proxy_server.store.schema import RETIRED, schema
from testbed.deployment import Deployment
from testbed.door import Door
from testbed.waiting import until

SCRIPTS = Path(migrate.__file__).parent / "migrations"


async def test_servers_that_start_at_once_on_an_empty_database(
    infrastructure: Deployment, empty: Callable[[], Awaitable[str]]
) -> None:
    url = await empty()
    servers = [infrastructure.server(number, DATABASE_URL=url) for number in (2, 3, 4)]
    with ExitStack() as stack:
        for server in servers:
            server.launch()
            stack.callback(server.kill)
        for server in servers:
            server.wait_until_ready()
            async with Door(server.port) as door:
                assert (await door.rpc("anna", "ai:list"))["conversations"] == []


async def test_a_new_database_and_a_migrated_one_are_the_same(
    empty: Callable[[], Awaitable[str]],
) -> None:
    made, migrated = Store(await empty()), Store(await empty())
    await migrate.migrate(made)
    await migrated.write(partial(migrate._run_migrations, until="0001"))
    await migrate.migrate(migrated)
    found = [await store.read(described) for store in (made, migrated)]
    for store in (made, migrated):
        await store.close()
    assert found[0] == found[1]
    # FTS5 keeps its index in tables
    tables = [name for name in found[0] if not name.startswith("search_words")]
    assert len(tables) == len(schema.tables) + 1


async def test_a_migration_waits_for_another_however_long_it_takes(
    empty: Callable[[], Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.1)
    monkeypatch.setattr(migrate, "_SILENT_SECONDS", 0.1)
    url = await empty()
    users = Store(url)
    await users.read(migrate._found)
    async with _migrating(url):
        late = Store(url)
        with capture_logs() as logs:
            migrated = asyncio.create_task(migrate.migrate(late))
            for _ in range(5):
                with pytest.raises(StoreUnavailable):
                    await users.write(_lock)
        assert not migrated.done()
        assert [line["event"] for line in logs] == ["database_migrates"]
    await migrated
    assert await users.read(migrate._found) == migrate._NEWEST
    for store in (users, late):
        await store.close()


@asynccontextmanager
async def _migrating(url: str) -> AsyncIterator[None]:
    """Another server changes the schema."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
        return
    there = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    async with there.begin() as other:
        await other.run_sync(_lock)
        yield
    await there.dispose()


def _lock(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(migrate._LOCK)))


async def test_a_database_of_a_newer_version_is_left_alone(
    infrastructure: Deployment, empty: Callable[[], Awaitable[str]]
) -> None:
    url = await empty()
    store = Store(url)
    await migrate.migrate(store)
    for statement in (
        "UPDATE alembic_version SET version_num = '9999'",
        "ALTER TABLE messages ADD COLUMN new TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE generations ADD COLUMN new TEXT",
        "CREATE TABLE new (id TEXT)",
    ):
        await store.write(partial(_run, statement))
    with infrastructure.server(2, DATABASE_URL=url) as server:
        async with Door(server.port) as door:
            session = await door.rpc("anna", "ai:send", text="/tokens 3")

            async def ended() -> bool:
                where = {"conversation": session["conversation"]}
                last = (await door.rpc("anna", "ai:open", **where))["messages"][-1]
                return bool(last["metadata"]["status"] == "complete")

            await until(ended)
        assert "database_is_newer" in server.log_text()
    version = await store.read(migrate._found)
    assert version == "9999"
    await store.close()


def _run(statement: str, connection: sa.Connection) -> None:
    connection.execute(sa.text(statement))


def described(connection: sa.Connection) -> dict[str, Any]:
    """All that the database says about its tables; the order of columns does not matter."""
    inspector = sa.inspect(connection)
    return {
        table: {
            "columns": {
                column["name"]: column | {"type": repr(column["type"])}
                for column in inspector.get_columns(table)
                if column["name"] not in RETIRED.get(table, ())
            },
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "unique": [one["column_names"] for one in inspector.get_unique_constraints(table)],
            "indexes": {
                index["name"]: index["column_names"]
                + [index["unique"], *map(str, index.get("dialect_options", {}).values())]
                for index in inspector.get_indexes(table)
            },
            "options": inspector.get_table_options(table),
        }
        for table in inspector.get_table_names()
    }


def test_the_newest_migration_is_the_one_that_is_looked_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    assert ScriptDirectory.from_config(config).get_current_head() == migrate._NEWEST
