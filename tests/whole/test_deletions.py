"""A deleted conversation's text leaves Centrifugo too, even if that was down at the time."""

import asyncio

import httpx
import pytest

from testbed.client import Client
from testbed.deployment import API_KEY, Deployment
from testbed.link import Link
from testbed.text import text
from testbed.waiting import WAIT, until


async def history(deployment: Deployment, channel: str) -> int:
    """How many publications Centrifugo still has of a channel."""
    async with httpx.AsyncClient(timeout=WAIT) as http:
        answer = await http.post(
            f"http://127.0.0.1:{deployment.port}/api/history",
            json={"channel": channel, "limit": -1},
            headers={"X-API-Key": API_KEY},
        )
    return len(answer.json()["result"]["publications"])


async def answered(client: Client) -> tuple[str, str]:
    """A conversation with a complete answer, and its channel, to which a client is subscribed."""
    session = await client.rpc("ai:send", text="/tokens 20")
    assert (await client.follow(session))["text"] == text(20)
    return session["conversation"], session["channel"]


@pytest.mark.parametrize("dies", [False, True])
async def test_what_could_not_be_taken_off_centrifugo_is_so_later(
    infrastructure: Deployment, *, dies: bool
) -> None:
    async with Link(infrastructure.api_port) as link:
        with (
            infrastructure.server(CENTRIFUGO_API_URL=f"grpc://127.0.0.1:{link.port}") as first,
            infrastructure.server(2),
        ):
            client = await infrastructure.connect()
            conversation, channel = await answered(client)
            assert await history(infrastructure, channel) > 0
            link.refusing = True
            link.cut()
            assert await client.rpc("ai:delete", conversation=conversation) == {}
            assert await history(infrastructure, channel) > 0
            if dies:
                # stored but not published: the other server does all of it
                first.kill()
            else:
                link.refusing = False

            async def gone() -> bool:
                return await history(infrastructure, channel) == 0

            await until(gone)
            assert await asyncio.wait_for(client.unsubscribed.get(), WAIT) == channel
            told = [client.publications.get_nowait() for _ in range(client.publications.qsize())]
            assert told[-1] == {"type": "deleted"}
            await client.close()
