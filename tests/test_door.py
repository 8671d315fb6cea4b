"""The gRPC port: who may call, TLS, health, reflection, and what an attacker sends."""

import asyncio
import json
import random
import subprocess
from pathlib import Path

import grpc
import pytest

from proxy_server.pb import proxy_pb2
from testbed.deployment import Deployment
from testbed.door import KNOWN, Door, Metadata

SERVICE = "centrifugal.centrifugo.proxy.CentrifugoProxy"
METHODS = ("send", "open", "stop", "regenerate", "list", "history", "rename", "delete")
OTHERS: tuple[object, ...] = (None, -1, 1e308, 2**63, 2**70, "", "\0", "\ud800", [], {}, [[]], True)
INTERNALS = ("Traceback", "proxy_server", "sqlalchemy", "msgspec", ".py", "Error(", "0x", "SELECT")


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("x-centrifugo-credential", ""),),
        (("x-centrifugo-credential", "wrong"),),
        (("x-centrifugo-credential", KNOWN[0][1] + "x"),),
        (("authorization", KNOWN[0][1]),),
    ],
)
async def test_only_centrifugo_is_heard(deployment: Deployment, metadata: Metadata) -> None:
    async with Door(deployment.door_port) as door:
        for call, request in (
            (door.stub.Connect, proxy_pb2.ConnectRequest()),
            (door.stub.Subscribe, proxy_pb2.SubscribeRequest(user="anna", channel="ai:x")),
            (door.stub.RPC, proxy_pb2.RPCRequest(user="anna", method="ai:list", data=b"{}")),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(request, metadata=metadata)
            assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_without_a_user_nothing_is_done(deployment: Deployment) -> None:
    async with Door(deployment.door_port) as door:
        for method in METHODS:
            assert (await door.rpc("", f"ai:{method}"))["error"]["code"] == 401
        assert (await door.subscribe("", "ai:x"))["error"]["code"] == 401


async def test_health_and_reflection(deployment: Deployment) -> None:
    async with Door(deployment.door_port) as door:
        assert await door.serves()
        assert await door.serves(SERVICE)
        assert SERVICE in await door.services()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    chain, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "1", "-subj", "/CN=localhost", "-addext"),
            *("subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(chain)),
        ],
        check=True,
        capture_output=True,
    )
    return chain, key


async def test_tls(serverless: Deployment, certificate: tuple[Path, Path]) -> None:
    chain, key = certificate
    with serverless.server(2, GRPC_TLS_CERT=str(chain), GRPC_TLS_KEY=str(key)) as server:
        async with Door(server.port, certificate=chain.read_bytes()) as door:
            assert (await door.rpc("anna", "ai:list"))["conversations"] == []
        async with Door(server.port) as plain:
            with pytest.raises(grpc.aio.AioRpcError):
                await plain.rpc("anna", "ai:list")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"text": 5}',
        b'{"text": ["a"]}',
        b'{"text": ""}',
        b'{"text": " \\n\\t "}',
        b'{"text": "a\\u0000b"}',
        b'{"text": "\\ud800"}',
        b'{"text": "a", "parts": []}',
        b'{"parts": []}',
        b'{"parts": [{"type": "text"}]}',
        b'{"parts": [{"type": "unknown", "text": "a"}]}',
        b'{"parts": [{"type": "file", "mediaType": "text/html", "url": "https://a"}]}',
        b'{"parts": [{"type": "file", "mediaType": "image/png", "url": "file:///etc/passwd"}]}',
        b'{"parts": [{"type": "file", "mediaType": "image/png", "url": "http://10.0.0.1/a"}]}',
        b'{"text": "a", "when_busy": "never"}',
        b'{"text": "a", "id": ""}',
        b'{"text": "a", "id": "' + b"x" * 65 + b'"}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
)
async def test_malformed_prompts(deployment: Deployment, data: bytes) -> None:
    async with Door(deployment.door_port) as door:
        error = (await door.raw("anna", "ai:send", data))["error"]
        assert error["code"] == 400
        assert not error["temporary"]
        assert_plain(error["message"])
        assert (await door.rpc("anna", "ai:list"))["conversations"] == []


