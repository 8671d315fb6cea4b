"""A websocket to Centrifugo that loses some of the delivered messages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


@dataclass(slots=True)
class Forgetful:
    """While active, drops every message that contains those words.

    As Redis may lose a message to Centrifugo: neither end notices, and the socket stays open.
    """

    port: int
    losing: str | None
    lost: int = 0


@asynccontextmanager
async def forgetful(target: int, losing: str) -> AsyncIterator[Forgetful]:
    between = Forgetful(0, losing)

    async def pass_on(client: ServerConnection) -> None:
        url = f"ws://127.0.0.1:{target}/connection/websocket"
        async with connect(url, compression=None) as server:
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(_ask(client, server))
                    both.create_task(_deliver(server, client, between))
            except* ConnectionClosed:
                pass

    async with serve(pass_on, "127.0.0.1", 0, compression=None) as listening:
        between.port = next(iter(listening.sockets)).getsockname()[1]
        yield between


async def _ask(client: ServerConnection, server: ClientConnection) -> None:
    async for message in client:
        await server.send(message)
    await server.close()


async def _deliver(server: ClientConnection, client: ServerConnection, between: Forgetful) -> None:
    async for message in server:
        assert isinstance(message, str)
        if between.losing is not None and between.losing in message and '"push"' in message:
            between.lost += 1
            continue
        with suppress(ConnectionClosed):
            await client.send(message)
    await client.close()
