"""The compose file: its form, its settings, and its page as nginx serves it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
import yaml

from centrifugo.build import pinned
from centrifugo.environment import Environment
from proxy_server.settings import Settings
from run.environment import SECRETS
from run.parts import LOCAL_MODEL
from testbed import frontend, machine, parts
from testbed.client import Client
from testbed.deployment import Deployment
from testbed.nginx import nginx
from testbed.ports import free_port
from testbed.text import text
from tests.conftest import needs

ROOT = Path(__file__).parent.parent.parent
COMPOSE = (ROOT / "docker-compose.yml").read_text()
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE)["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
NGINX = (ROOT / "frontend" / "page" / "nginx.conf.template").read_text()
SETTINGS = {name.upper() for name in Settings.model_fields}
OF_COMPOSE = {"PAGE_HOST", "PAGE_PORT", "PAGE_ORIGINS", "COMPOSE_PROFILES"}
ORIGIN = "http://localhost:9000"


def test_it_holds_to_the_compose_specification() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*check, "docker-compose.yml"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_each_setting_that_it_names_is_one() -> None:
    assert set(SERVICES["proxy-server"]["environment"]) <= SETTINGS
    assert set(re.findall(r"\$\{([A-Z_]+)", COMPOSE)) <= SETTINGS | OF_COMPOSE


def test_both_sides_have_a_secret_from_one_place() -> None:
    for name in SECRETS:
        given = [value for value in _values() if value.startswith(f"${{{name}")]
        both_sides = 1 if name == "SIGNING_SECRETS" else 2
        assert len(given) >= both_sides, name
        assert name in SERVICES["proxy-server"]["environment"]


def test_the_local_model_is_asked_as_by_make_run() -> None:
    server = SERVICES["proxy-server"]["environment"]
    for name, value in LOCAL_MODEL.items():
        assert server[name] == f"${{{name}:-${{COMPOSE_PROFILES:+{value}}}}}"


def test_centrifugo_is_the_pinned_one_and_gets_what_make_run_gives_it() -> None:
    centrifugo = SERVICES["centrifugo"]
    assert centrifugo["image"].endswith(":v" + ".".join(map(str, pinned())))
    given = set(Environment(api_key="", grpc_credential="").variables())
    # inside its container it keeps its default ports, and listens for the other containers
    ports = {"CENTRIFUGO_HTTP_SERVER_PORT", "CENTRIFUGO_GRPC_API_PORT"}
    addresses = {"CENTRIFUGO_HTTP_SERVER_ADDRESS", "CENTRIFUGO_GRPC_API_ADDRESS"}
    origins = {"CENTRIFUGO_CLIENT_ALLOWED_ORIGINS"}
    assert set(centrifugo["environment"]) == given - ports | addresses | origins


def test_centrifugo_knows_each_variable(tmp_path: Path) -> None:
    given = dict.fromkeys(SERVICES["centrifugo"]["environment"], "x")
    port, api_port = free_port(), free_port()
    endpoint = f"grpc://127.0.0.1:{free_port()}"
    values = Environment(
        api_key="x", grpc_credential="x", port=port, grpc_api_port=api_port, proxy_endpoint=endpoint
    ).variables()
    addresses = {name: "127.0.0.1" for name in given if name.endswith("_ADDRESS")}
    with parts.centrifugo(port, given | values | addresses, tmp_path) as centrifugo:
        said = [json.loads(line) for line in centrifugo.log_text().splitlines()]
    # from this machine's environment, not from ours
    unknown = {line["var"] for line in said if "unknown var" in line["message"]}
    assert not unknown & set(given)
    assert any("serving websocket" in line["message"] for line in said)


def test_images_are_made_of_what_is_there_and_run_without_root() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    targets = {service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert targets <= stages
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
    for target in targets - {"page"}:
        stage = DOCKERFILE.split(f" AS {target}\n")[1].split("\nFROM ")[0]
        assert re.search(r"^USER app$", stage, re.MULTILINE)


def test_a_model_on_the_host_can_be_named() -> None:
    assert "host.docker.internal:host-gateway" in SERVICES["proxy-server"]["extra_hosts"]


def test_the_database_is_on_the_volume() -> None:
    workdir = "/app"
    assert f" AS proxy-server\nWORKDIR {workdir}\n" in DOCKERFILE
    folder = Path(str(Settings.model_fields["database_url"].default).removeprefix("sqlite:///"))
    assert SERVICES["proxy-server"]["volumes"] == [f"data:{workdir}/{folder.parent}"]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Deployment(folder=tmp_path_factory.mktemp("compose")) as running:
        yield running


def test_the_health_check_says_whether_the_server_serves(deployment: Deployment) -> None:
    _, *python = SERVICES["proxy-server"]["healthcheck"]["test"]
    code = python[-1]

    def check(port: int) -> int:
        asked = code.replace("50051", str(port))
        return subprocess.run([sys.executable, "-c", asked], capture_output=True).returncode

    assert check(deployment.door_port) == 0
    assert check(free_port()) != 0


@pytest.fixture(scope="module")
def access_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nginx") / "access.log"


@pytest.fixture(scope="module")
def page(deployment: Deployment, access_log: Path) -> Iterator[str]:
    """The address of the built page behind a real nginx with the image's configuration."""
    needs(nginx=machine.nginx())
    frontend.build()
    port = free_port()
    values = {
        "PAGE_LISTEN": f"127.0.0.1:{port}",
        "PAGE_ROOT": str(ROOT / "frontend" / "page" / "dist"),
        "CENTRIFUGO": f"127.0.0.1:{deployment.port}",
    }
    assert set(values) == set(re.findall(r"\$\{([A-Z_]+)\}", NGINX))
    told = NGINX
    for name, value in values.items():
        told = told.replace(f"${{{name}}}", value)
    # the image leaves it on
    told = told.replace("server_tokens off;", f"server_tokens off; access_log {access_log};")
    with nginx(port, f"include {_mime_types()};\n{told}", access_log.parent):
        yield f"127.0.0.1:{port}"


