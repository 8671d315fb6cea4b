"""Ten thousand malformed requests: each is only refused, with a plain sentence."""

import asyncio
import json
import random
import uuid
from base64 import b64encode
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import grpc
import pytest

from proxy_server.pb import proxy_pb2
from testbed.client import Json
from testbed.deployment import Deployment
from testbed.door import KNOWN, Door
from testbed.waiting import until

REQUESTS, AT_ONCE = 10_000, 100
SERVICE = "/centrifugal.centrifugo.proxy.CentrifugoProxy"
CODES = {400, 401, 403, 404, 413}
INTERNALS = ("Traceback", "proxy_server", "sqlalchemy", "msgspec", ".py", "Error(", "0x", "SELECT")
STRANGERS = ("bert", "", "\0", "a" * 5000, "ü\u2028")

# what no field may contain, and what each field may not contain besides
NO_TEXT: tuple[object, ...] = (-1, 1e308, 2**63, 2**70, "\0", [], {}, [[]], True)
OTHERS = (*NO_TEXT, "\ud800")
IMAGE: Json = {"type": "file", "mediaType": "image/png", "url": "https://example.com/a.png"}
WRONG: Mapping[str, Sequence[object]] = {
    "conversation": (*OTHERS, "", "c" + "x" * 38, "x" * 5000, "../../etc/passwd", "ü"),
    "text": (*NO_TEXT, "", " \n\t ", "a\0b", "x" * 50_000),
    "parts": (
        *(-1, "a", {}, [], [[]], [None], [{}]),
        *([{"type": kind, "text": "a"}] for kind in ("", "unknown", "reasoning", 5, None)),
        *([{"type": "text", "text": text}] for text in (*NO_TEXT, "", " ", None)),
        *([IMAGE | {"url": url}] for url in ("", "file:///etc/passwd", "http://10.0.0.1/", "\0")),
        *([IMAGE | {"mediaType": kind}] for kind in ("text/html", "", 5, None)),
        *([IMAGE] * 21, [IMAGE | {"filename": "x" * 50_000}]),
    ),
    "id": (*OTHERS, "", "not an id", "x" * 65, "ü", "a\n"),
    "message": (*OTHERS, "", "not an id", "x" * 65, "ü", "a\n"),
    "model": (*OTHERS, "unknown", "x" * 5000),
    "when_busy": (*OTHERS, "", "never", "Queue", None),
    "limit": (0, -1, 1.5, "5", None, [], {}, True),
    "before": (*OTHERS, "", "_", "1.5_", "-1", "9" * 400, "1' OR '1'='1", "1_x\n", "٣"),
    "title": (*NO_TEXT, "", " \n ", "\0\0", None),
    "part": (*OTHERS, 0, 2, 1.5, "1", None),
    "data": (*OTHERS, "", "a", "a b=", "-_-_", "ü", None),
    "media_type": (*OTHERS, "", "text", "text/ plain", "application/x-msdownload", "x" * 5000),
    "filename": (-1, True, [], {}, "x" * 300),
    "bytes": (*OTHERS, 0, 2**70, 1, 3, "2", None),
    "url": (*OTHERS, "", "upload:", "upload:unknown", "upload:../a", "https://a.example", None),
}


def assert_plain(message: str) -> None:
    """One sentence for a user, without any internals."""
    assert 0 < len(message) < 200
    assert message.endswith(".")
    assert not any(internal in message for internal in INTERNALS)


