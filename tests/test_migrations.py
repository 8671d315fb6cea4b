"""The schema: made once however many servers start, and the one that the code expects."""

import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import create_async_engine

from proxy_server import migrate
from proxy_server.store import Store, schema
from testbed.deployment import Deployment
from testbed.door import Door

SCRIPTS = Path(migrate.__file__).parent / "migrations"


@pytest.fixture
async def empty(serverless: Deployment, tmp_path: Path) -> str:
    """The address of a database with nothing in it."""
    if serverless.postgresql is None:
        return f"sqlite:///{tmp_path}/empty.db"
    url, name = serverless.server_settings["DATABASE_URL"], f"empty_{uuid.uuid4().hex}"
    engine = create_async_engine(
        url.replace("postgresql:", "postgresql+asyncpg:"), isolation_level="AUTOCOMMIT"
    )
    async with engine.connect() as connection:
        await connection.execute(sa.text(f"CREATE DATABASE {name}"))
    await engine.dispose()
    return f"{url.rpartition('/')[0]}/{name}"


async def test_servers_that_start_at_once_on_an_empty_database(
    serverless: Deployment, empty: str
) -> None:
    servers = [serverless.server(number, DATABASE_URL=empty) for number in (2, 3, 4)]
    with ExitStack() as stack:
        for server in servers:
            server.launch()
            stack.callback(server.kill)
        for server in servers:
            server.wait_until_ready()
            async with Door(server.port) as door:
                assert (await door.rpc("anna", "ai:list"))["conversations"] == []


async def test_the_migrations_make_the_schema_of_the_code(empty: str) -> None:
    store = Store(empty)
    try:
        await migrate.migrate(store)

        def differences(connection: sa.Connection) -> list[Any]:
            context = MigrationContext.configure(connection, opts={"compare_server_default": True})
            return list(compare_metadata(context, schema))

        assert await store.read(differences) == []
    finally:
        await store.close()


def test_the_newest_migration_is_the_one_that_is_looked_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    assert ScriptDirectory.from_config(config).get_current_head() == migrate._NEWEST
