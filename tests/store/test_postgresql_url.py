"""PostgreSQL URLs as hosts give them, a server with TLS, and PgBouncer in front of it."""

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from proxy_server.errors import StoreUnavailable, StoreUnusable
from proxy_server.store.database import Store
from proxy_server.store.migrate import migrate
from proxy_server.store.postgresql_url import parsed
from testbed import machine, parts
from testbed.certificate import self_signed
from testbed.deployment import Deployment
from testbed.ports import free_port
from testbed.text import text
from tests.conftest import SETTINGS, needs

HOST = "postgresql://someone:hidden@db.example/name"


@pytest.mark.parametrize(
    ("query", "dsn_query", "told"),
    [
        ("", "", {}),
        ("?sslmode=require", "?sslmode=require", {}),
        ("?ssl=true", "?sslmode=require", {}),
        ("?sslmode=no-verify&sslnegotiation=direct", "?sslmode=require&sslnegotiation=direct", {}),
        ("?channel_binding=prefer&gssencmode=disable", "", {}),
        ("?target_session_attrs=read-write", "?target_session_attrs=read-write", {}),
        ("?application_name=our%20chat", "", {"application_name": "our chat"}),
        ("?fallback_application_name=a&application_name=b", "", {"application_name": "b"}),
        ("?options=endpoint%3Dep-1", "", {"options": "endpoint=ep-1"}),
        ("?options=-c%20a%3D1+2", "", {"options": "-c a=1+2"}),
        ("?sslmode=", "", {}),
    ],
)
def test_what_the_driver_and_the_server_are_told(
    query: str, dsn_query: str, told: dict[str, str]
) -> None:
    found = parsed(HOST + query)
    assert found.dsn == HOST + dsn_query
    assert found.arguments == {"timeout": 3.0, "server_settings": told}
    assert found.remarks == []


@pytest.mark.parametrize(("given", "seconds"), [("10", 10.0), ("0", 3.0), ("-1", 3.0)])
def test_how_long_a_connection_may_take(given: str, seconds: float) -> None:
    assert parsed(f"{HOST}?connect_timeout={given}").arguments["timeout"] == seconds


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("schema=public", "DATABASE_URL: the parameter schema is unknown: leave it out."),
        (
            "gssencmode=require",
            (
                "DATABASE_URL: the parameter gssencmode asks for what is not supported: leave "
                "it out, or set it to one of: disable, prefer."
            ),
        ),
        (
            "require_auth=scram-sha-256",
            (
                "DATABASE_URL: the parameter require_auth asks for what is not supported: "
                "leave it out."
            ),
        ),
        (
            "connect_timeout=soon",
            "DATABASE_URL: connect_timeout must be a number of seconds.",
        ),
        (
            "sslmode=require&sslrootcert=system",
            "DATABASE_URL: sslrootcert=system works only with sslmode=verify-full.",
        ),
    ],
)
def test_what_cannot_be_honoured_is_named(query: str, sentence: str) -> None:
    with pytest.raises(StoreUnusable) as refused:
        parsed(f"{HOST}?{query}")
    assert str(refused.value) == sentence


def test_what_only_tunes_is_remarked_upon() -> None:
    found = parsed(f"{HOST}?keepalives_idle=30")
    assert found.dsn == HOST
    assert found.remarks == ["The parameter keepalives_idle in DATABASE_URL has no effect."]


def test_required_channel_binding_becomes_a_check_of_the_certificate() -> None:
    trusting = parsed(f"{HOST}?sslmode=require&channel_binding=require")
    assert trusting.arguments["ssl"].check_hostname
    assert "is not supported" in trusting.remarks[0]
    own = parsed(f"{HOST}?sslmode=require&channel_binding=require&sslrootcert=ca.pem")
    assert "sslmode=verify-full" in own.dsn
    assert "ssl" not in own.arguments