async def test_ten_thousand_malformed_requests(infrastructure: Deployment) -> None:
    """None crashes the server, gets its internals in a reply, or makes it ask the model."""
    with infrastructure.server(2, LOG_LEVEL="error") as server:
        async with Door(server.port) as door:
            user = str(uuid.uuid4())
            owned = await begun(door, user)
            attacker = Attacker(door, server.port, user, owned)
            before, asked = await stored(door, user, owned), await infrastructure.asked()
            for _ in range(REQUESTS // AT_ONCE):
                await asyncio.gather(*(attacker.attempt() for _ in range(AT_ONCE)))
            assert attacker.refused.total() == REQUESTS
            # the owner has called each method with one wrong field
            assert all(attacker.refused[method] > REQUESTS // 30 for method in attacker.valid)
            assert await stored(door, user, owned) == before
            assert await infrastructure.asked() == asked
            assert await door.serves()
        assert server.runs
        assert server.log_since_start() == ""


async def begun(door: Door, user: str) -> Json:
    """A session of a conversation whose answer has ended."""
    session = await door.rpc(user, "ai:send", text="/tokens 1")

    async def ended() -> bool:
        opened = await door.rpc(user, "ai:open", conversation=session["conversation"])
        return opened["generation"] is None

    await until(ended)
    return session


async def stored(door: Door, user: str, session: Json) -> tuple[Any, Any]:
    opened = await door.rpc(user, "ai:open", conversation=session["conversation"])
    listed = await door.rpc(user, "ai:list")
    return opened["messages"], listed["conversations"]


class Attacker:
    """Sends malformed requests, from nearly valid ones to garbage.

    user: the owner of the conversation in `session`, so that only the mistake prevents the effect
        of a request.
    refused: how often each method or call was refused.
    """

    def __init__(self, door: Door, port: int, user: str, session: Json) -> None:
        self._door = door
        self._port = port
        self._user = user
        self._channel = session["channel"]
        self._chance = random.Random(4)
        self.refused = Counter[str]()
        one = {"conversation": session["conversation"]}
        named = one | {"message": session["generation"]["message"]}
        send = one | {"text": "hello", "id": "a", "model": "test", "when_busy": "queue"}
        self.valid: dict[str, Json] = {
            "ai:send": send,
            "ai:open": one | {"limit": 5},
            "ai:stop": named,
            "ai:regenerate": named,
            "ai:list": {"limit": 3, "before": "1.5_x"},
            "ai:history": one | {"limit": 3, "before": "3"},
            "ai:rename": one | {"title": "t"},
            "ai:delete": one,
            "ai:upload": {
                "id": "a",
                "part": 1,
                "parts": 1,
                "data": "aGk=",
                "bytes": 2,
                "media_type": "text/plain",
                "filename": "a.txt",
            },
            "ai:download": {"url": "upload:a", "part": 1},
        }

    async def attempt(self) -> None:
        kinds: dict[Callable[[], Awaitable[None]], int] = {
            self._one_wrong_field: 50,
            self._broken_bytes: 20,
            self._channel_nearly_right: 10,
            self._method_nearly_right: 5,
            self._connect: 5,
            self._base64: 5,
            self._no_protobuf: 5,
        }
        await self._chance.choices([*kinds], [*kinds.values()])[0]()

    async def _one_wrong_field(self) -> None:
        method, request = self._chance.choice([*self.valid.items()])
        wrong = self._wrong(method, 1)
        await self._rpc(self._user, method, json.dumps(request | wrong).encode())

    async def _broken_bytes(self) -> None:
        """Changes random bytes after two wrong fields: one of these stays wrong."""
        method, request = self._chance.choice([*self.valid.items()])
        data = json.dumps(request | self._wrong(method, 2)).encode()
        user = self._chance.choice([self._user, *STRANGERS])
        await self._rpc(user, method, self._broken(data))

    async def _channel_nearly_right(self) -> None:
        channel, user = self._channel, self._user
        if self._chance.random() < 0.2:
            user = self._chance.choice(STRANGERS)
        else:
            channel = self._misspelt(channel)
        request = proxy_pb2.SubscribeRequest(user=user, channel=channel)
        self._judge("Subscribe", await self._door.stub.Subscribe(request, metadata=KNOWN))

    async def _method_nearly_right(self) -> None:
        method, request = self._chance.choice([*self.valid.items()])
        data = json.dumps(request).encode()
        await self._rpc(self._user, self._misspelt(method), data)

    async def _connect(self) -> None:
        data = json.dumps({"token": self._chance.choice([-1, True, [], {}])}).encode()
        if self._chance.random() < 0.5:
            data = self._broken(b"[%b]" % data)
        request = proxy_pb2.ConnectRequest(data=data)
        self._judge("Connect", await self._door.stub.Connect(request, metadata=KNOWN))

    async def _base64(self) -> None:
        encoded = b64encode(b'{"limit": 0, "token": 0}' * self._chance.randrange(1, 4)).decode()
        data = self._chance.choice(["a", "abc", "é", encoded, encoded[:-1], encoded + "a"])
        if self._chance.random() < 0.5:
            connect = proxy_pb2.ConnectRequest(b64data=data)
            self._judge("Connect", await self._door.stub.Connect(connect, metadata=KNOWN))
        else:
            rpc = proxy_pb2.RPCRequest(user=self._user, method="ai:list", b64data=data)
            self._judge("ai:list", await self._door.stub.RPC(rpc, metadata=KNOWN))

    async def _no_protobuf(self) -> None:
        """A field that is longer than the rest of the message: gRPC itself refuses it."""
        call = self._chance.choice(["Connect", "Subscribe", "RPC"])
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self._port}") as channel:
            send: Any = channel.unary_unary(f"{SERVICE}/{call}")
            data = b"\x0a\x7f" + self._chance.randbytes(self._chance.randrange(100))
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await send(data, metadata=KNOWN)
        assert refused.value.code() in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL)
        details = refused.value.details() or ""
        assert not any(internal in details for internal in INTERNALS)
        self.refused["no protobuf"] += 1

    def _wrong(self, method: str, count: int) -> Json:
        fields = [*self.valid[method]]
        chosen = self._chance.sample(fields, min(count, len(fields)))
        wrong = {field: self._chance.choice(WRONG[field]) for field in chosen}
        if "text" in wrong and self._chance.random() < 0.5:
            wrong |= {"text": None, "parts": self._chance.choice(WRONG["parts"])}
        return wrong

    def _broken(self, data: bytes) -> bytes:
        """Cut, doubled, with changed bytes, or garbage."""
        chance = self._chance
        match chance.randrange(5):
            case 0:
                return data[: chance.randrange(1, len(data))]
            case 1:
                at = chance.randrange(len(data))
                return data[:at] + chance.randbytes(chance.randrange(1, 5)) + data[at + 1 :]
            case 2:
                return data * chance.randrange(2, 4)
            case 3:
                return chance.randbytes(chance.randrange(1, 200))
            case _:
                return data.replace(b'"', chance.choice([b"'", b"\\", b"\x00", b"{"]), 3)

    def _misspelt(self, name: str) -> str:
        at = self._chance.randrange(len(name))
        return self._chance.choice(
            [
                name[:at],
                name[:at] + self._chance.choice("\0~ ü\u2028") + name[at + 1 :],
                name[:at] + name[at] + name[at:],
                name + name,
                name.swapcase(),
                name.replace(":", "%3A"),
                name.replace("ai:", ""),
                f" {name}",
                f"{name}\n",
            ]
        )

    async def _rpc(self, user: str, method: str, data: bytes) -> None:
        request = proxy_pb2.RPCRequest(user=user, method=method, data=data)
        self._judge(method, await self._door.stub.RPC(request, metadata=KNOWN), data)

    def _judge(self, call: str, reply: Any, data: bytes = b"") -> None:
        assert reply.HasField("error"), (call, data)
        assert reply.error.code in CODES, (call, data, reply.error)
        assert not reply.error.temporary
        assert_plain(reply.error.message)
        self.refused[call] += 1
