"""Limits per network address, through nginx and Centrifugo as configured for that."""

import json
from pathlib import Path

import pytest
import websockets

from testbed import machine
from testbed.client import Client, Json
from testbed.deployment import Deployment
from testbed.nginx import nginx
from testbed.ports import free_port
from tests.conftest import needs

TEMPLATE = Path(__file__).parents[2] / "frontend" / "page" / "nginx.conf.template"
# addresses of this machine that a client may use as its source
HERE, ELSEWHERE = "127.0.0.2", "127.0.0.3"


async def connect(port: int, address: str, forged: str | None = None) -> Client | Json:
    """A visitor's connection from there, or the error."""
    socket = await websockets.connect(
        f"ws://127.0.0.1:{port}/connection/websocket",
        local_addr=(address, 0),
        additional_headers={"X-Forwarded-For": forged} if forged else None,
    )
    client = Client(socket)
    reply = await client.command("connect", {"data": {}})
    if "error" in reply:
        await client.close()
        error: Json = reply["error"]
        return error
    return client


@pytest.mark.parametrize("proxies", ["0", "1"])
async def test_whoever_invents_addresses_is_counted_under_the_real_one(
    infrastructure: Deployment, tmp_path: Path, proxies: str
) -> None:
    needs(nginx=machine.nginx())
    port = free_port()
    values = {
        "PAGE_LISTEN": f"127.0.0.1:{port}",
        "PAGE_ROOT": str(tmp_path),
        "CENTRIFUGO": f"127.0.0.1:{infrastructure.port}",
    }
    config = TEMPLATE.read_text()
    for name, value in values.items():
        config = config.replace(f"${{{name}}}", value)
    limits = {"VISITORS_PER_ADDRESS": "3", "PROMPTS_PER_ADDRESS": "2"}
    with (
        infrastructure.server(1, TRUSTED_PROXIES=proxies, **limits),
        nginx(port, config, tmp_path),
    ):
        found = [await connect(port, HERE, forged=f"203.0.113.{n}") for n in range(4)]
        welcome = [one for one in found if isinstance(one, Client)]
        refused = [one for one in found if not isinstance(one, Client)]
        if proxies == "0":
            # addresses are not known
            assert len(welcome) == 4
        else:
            assert [error["code"] for error in refused] == [429], json.dumps(refused)
            codes = [
                (await one.rpc("ai:send", text="/tokens 1")).get("error", {}).get("code")
                for one in welcome
            ]
            assert codes == [None, None, 429]
            other = await connect(port, ELSEWHERE)
            assert isinstance(other, Client)
            assert "error" not in await other.rpc("ai:send", text="/tokens 1")
            welcome.append(other)
        for client in welcome:
            await client.close()
