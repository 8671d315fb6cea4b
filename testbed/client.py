"""A minimal Centrifugo client over a raw websocket, with the JSON protocol."""

import asyncio
import itertools
import json
from typing import Any

import websockets

from testbed.waiting import WAIT

Json = dict[str, Any]


class Client:
    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Json]] = {}
        self._reader = asyncio.create_task(self._read())
        self.publications: asyncio.Queue[Json] = asyncio.Queue()
        self.unsubscribed: asyncio.Queue[str] = asyncio.Queue()
        self.hello: Json = {}

    @classmethod
    async def connect(cls, url: str, data: Json) -> "Client":
        client = cls(await websockets.connect(url, max_size=None))
        client.hello = (await client.command("connect", {"data": data}))["connect"]
        return client

    async def close(self) -> None:
        await self._socket.close()
        await self._reader

    def stop_reading(self) -> None:
        """From now on, leaves what arrives in the socket."""
        self._socket.transport.pause_reading()

    async def read_to_the_end(self) -> None:
        """Reads what waits, until the other side closes the connection."""
        self._socket.transport.resume_reading()
        await asyncio.wait_for(self._socket.wait_closed(), WAIT)

    async def command(self, name: str, body: Json) -> Json:
        number = next(self._ids)
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, name: body}))
        return await asyncio.wait_for(reply, WAIT)

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

    async def _read(self) -> None:
        try:
            async for frame in self._socket:
                # not splitlines(): a text may contain U+2028
                for line in str(frame).strip("\n").split("\n"):
                    await self._take(json.loads(line))
        except websockets.ConnectionClosedError:
            pass
        finally:
            for reply in self._replies.values():
                reply.cancel()

    async def _take(self, message: Json) -> None:
        if not message:
            await self._socket.send("{}")
        elif "id" in message:
            # Here, not where the reply is awaited: a publication may follow in the same frame.
            for publication in message.get("subscribe", {}).get("publications", []):
                self.publications.put_nowait(publication["data"])
            if not (reply := self._replies.pop(message["id"])).done():
                reply.set_result(message)
        elif "pub" in message.get("push", {}):
            self.publications.put_nowait(message["push"]["pub"]["data"])
        elif "unsubscribe" in message.get("push", {}):
            self.unsubscribed.put_nowait(message["push"]["channel"])
