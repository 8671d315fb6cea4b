"""A Centrifugo client for tests: what it receives waits in queues."""

import asyncio
from typing import Any

import websockets

from testbed.connection import Connection, Json
from testbed.waiting import WAIT

__all__ = ["Client", "Json"]


class Client:
    def __init__(self, websocket: websockets.ClientConnection) -> None:
        self._connection = Connection(websocket, self._receive)
        self.publications: asyncio.Queue[Json] = asyncio.Queue()
        self.unsubscribed: asyncio.Queue[str] = asyncio.Queue()
        self.hello: Json = {}

    @classmethod
    async def connect(cls, url: str, data: Json, **options: Any) -> "Client":
        """options: as websockets.connect has them."""
        client = cls(await websockets.connect(url, max_size=None, **options))
        client.hello = (await client.command("connect", {"data": data}))["connect"]
        return client

    async def close(self) -> None:
        await self._connection.close()

    def stop_reading(self) -> None:
        """From now on, leaves what arrives in the socket."""
        self._connection.websocket.transport.pause_reading()

    async def read_to_the_end(self) -> None:
        """Reads what waits, until the other side closes the connection."""
        self._connection.websocket.transport.resume_reading()
        await asyncio.wait_for(self._connection.closed.wait(), WAIT)

    async def command(self, name: str, body: Json) -> Json:
        """Returns the whole reply."""
        return await asyncio.wait_for(self._connection.command(name, body, self._settle), WAIT)

    async def rpc(self, method: str, **data: Any) -> Json:
        """Returns the reply's data, or `{"error": …}`."""
        reply = await self.command("rpc", {"method": method, "data": data})
        result: Json = {"error": reply["error"]} if "error" in reply else reply["rpc"]["data"]
        return result

    async def subscribe(self, channel: str, since: Json | None = None) -> Json:
        recover = {"recover": True, **since} if since is not None else {}
        reply = await self.command("subscribe", {"channel": channel, **recover})
        if "error" in reply:
            return {"error": reply["error"]}
        result: Json = reply["subscribe"]
        return result

    async def follow(self, session: Json) -> Json:
        """Follows the session's answer to its end: `{"text", "reasoning", "closing"}`."""
        generation = session["generation"]
        shown = next(m for m in session["messages"] if m["id"] == generation["message"])
        text = {
            kind: "".join(part["text"] for part in shown["parts"] if part["type"] == kind)
            for kind in ("text", "reasoning")
        }
        seq = generation["seq"]
        result = await self.subscribe(session["channel"], session["since"])
        assert result.get("recovered"), result
        while True:
            publication = await asyncio.wait_for(self.publications.get(), WAIT)
            if publication.get("message") != generation["message"] or publication["seq"] <= seq:
                continue
            assert publication["seq"] == seq + 1
            seq += 1
            for chunk in publication["chunks"]:
                kind = chunk["type"]
                if kind in ("text-delta", "reasoning-delta"):
                    text[kind.removesuffix("-delta")] += chunk["delta"]
                if kind in ("finish", "abort", "error"):
                    return {**text, "closing": chunk}

    def _settle(self, reply: Json) -> None:
        for publication in reply.get("subscribe", {}).get("publications", []):
            self.publications.put_nowait(publication["data"])

    def _receive(self, push: Json) -> None:
        if "pub" in push:
            self.publications.put_nowait(push["pub"]["data"])
        elif "unsubscribe" in push:
            self.unsubscribed.put_nowait(push["channel"])
