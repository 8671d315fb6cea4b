"""The real parts, started once for all tests."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
from hypothesis import settings
from sqlalchemy.ext.asyncio import create_async_engine

from proxy_server.store.database import Store
from proxy_server.store.migrate import migrate
from testbed import hermetic, machine
from testbed.client import Client
from testbed.deployment import Deployment
from testbed.text import text

hermetic.forget()
# no deadline by the wall clock: pytest's own time limit applies, on any machine
settings.register_profile("tests", deadline=None, print_blob=True)
settings.load_profile("tests")
# structlog's default renders tracebacks with rich if that is installed, a minute each
structlog.configure(
    processors=[structlog.processors.format_exc_info, structlog.dev.ConsoleRenderer(colors=False)]
)

SETTINGS = {
    "PROMPTS_PER_MINUTE": "1000",
    "CALLS_AT_ONCE": "1000",
    "CALLS_PER_SECOND": "100000",
    "FILE_BYTES_PER_SECOND": "1000000000",
    "FIRST_TOKEN_SECONDS": "3",
    "IDLE_SECONDS": "1",
    "LEASE_SECONDS": "2",
    "SHUTDOWN_GRACE_SECONDS": "0.5",
}


def needs(**found: object) -> None:
    """Skips a test if a part is missing that no language registry has.

    Without root on another system, the rest runs; in CI, a skipped test fails.
    """
    for name, program in found.items():
        if program is None:
            pytest.skip(f"{name} is not installed on this machine")


# Tests of a minute or more go first: begun last, they would run alone at the end.
_LONGEST = (
    "tests/programs/test_chaos.py",
    "tests/answers/test_two_versions.py",
    "tests/calls/test_malformed.py",
    "tests/page/",
    "tests/answers/test_interleavings.py",
    "tests/answers/test_versions_interleaved.py",
    "tests/whole/",
)
# these tests start parts by themselves
_PROGRAMS = ("tests/programs", "tests/page", "tests/clients", "tests/whole")
_SERVERS = {"deployment", "infrastructure"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick", action="store_true", help="what needs no server, and one of each kind that does"
    )


# last: pytest's own order keeps tests together that share servers
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_place)
    if config.getoption("--quick"):
        left_out = [item for item in items if _needs_servers(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not _needs_servers(item)]


def _place(item: pytest.Item) -> int:
    places = (place for place, file in enumerate(_LONGEST) if item.nodeid.startswith(file))
    return next(places, len(_LONGEST))


def _needs_servers(item: pytest.Item) -> bool:
    if item.get_closest_marker("quick"):
        return False
    needs_some = _SERVERS & set(getattr(item, "fixturenames", ()))
    return bool(needs_some) or item.nodeid.startswith(_PROGRAMS)


@pytest.fixture(scope="session", params=["grpc-sqlite", "http-postgresql"])
def deployment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """All parts, with either transport of Centrifugo's server API and either database."""
    api, database = request.param.split("-")
    if database == "postgresql":
        needs(postgresql=machine.postgres())
    folder = tmp_path_factory.mktemp(request.param)
    with Deployment(folder=folder, api=api, database=database, settings=SETTINGS) as running:
        yield running


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def infrastructure(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """Centrifugo, a model and a database, without a proxy server: each test starts its own."""
    if request.param == "postgresql":
        needs(postgresql=machine.postgres())
    folder = tmp_path_factory.mktemp(f"servers-{request.param}")
    with Deployment(
        folder=folder, replicas=0, database=request.param, settings=SETTINGS
    ) as running:
        yield running


@pytest.fixture
def empty(infrastructure: Deployment, tmp_path: Path) -> Callable[[], Awaitable[str]]:
    """Creates empty databases; returns their addresses."""

    async def make() -> str:
        name = f"empty_{uuid.uuid4().hex}"
        if infrastructure.postgresql is None:
            return f"sqlite:///{tmp_path}/{name}.db"
        url = infrastructure.server_settings["DATABASE_URL"]
        engine = create_async_engine(
            url.replace("postgresql:", "postgresql+asyncpg:"), isolation_level="AUTOCOMMIT"
        )
        async with engine.connect() as connection:
            await connection.execute(sa.text(f"CREATE DATABASE {name}"))
        await engine.dispose()
        return f"{url.rpartition('/')[0]}/{name}"

    return make


@pytest.fixture
async def store(infrastructure: Deployment) -> AsyncIterator[Store]:
    """The store of a database, as a process opens it."""
    opened = Store(infrastructure.server_settings["DATABASE_URL"])
    await migrate(opened)
    yield opened
    await opened.close()


@pytest.fixture
async def undisturbed(deployment: Deployment) -> AsyncIterator[None]:
    """Checks that another user's answer runs beside the test and arrives complete."""
    other = await deployment.connect()
    following = asyncio.create_task(other.follow(await other.rpc("ai:send", text="/tokens 20")))
    yield
    answer = await following
    assert (answer["text"], answer["closing"]["type"]) == (text(20), "finish")
    await other.close()


@pytest.fixture
async def client(deployment: Deployment) -> AsyncIterator[Client]:
    """A new anonymous visitor."""
    connected = await deployment.connect()
    yield connected
    await connected.close()