@pytest.fixture(scope="module")
def postgresql() -> Iterator[tuple[int, Path]]:
    """The port of a PostgreSQL with TLS, and the file of its certificate."""
    needs(postgresql=machine.postgres())
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        port = free_port()
        server = parts.postgresql(port, Path(folder))
        data = Path(folder) / "data"
        certificate, key = self_signed(Path(folder))
        for file in (certificate, key):
            os.chmod(file, 0o600)  # noqa: PTH101
            if os.geteuid() == 0:
                shutil.chown(file, "postgres")
        with (data / "postgresql.conf").open("a") as config:
            config.write(f"ssl = on\nssl_cert_file = '{certificate}'\nssl_key_file = '{key}'\n")
        with server:
            yield port, certificate


async def used(url: str) -> str:
    """What the server says about a connection: its encryption, its name and a setting."""
    store = Store(url)
    asked = sa.text(
        "SELECT (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())::text || ' ' || "
        "current_setting('application_name') || ' ' || current_setting('work_mem')"
    )
    try:
        return str(await store.read(lambda connection: connection.execute(asked).scalar()))
    finally:
        await store.close()


async def test_a_server_with_tls(postgresql: tuple[int, Path]) -> None:
    port, certificate = postgresql
    address = f"postgres://postgres@localhost:{port}/postgres"
    rest = "application_name=chat&options=-c%20work_mem%3D5MB&connect_timeout=10"
    root = f"sslrootcert={certificate}"
    assert await used(f"{address}?sslmode=disable&{rest}") == "false chat 5MB"
    assert await used(f"{address}?sslmode=require&{rest}") == "true chat 5MB"
    assert await used(f"{address}?sslmode=verify-full&{root}&{rest}") == "true chat 5MB"
    bound = f"{address}?sslmode=require&channel_binding=require"
    assert await used(f"{bound}&{root}&{rest}") == "true chat 5MB"
    # no authority has signed it
    with pytest.raises(StoreUnavailable, match="certificate verify failed"):
        await used(bound)


async def test_a_file_that_is_not_there_is_named(postgresql: tuple[int, Path]) -> None:
    port, _ = postgresql
    with pytest.raises(StoreUnusable, match=r"DATABASE_URL: .*No such file"):
        await used(f"postgresql://postgres@localhost:{port}/x?sslmode=verify-full&sslrootcert=no")


async def test_the_first_of_several_hosts_that_can_be_written(
    postgresql: tuple[int, Path],
) -> None:
    port, _ = postgresql
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{port}"
    url = f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"
    assert (await used(url)).startswith("true ")


@pytest.fixture
def pooler(postgresql: tuple[int, Path]) -> Iterator[int]:
    needs(pgbouncer=machine.pgbouncer())
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        port = free_port()
        with parts.pgbouncer(port, postgresql[0], Path(folder)):
            yield port


@pytest.mark.parametrize("query", ["", "?pgbouncer=true"])
async def test_many_transactions_share_a_poolers_connections(pooler: int, query: str) -> None:
    store = Store(f"postgresql://postgres@127.0.0.1:{pooler}/postgres{query}")
    await migrate(store)

    async def counted(number: int) -> int:
        asked = sa.text("SELECT count(*) FROM messages WHERE owner = :owner")
        owner = f"user-{number % 3}"
        return int(
            await store.write(
                lambda connection: connection.execute(asked, {"owner": owner}).scalar_one(),
                owner=owner,
            )
        )

    assert await asyncio.gather(*map(counted, range(200))) == [0] * 200
    await store.close()


async def test_answers_behind_pgbouncer(pooler: int, tmp_path: Path) -> None:
    url = f"postgresql://postgres@127.0.0.1:{pooler}/postgres"
    deployment = Deployment(folder=tmp_path, settings=SETTINGS | {"DATABASE_URL": url})
    with deployment as running:
        assert running.servers[0].events(event="database_pooler")
        client = await running.connect()
        for count in (20, 40):
            sessions = [
                await client.rpc("ai:send", text=f"/tokens {count} mark={uuid.uuid4().hex}")
                for _ in range(3)
            ]
            for session in sessions:
                answer = await client.follow(session)
                assert (answer["text"], answer["closing"]["type"]) == (text(count), "finish")
                opened = await client.rpc("ai:open", conversation=session["conversation"])
                assert opened["messages"][-1]["metadata"]["status"] == "complete"
        await client.close()
