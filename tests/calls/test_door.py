"""The gRPC port: who may call, TLS, health, reflection, and malformed prompts."""

import asyncio
import json
import shutil
import uuid
from pathlib import Path

import grpc
import pytest

from proxy_server.pb import proxy_pb2
from testbed.certificate import self_signed
from testbed.client import Json
from testbed.deployment import Deployment
from testbed.door import KNOWN, Door, Metadata
from tests.calls.test_malformed import assert_plain
from tests.conftest import needs

SERVICE = "centrifugal.centrifugo.proxy.CentrifugoProxy"
METHODS = ("send", "open", "stop", "regenerate", "list", "history", "rename", "delete")


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
    (server,) = deployment.servers
    before = len(server.events(event="caller_refused"))
    async with Door(deployment.door_port) as door:
        for call, request in (
            (door.stub.Connect, proxy_pb2.ConnectRequest()),
            (door.stub.Subscribe, proxy_pb2.SubscribeRequest(user="anna", channel="ai:x")),
            (door.stub.RPC, proxy_pb2.RPCRequest(user="anna", method="ai:list", data=b"{}")),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(request, metadata=metadata)
            assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert len(server.events(event="caller_refused")) == before + 3


async def test_without_a_user_nothing_is_done(deployment: Deployment) -> None:
    async with Door(deployment.door_port) as door:
        for method in METHODS:
            assert (await door.rpc("", f"ai:{method}"))["error"]["code"] == 401
        assert (await door.subscribe("", "ai:x"))["error"]["code"] == 401


async def test_connections_without_a_user_do_not_use_up_a_limit(infrastructure: Deployment) -> None:
    with infrastructure.server(2, CALLS_PER_SECOND="1", CALLS_AT_ONCE="1") as server:
        async with Door(server.port) as door:
            calls = (door.rpc(user, "ai:list") for user in ("", "\0") for _ in range(20))
            replies = await asyncio.gather(*calls)
    assert {reply["error"]["code"] for reply in replies} == {401}


async def test_secrets_rotate_one_server_after_the_other(infrastructure: Deployment) -> None:
    old, new = "the-old-secret-of-the-door", "the-new-secret-of-the-door"
    with (
        infrastructure.server(2, SIGNING_SECRETS=old) as before,
        infrastructure.server(3, SIGNING_SECRETS=f"{new},{old}") as between,
        infrastructure.server(4, SIGNING_SECRETS=new) as after,
    ):
        async with Door(before.port) as a, Door(between.port) as b, Door(after.port) as c:
            visitor = await welcome(a)
            user = visitor["user"]
            session = await a.rpc(user, "ai:send", text="/tokens 1")
            where = {"conversation": session["conversation"]}

            assert (again := await welcome(b, visitor["token"]))["user"] == user
            assert "error" not in await b.rpc(user, "ai:open", **where)
            assert await b.subscribe(user, session["channel"]) == {}

            # a token that was renewed meanwhile outlasts the old secret
            assert (await welcome(c, again["token"]))["user"] == user
            assert (await welcome(c, visitor["token"]))["user"] != user
            assert (await c.rpc(user, "ai:open", **where))["error"]["code"] == 403
            assert (await c.subscribe(user, session["channel"]))["error"]["code"] == 403


async def welcome(door: Door, token: str | None = None) -> Json:
    """The welcome of a connecting visitor, with a token or without."""
    request = proxy_pb2.ConnectRequest(data=json.dumps({"token": token}).encode())
    reply = await door.stub.Connect(request, metadata=KNOWN)
    told: Json = json.loads(reply.result.data)
    return told


async def test_health_and_reflection(deployment: Deployment) -> None:
    async with Door(deployment.door_port) as door:
        assert await door.serves()
        assert await door.serves(SERVICE)
        assert SERVICE in await door.services()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    needs(openssl=shutil.which("openssl"))
    return self_signed(tmp_path_factory.mktemp("tls"))


async def test_tls(infrastructure: Deployment, certificate: tuple[Path, Path]) -> None:
    chain, key = certificate
    user = str(uuid.uuid4())
    with infrastructure.server(2, GRPC_TLS_CERT=str(chain), GRPC_TLS_KEY=str(key)) as server:
        async with Door(server.port, certificate=chain.read_bytes()) as door:
            assert (await door.rpc(user, "ai:list"))["conversations"] == []
        async with Door(server.port) as plain:
            with pytest.raises(grpc.aio.AioRpcError):
                await plain.rpc(user, "ai:list")


async def test_a_renewed_certificate_needs_no_restart(
    infrastructure: Deployment, tmp_path: Path
) -> None:
    needs(openssl=shutil.which("openssl"))
    chain, key = self_signed(tmp_path)
    user = str(uuid.uuid4())
    with infrastructure.server(2, GRPC_TLS_CERT=str(chain), GRPC_TLS_KEY=str(key)) as server:
        before = chain.read_bytes()
        async with Door(server.port, certificate=before) as door:
            assert (await door.rpc(user, "ai:list"))["conversations"] == []
            # while they are being replaced, the files do not match, and the old ones stay in use
            chain.unlink()
            async with Door(server.port, certificate=before) as meanwhile:
                assert (await meanwhile.rpc(user, "ai:list"))["conversations"] == []
            self_signed(tmp_path)
            async with Door(server.port, certificate=chain.read_bytes()) as renewed:
                assert (await renewed.rpc(user, "ai:list"))["conversations"] == []
            async with Door(server.port, certificate=before) as outdated:
                with pytest.raises(grpc.aio.AioRpcError):
                    await outdated.rpc(user, "ai:list")
            # open connections go on
            assert (await door.rpc(user, "ai:list"))["conversations"] == []


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
@pytest.mark.usefixtures("undisturbed")
async def test_malformed_prompts(deployment: Deployment, data: bytes) -> None:
    user = str(uuid.uuid4())
    async with Door(deployment.door_port) as door:
        error = (await door.raw(user, "ai:send", data))["error"]
        assert error["code"] == 400
        assert not error["temporary"]
        assert_plain(error["message"])
        assert (await door.rpc(user, "ai:list"))["conversations"] == []
    logged = deployment.servers[0].events(user=user)
    assert [(line["event"], line["code"]) for line in logged] == [("call_refused", 400)]


async def test_a_prompt_of_a_megabyte(deployment: Deployment) -> None:
    user = str(uuid.uuid4())
    async with Door(deployment.door_port) as door:
        for prompt in ("x" * (1 << 20), "é" * 30_000):
            error = (await door.rpc(user, "ai:send", text=prompt))["error"]
            assert (error["code"], error["temporary"]) == (413, False)
        image = {"type": "file", "mediaType": "image/png", "url": "https://a"}
        for field in ("mediaType", "filename"):
            long = image | {field: "image/" + "x" * 50_000}
            assert (await door.rpc(user, "ai:send", parts=[long]))["error"]["code"] == 413
        assert (await door.rpc(user, "ai:list"))["conversations"] == []


async def test_half_a_character_of_a_prompt_is_no_reason_to_refuse_it(
    deployment: Deployment,
) -> None:
    """JavaScript sends one if it cuts a text inside a character."""
    async with Door(deployment.servers[0].port) as door:
        session = await door.raw("anna", "ai:send", b'{"text": "/tokens 1 \\ud83d"}')
        assert session["messages"][0]["parts"] == [{"type": "text", "text": "/tokens 1 \ufffd"}]
