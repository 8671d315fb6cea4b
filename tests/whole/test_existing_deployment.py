"""An existing Centrifugo, with its own users, namespaces and proxies."""

import base64
import hashlib
import hmac
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import websockets

from centrifugo.build import HERE as CENTRIFUGO
from centrifugo.build import binary
from testbed import machine, parts
from testbed.certificate import self_signed
from testbed.client import Client
from testbed.deployment import API_KEY, CREDENTIAL, SIGNING_SECRET
from testbed.ports import free_port
from testbed.process import Process
from testbed.text import text
from tests.conftest import needs

OURS = (CENTRIFUGO / "existing-deployment.json").read_text()
DOCUMENT = (CENTRIFUGO.parent / "docs" / "existing-centrifugo.md").read_text()
TOKEN_SECRET = "the-secret-of-the-existing-tokens"
CHANNELS, METHODS, PROXY = "assistant", "llm", "answers"


@dataclass(frozen=True)
class Existing:
    """The existing Centrifugo, with our server behind it."""

    url: str

    @asynccontextmanager
    async def connect(self, user: str) -> AsyncIterator[Client]:
        """The connection of a user with a token of the deployment."""
        client = Client(await websockets.connect(self.url))
        token = jwt(sub=user)
        client.hello = (await client.command("connect", {"token": token}))["connect"]
        yield client
        await client.close()


