"""Connections that silently swallow everything, like a forgetful middlebox, while new ones pass."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from testbed import machine, parts
from testbed.client import Client
from testbed.deployment import Deployment
from testbed.door import Door
from testbed.link import Link
from testbed.ports import free_port
from testbed.text import text
from testbed.waiting import until
from tests.conftest import SETTINGS, needs

# what a waiting user takes for a hiccup; without keepalives it takes minutes
SECONDS = 15


@pytest.mark.parametrize("api", ["grpc", "http"])
async def test_a_dead_connection_to_centrifugos_api(infrastructure: Deployment, api: str) -> None:
    async with Link(infrastructure.grpc_api_port if api == "grpc" else infrastructure.port) as link:
        url = {"grpc": f"grpc://127.0.0.1:{link.port}", "http": f"http://127.0.0.1:{link.port}/api"}
        with infrastructure.server(CENTRIFUGO_API_URL=url[api]):
            client = await infrastructure.connect()
            session = await client.rpc("ai:send", text="/tokens 200")
            following = asyncio.create_task(client.follow(session))
            await asyncio.sleep(0.5)
            assert link.swallow()
            async with asyncio.timeout(SECONDS):
                assert (await following)["text"] == text(200)
            await client.close()


async def test_the_server_leaves_a_dead_connection(infrastructure: Deployment) -> None:
    with infrastructure.server(2) as server:
        async with Link(server.port) as link, Door(link.port) as door:
            assert await door.serves()
            assert link.swallow() == 1
            async with asyncio.timeout(SECONDS):
                await until(_is(lambda: link.left == 1))


async def test_centrifugo_behind_a_balancer_gets_through_again(tmp_path: Path) -> None:
    """Its own gRPC channel sends no keepalives: a balancer beside it detects the failure."""
    needs(nginx=machine.nginx())
    with Deployment(folder=tmp_path, replicas=0, settings=SETTINGS) as deployment:
        server = deployment.server()
        server.port = free_port()
        server.environment = {
            **server.environment,
            "GRPC_LISTEN": f"127.0.0.1:{server.port}",
        }
        async with Link(server.port) as link:
            with server, parts.grpc_balancer(deployment.door_port, [link.port], tmp_path):
                client = await deployment.connect()
                await asyncio.gather(*(client.rpc("ai:list") for _ in range(8)))
                assert link.swallow()
                async with asyncio.timeout(SECONDS):
                    await until(_answers(client))
                await client.close()


def _is(look: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def looked() -> bool:
        return look()

    return looked


def _answers(client: Client) -> Callable[[], Awaitable[bool]]:
    async def asked() -> bool:
        return "error" not in await client.rpc("ai:list")

    return asked
