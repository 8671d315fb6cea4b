"""A route whose answers wait: asked to go on as the AI SDK's own chat would ask it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from testbed.deployment import Deployment
from testbed.door import Door
from testbed.ports import free_port
from testbed.process import Process
from testbed.waiting import until

HERE = Path(__file__).parent
PACKAGES = HERE.parents[2] / "frontend" / "node_modules"
Json = dict[str, Any]


class Route(NamedTuple):
    url: str
    log: Path


@pytest.fixture(scope="module")
def route(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Route]:
    folder = tmp_path_factory.mktemp("route")
    shutil.copy(HERE / "deciding_route.js", folder / "route.mjs")
    (folder / "node_modules").symlink_to(PACKAGES)
    port = free_port()
    command = ["node", str(folder / "route.mjs")]
    with Process("the route", command, port, folder / "log", {"PORT": str(port)}):
        yield Route(f"http://127.0.0.1:{port}", folder / "log")


def alike(body: Json) -> Json:
    """Without generated values: ids, and the service's own fields."""
    names = {message["id"]: str(at) for at, message in enumerate(body["messages"])}
    assert body.keys() <= {"id", "turn", "trigger", "messages", "messageId"}
    return {
        "trigger": body["trigger"],
        "messageId": names.get(body.get("messageId", "")),
        "messages": [
            {"role": message["role"], "parts": [part_of(part) for part in message["parts"]]}
            for message in body["messages"]
        ],
    }


def part_of(part: Json) -> Json:
    left_out = {"id", "state"} if part["type"] in ("text", "reasoning") else set()
    known = {name: value for name, value in part.items() if name not in left_out}
    if "approval" in part:
        known["approval"] = part["approval"] | {"id": "its id"}
    return known


@pytest.mark.parametrize(
    "wanted",
    [
        {"text": "order", "approve": True},
        {"text": "order", "approve": False, "reason": "too dear"},
        {"text": "locate", "output": {"output": {"lat": 1, "names": ["a", None]}}},
        {"text": "locate", "output": {"state": "output-error", "errorText": "no signal"}},
        {"text": "order locate", "approve": True, "output": {"output": "here"}},
    ],
    ids=lambda wanted: " ".join(str(value) for value in wanted.values()),
)
async def test_it_is_asked_to_go_on_as_use_chat_asks(
    infrastructure: Deployment, route: Route, wanted: Json
) -> None:
    async with httpx.AsyncClient(timeout=20, base_url=route.url) as http:
        reply = await http.post("/by-use-chat", json=wanted)
        assert reply.status_code == 200, route.log.read_text()[-2000:]
        expected = reply.json()
        assert expected["errors"] == []
        with infrastructure.server(2, RESPONDER=f"{route.url}/api/service") as server:
            async with Door(server.port) as door:
                message = await through(door, wanted)
        posted = (await http.get("/bodies")).json()
    shown = expected["messages"][-1]
    assert message["metadata"]["status"] == "complete", server.log_text()[-2000:]
    assert [*map(part_of, message["parts"])] == [*map(part_of, shown["parts"])]
    assert [*map(alike, posted)] == [*map(alike, expected["bodies"])]


async def through(door: Door, wanted: Json) -> Json:
    session = await door.rpc("anna", "ai:send", text=wanted["text"])
    where = {"conversation": session["conversation"]}

    async def reached(*statuses: str) -> Json | None:
        opened = await door.rpc("anna", "ai:open", **where)
        message: Json = opened["messages"][-1]
        return message if message["metadata"]["status"] in statuses else None

    message = await until(lambda: reached("waiting", "failed", "complete"))
    approvals, outputs = [], []
    for part in message["parts"]:
        if "approval" in part:
            reason = {"reason": wanted["reason"]} if "reason" in wanted else {}
            approvals.append(
                {"id": part["approval"]["id"], "approved": wanted["approve"], **reason}
            )
        elif part["type"] == "tool-locate":
            given = {name: wanted["output"][name] for name in wanted["output"] if name != "state"}
            outputs.append({"toolCallId": part["toolCallId"], **given})
    said = {**where, "message": message["id"], "approvals": approvals, "outputs": outputs}
    await door.rpc("anna", "ai:continue", **said)
    return await until(lambda: reached("failed", "complete"))
