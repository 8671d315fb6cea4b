"""A route that answers with every kind of part: shown as the AI SDK itself would show it."""

import shutil
from pathlib import Path
from typing import Any

import httpx

from testbed.deployment import Deployment
from testbed.door import Door
from testbed.ports import free_port
from testbed.process import Process
from testbed.waiting import until

HERE = Path(__file__).parent
PACKAGES = HERE.parents[2] / "frontend" / "node_modules"


async def test_the_parts_are_those_of_the_ai_sdk(
    infrastructure: Deployment, tmp_path: Path
) -> None:
    shutil.copy(HERE / "parts_route.js", tmp_path / "route.mjs")
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    port = free_port()
    route = Process(
        "the route",
        ["node", str(tmp_path / "route.mjs")],
        port,
        tmp_path / "log",
        {"PORT": str(port)},
    )
    responder = f"http://127.0.0.1:{port}/api/chat"
    with route, infrastructure.server(2, RESPONDER=responder) as server:
        async with httpx.AsyncClient(timeout=20) as http:
            expected = (await http.get(f"http://127.0.0.1:{port}/parts")).json()
        async with Door(server.port) as door:
            session = await door.rpc("anna", "ai:send", text="Hi")

            async def ended() -> dict[str, Any] | None:
                opened = await door.rpc("anna", "ai:open", conversation=session["conversation"])
                message: dict[str, Any] = opened["messages"][-1]
                return message if opened["generation"] is None else None

            message = await until(ended)
    metadata = message["metadata"]
    assert metadata["status"] == "complete", server.log_text()[-2000:]
    parts = expected["parts"]
    assert [without_state(part) for part in message["parts"]] == [*map(without_state, parts)]
    # without the service's own fields
    given = expected["metadata"]
    assert given["took"] == metadata["took"] == [1, 2]
    assert given["tea"] == metadata["tea"] == {"kind": "green", "degrees": 80}
    assert metadata["model"] == "chat"
    assert metadata["usage"] == {"input_tokens": 12, "output_tokens": 7}


def without_state(part: dict[str, Any]) -> dict[str, Any]:
    """A finished text has no state here but `done` there, and no id of its stream."""
    is_text = part["type"] in ("text", "reasoning")
    return {
        name: value for name, value in part.items() if not (is_text and name in ("id", "state"))
    }