async def test_a_prompt_of_a_megabyte(deployment: Deployment) -> None:
    async with Door(deployment.door_port) as door:
        for prompt in ("x" * (1 << 20), "é" * 30_000):
            error = (await door.rpc("anna", "ai:send", text=prompt))["error"]
            assert (error["code"], error["temporary"]) == (413, False)
        image = {"type": "file", "mediaType": "image/png", "url": "https://a"}
        for field in ("mediaType", "filename"):
            long = image | {field: "image/" + "x" * 50_000}
            assert (await door.rpc("anna", "ai:send", parts=[long]))["error"]["code"] == 413
        assert (await door.rpc("anna", "ai:list"))["conversations"] == []


def assert_plain(message: str) -> None:
    """One sentence for a person, with nothing of how we are made in it."""
    assert 0 < len(message) < 200
    assert message.endswith(".")
    assert not any(internal in message for internal in INTERNALS)


async def test_ten_thousand_malformed_requests(serverless: Deployment) -> None:
    """None crashes the server, is answered with its internals, or makes it ask the model."""
    chance = random.Random(4)
    with serverless.server(2, LOG_LEVEL="error", PROMPTS_PER_MINUTE="1") as server:
        async with Door(server.port) as door:
            own = await door.rpc("anna", "ai:send", text="/tokens 1")
            seeds = seed_requests(own["conversation"], own["channel"])
            for _ in range(100):
                await asyncio.gather(*(one_malformed(door, chance, seeds) for _ in range(100)))
            assert await door.serves()
        assert server.runs
        assert "Traceback" not in server.log_text()
        assert "call_failed" not in server.log_text()


def seed_requests(conversation: str, channel: str) -> list[tuple[str, bytes]]:
    values = {
        "send": {"text": "hello", "conversation": conversation, "id": "a", "when_busy": "queue"},
        "open": {"conversation": conversation, "limit": 5},
        "stop": {"conversation": conversation, "message": "a"},
        "regenerate": {"conversation": conversation, "message": "a"},
        "list": {"limit": 3, "before": "1.5_x"},
        "history": {"conversation": channel, "limit": 3, "before": "3"},
        "rename": {"conversation": conversation, "title": "t"},
        "delete": {"conversation": conversation},
    }
    return [(f"ai:{method}", json.dumps(value).encode()) for method, value in values.items()]


async def one_malformed(door: Door, chance: random.Random, seeds: list[tuple[str, bytes]]) -> None:
    method, data = chance.choice(seeds)
    user = chance.choice(["bert", "bert", "", "\0", "a" * 5000, "ü\u2028"])
    if chance.random() < 0.3:
        channel = mutated(chance, chance.choice(seeds)[1]).decode("utf-8", "replace")
        assert_plain((await door.subscribe(user, channel))["error"]["message"])
        return
    if chance.random() < 0.1:
        method = mutated(chance, method.encode()).decode("utf-8", "replace")
    reply = await door.raw(user, method, mutated(chance, data))
    if "error" in reply:
        assert_plain(reply["error"]["message"])
        assert reply["error"]["code"] in (400, 401, 403, 404, 413, 429)


def mutated(chance: random.Random, data: bytes) -> bytes:
    """Cut, doubled, with bytes changed, with values of other types, or nothing like it."""
    match chance.randrange(6):
        case 0:
            return data[: chance.randrange(len(data) + 1)]
        case 1:
            at = chance.randrange(len(data))
            return data[:at] + chance.randbytes(chance.randrange(1, 5)) + data[at + 1 :]
        case 2:
            return data * chance.randrange(2, 4)
        case 3:
            return chance.randbytes(chance.randrange(200))
        case 4:
            try:
                value = json.loads(data)
            except ValueError:
                return b""
            value[chance.choice(list(value))] = chance.choice(OTHERS)
            return json.dumps(value).encode()
        case _:
            return data.replace(b'"', chance.choice([b"'", b"\\", b"\x00", b"{"]), 3)