def jwt(**claims: object) -> str:
    def encoded(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
    signature = hmac.digest(TOKEN_SECRET.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{encoded(signature)}"


def merged(one: Any, other: Any) -> Any:
    if isinstance(one, dict):
        both = {name: merged(one[name], other[name]) for name in one.keys() & other.keys()}
        return {**one, **other, **both}
    return [*one, *other]


class Plan:
    """The configuration of Centrifugo and our server, without TLS at first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.door, self.model, self.redis = (free_port() for _ in range(4))
        api = free_port()
        self.config: dict[str, Any] = {
            "http_server": {"address": "127.0.0.1", "port": self.port},
            "client": {"token": {"hmac_secret_key": TOKEN_SECRET}},
            "channel": {"namespaces": [{"name": "news", "allow_subscribe_for_client": True}]},
            "proxies": [{"name": "backend", "endpoint": "http://127.0.0.1:1/rpc"}],
            "rpc": {
                "namespaces": [{"name": "app", "proxy_enabled": True, "proxy_name": "backend"}]
            },
            "http_api": {"key": API_KEY},
            "grpc_api": {"enabled": True, "address": "127.0.0.1", "port": api, "key": API_KEY},
        }
        self.ours = json.loads(OURS)
        self.ours["channel"]["namespaces"][0] |= {"name": CHANNELS, "subscribe_proxy_name": PROXY}
        self.ours["rpc"]["namespaces"][0] |= {"name": METHODS, "proxy_name": PROXY}
        self.proxy = self.ours["proxies"][0]
        self.proxy |= {"name": PROXY, "endpoint": f"grpc://127.0.0.1:{self.door}"}
        self.environment = {"CENTRIFUGO_PROXIES_ANSWERS_GRPC_CREDENTIALS_VALUE": CREDENTIAL}
        self.settings = {
            "GRPC_CREDENTIAL": CREDENTIAL,
            "CENTRIFUGO_API_URL": f"grpc://127.0.0.1:{api}",
            "CENTRIFUGO_API_KEY": API_KEY,
            "CHANNEL_NAMESPACE": CHANNELS,
            "RPC_NAMESPACE": METHODS,
            "SIGNING_SECRETS": SIGNING_SECRET,
            "DATABASE_URL": f"sqlite:///{folder}/conversations.db",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{self.model}/v1",
            "OPENAI_MODEL": "test",
            "METRICS_LISTEN": "off",
        }

    def welcome_visitors(self) -> None:
        """As in the document's second block."""
        block = json.loads(DOCUMENT.split("```json\n")[2].split("```")[0])
        block["client"]["proxy"]["connect"]["endpoint"] = self.proxy["endpoint"]
        self.ours = merged(self.ours, block)
        variable = "CENTRIFUGO_CLIENT_PROXY_CONNECT_GRPC_CREDENTIALS_VALUE"
        assert f"`{variable}`" in DOCUMENT
        self.environment[variable] = CREDENTIAL

    def encrypt(self) -> None:
        """TLS both ways, with a self-signed certificate."""
        certificate, key = map(str, self_signed(self.folder))
        encrypted = {"enabled": True, "cert_pem": certificate, "key_pem": key}
        self.proxy["grpc"]["tls"] = {"enabled": True, "server_ca_pem": certificate}
        self.settings |= {"GRPC_TLS_CERT": certificate, "GRPC_TLS_KEY": key}
        api = self.config["grpc_api"]
        api["tls"] = encrypted
        self.settings["CENTRIFUGO_API_URL"] = f"grpcs://127.0.0.1:{api['port']}"
        self.settings["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = certificate
        internal = free_port()
        self.config["http_server"] |= {
            "internal_address": "127.0.0.1",
            "internal_port": str(internal),
            "internal_tls": encrypted,
        }
        self.https = f"https://127.0.0.1:{internal}/api"

    def call_the_api_over_https(self) -> None:
        self.settings["CENTRIFUGO_API_URL"] = self.https
        self.settings["SSL_CERT_FILE"] = self.settings["GRPC_TLS_CERT"]

    def use_redis(self) -> None:
        address = f"redis://127.0.0.1:{self.redis}"
        self.config["engine"] = {"type": "redis", "redis": {"address": address}}

    def centrifugo(self) -> Process:
        file = self.folder / "centrifugo.json"
        file.write_text(json.dumps(merged(self.config, self.ours)))
        subprocess.run([binary(), "checkconfig", "--strict", "-c", file], check=True)
        command = [str(binary()), "-c", str(file)]
        log = self.folder / "centrifugo.log"
        return Process("Centrifugo", command, self.port, log, self.environment)


@pytest.fixture(scope="module", params=["plain", "grpcs", "https-redis"])
def existing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Existing]:
    """Without TLS, with TLS over gRPC, and with TLS over HTTP and Redis as the engine."""
    plan = Plan(tmp_path_factory.mktemp("existing"))
    with ExitStack() as stack:
        if request.param != "plain":
            needs(openssl=shutil.which("openssl"))
            plan.encrypt()
        if request.param == "https-redis":
            needs(redis=machine.redis_server())
            plan.call_the_api_over_https()
            plan.use_redis()
            stack.enter_context(parts.redis(plan.redis, plan.folder))
        stack.enter_context(parts.model(plan.model, plan.folder))
        stack.enter_context(plan.centrifugo())
        stack.enter_context(parts.proxy_server(plan.door, plan.settings, plan.folder))
        yield Existing(f"ws://127.0.0.1:{plan.port}/connection/websocket")


@pytest.fixture
def open_to_visitors(tmp_path: Path) -> Iterator[Existing]:
    plan = Plan(tmp_path)
    plan.welcome_visitors()
    with (
        parts.model(plan.model, plan.folder),
        plan.centrifugo(),
        parts.proxy_server(plan.door, plan.settings, plan.folder),
    ):
        yield Existing(f"ws://127.0.0.1:{plan.port}/connection/websocket")


async def test_its_own_users_get_answers(existing: Existing) -> None:
    async with existing.connect("ada") as client:
        session = await client.rpc("llm:send", text="/tokens 60")
        assert session["channel"].startswith("assistant:")
        answer = await client.follow(session)
        assert answer["text"] == text(60)
        listed = await client.rpc("llm:list")
        assert [each["id"] for each in listed["conversations"]] == [session["conversation"]]


async def test_one_user_is_not_another(existing: Existing) -> None:
    async with existing.connect("ada") as ada, existing.connect("bob") as bob:
        session = await ada.rpc("llm:send", text="/tokens 2")
        refused = await bob.subscribe(session["channel"], session["since"])
        assert refused["error"]["code"] == 403
        opened = await bob.rpc("llm:open", conversation=session["conversation"])
        assert opened["error"]["code"] == 403
        await ada.follow(session)


async def test_what_was_there_goes_on(existing: Existing) -> None:
    async with existing.connect("ada") as client:
        assert "error" not in await client.subscribe("news:today")
        # from its own backend, which is not running here: not our server's "no such method"
        answer = await client.rpc("app:anything")
        assert answer["error"]["code"] == 100
        unknown = await client.rpc("llm:anything")
        assert unknown["error"]["code"] == 404


async def test_without_a_token_nobody_comes_in(existing: Existing) -> None:
    socket = await websockets.connect(existing.url)
    await socket.send(json.dumps({"id": 1, "connect": {}}))
    await socket.wait_closed()
    assert socket.close_code == 3501


async def test_visitors_and_its_own_users_go_together(open_to_visitors: Existing) -> None:
    visitor = await Client.connect(open_to_visitors.url, {})
    assert visitor.hello["data"]["user"].startswith("visitor-")
    session = await visitor.rpc("llm:send", text="/tokens 5")
    assert (await visitor.follow(session))["text"] == text(5)
    async with open_to_visitors.connect("ada") as ada:
        # from its token, not from our proxy
        assert "data" not in ada.hello
        refused = await ada.rpc("llm:open", conversation=session["conversation"])
        assert refused["error"]["code"] == 403
        own = await ada.rpc("llm:send", text="/tokens 5")
        assert (await ada.follow(own))["text"] == text(5)
    await visitor.close()


def test_it_is_what_this_projects_own_centrifugo_has() -> None:
    whole = json.loads((CENTRIFUGO / "config.json").read_text())
    for section, added in json.loads(OURS).items():
        assert whole[section] == added


def test_the_document_shows_the_configuration_that_is_tried_here() -> None:
    assert f"```json\n{OURS}```\n" in DOCUMENT