def test_the_page_is_served_with_its_policy_and_kept_sanely(page: str) -> None:
    index = httpx.get(f"http://{page}/")
    assert index.headers["content-type"] == "text/html"
    assert index.headers["cache-control"] == "no-cache"
    assert index.headers["x-content-type-options"] == "nosniff"
    policy = re.search(r"const policy = \[(.+?)\]", _vite(), re.DOTALL)
    assert policy
    directives = re.findall(r'"(.+?)"', policy[1])
    assert index.headers["content-security-policy"] == "; ".join(directives)

    scripts = re.findall(r'src="\.(/assets/.+?\.js)"', index.text)
    assert scripts
    for path in scripts:
        script = httpx.get(f"http://{page}{path}")
        assert script.headers["content-type"].endswith("javascript")
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert script.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("path", ["/api/publish", "/metrics", "/health", "/emulationx", "/.env"])
def test_nothing_else_of_centrifugo_is_reached_through_the_page(page: str, path: str) -> None:
    answer = httpx.post(f"http://{page}{path}", json={})
    assert answer.status_code in (404, 405)
    assert answer.headers["server"] == "nginx"


async def prompt_through(address: str) -> None:
    client = await Client.connect(f"ws://{address}/connection/websocket", {}, origin=ORIGIN)
    answer = await client.follow(await client.rpc("ai:send", text="/tokens 40"))
    await client.close()
    assert answer["text"] == text(40)


async def test_a_prompt_comes_back_through_the_page(page: str) -> None:
    await prompt_through(page)


@pytest.fixture(scope="module")
def below(page: str, access_log: Path) -> Iterator[str]:
    """The page below a path of an outer proxy, as in docs/operations.md."""
    block = re.search(r"```nginx\n(location /chat/.+?)```", OPERATIONS, re.DOTALL)
    assert block
    port = free_port()
    location = block[1].replace("127.0.0.1:9000", page)
    with nginx(port, f"server {{ listen 127.0.0.1:{port};\n{location}}}", access_log.parent):
        yield f"127.0.0.1:{port}/chat"


def test_the_page_is_whole_below_a_path(below: str) -> None:
    index = httpx.get(f"http://{below}/")
    found = re.findall(r'(?:src|href)="(.+?)"', index.text)
    assert len(found) >= 3
    for path in found:
        assert httpx.get(str(index.url.join(path))).status_code == 200


async def test_a_prompt_comes_back_below_a_path(below: str) -> None:
    await prompt_through(below)


async def test_other_sites_are_refused(page: str) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(
            f"ws://{page}/connection/websocket", origin=websockets.Origin("https://evil.example")
        )
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("transport", ["http_stream", "sse"])
async def test_without_websockets_the_same_goes_over_http(page: str, transport: str) -> None:
    connect = json.dumps({"id": 1, "connect": {"data": {}}})
    async with httpx.AsyncClient(
        base_url=f"http://{page}", headers={"Origin": ORIGIN}, timeout=20
    ) as http:
        stream = (
            http.stream("GET", "/connection/sse", params={"cf_connect": connect})
            if transport == "sse"
            else http.stream("POST", "/connection/http_stream", content=connect)
        )
        async with stream as answer:
            lines = answer.aiter_lines()
            connected = (await _reply(lines, 1))["connect"]
            rpc = {"id": 2, "rpc": {"method": "ai:list", "data": {}}}
            sent = await http.post(
                "/emulation",
                json={
                    "session": connected["session"],
                    "node": connected["node"],
                    "data": json.dumps(rpc),
                },
            )
            assert sent.status_code == 204
            listed = (await _reply(lines, 2))["rpc"]["data"]
    assert listed["conversations"] == []


def test_a_visitors_token_in_a_url_is_not_logged(page: str, access_log: Path) -> None:
    connect = json.dumps({"id": 1, "connect": {"data": {"token": "the-token"}}})
    with httpx.stream("GET", f"http://{page}/connection/sse", params={"cf_connect": connect}):
        pass
    httpx.get(f"http://{page}/?the-page")
    logged = access_log.read_text()
    assert "the-page" in logged
    assert "the-token" not in logged


def _values() -> list[str]:
    return [
        value for service in SERVICES.values() for value in service.get("environment", {}).values()
    ]


async def _reply(lines: Any, number: int) -> Any:
    async for line in lines:
        message = json.loads(line.removeprefix("data:") or "{}")
        if message.get("id") == number:
            return message
    pytest.fail("the stream ended")


def _mime_types() -> Path:
    told = subprocess.run([str(machine.nginx()), "-V"], capture_output=True, text=True)
    (config,) = re.findall(r"--conf-path=(\S+)", told.stderr)
    return Path(config).parent / "mime.types"


def _vite() -> str:
    return (ROOT / "frontend" / "page" / "vite.config.ts").read_text()
