"""The example clients for other Centrifugo SDKs, as programs, while things break."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from testbed import go_client
from testbed.approvals import ASKED, CALLS, DONE
from testbed.client import Client, Json
from testbed.deployment import API_KEY, Deployment
from testbed.link import Link
from testbed.program import Ended
from testbed.program import run as run_program
from testbed.text import text
from testbed.waiting import until
from tests.clients.conftest import SETTINGS
from tests.clients.forgetful import forgetful

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "clients"
RESPONDERS = "parts=testbed.answers:answer, approvals=testbed.approvals:answer"
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    # fewer than are missed while a client is away: it must open again
    limit = {"CENTRIFUGO_CLIENT_RECOVERY_MAX_PUBLICATION_LIMIT": "20"}
    # the tests' own requests count as the user's calls
    settings = SETTINGS | {"RESPONDERS": RESPONDERS, "CALLS_PER_SECOND": "1000"}
    folder = tmp_path_factory.mktemp("sdks")
    with Deployment(folder=folder, settings=settings, centrifugo_settings=limit) as running:
        yield running


@pytest.fixture(scope="module", params=["python", "go"])
def program(request: pytest.FixtureRequest) -> list[str]:
    if request.param == "go":
        return [str(go_client.built())]
    return [sys.executable, str(EXAMPLES / "python" / "chat.py")]


async def output_of(command: list[str], port: int, prompt: str, **environment: str) -> str:
    """Its output to the end; it must succeed."""
    ended = await run(command, port, prompt, **environment)
    assert ended.status == 0, ended.errors
    return ended.output


async def run(command: list[str], port: int, prompt: str, **environment: str) -> Ended:
    url = f"ws://127.0.0.1:{port}/connection/websocket"
    return await run_program(*command, url, prompt, environment={**os.environ, **environment})


async def cut_until_done(link: Link, *answers: asyncio.Task[str]) -> int:
    """Cuts now and then, twice for long, until all answers are there; returns how often."""
    cuts = 0
    for beat in range(1000):
        await asyncio.wait(answers, timeout=0.6)
        if all(answer.done() for answer in answers):
            return cuts
        link.refusing = beat in (3, 8)
        cuts += link.cut()
    raise AssertionError("it does not end")


@pytest.mark.parametrize("model", ["test", "parts"])
async def test_an_answer_is_exact_while_sockets_are_cut(
    deployment: Deployment, program: list[str], model: str
) -> None:
    prompts = [f"/tokens 400 rate=50 seed={seed}" for seed in range(3)]
    async with Link(deployment.port) as link:
        answers = [
            asyncio.create_task(output_of(program, link.port, prompt, MODEL=model))
            for prompt in prompts
        ]
        cuts = await cut_until_done(link, *answers)
    assert cuts > 5
    assert [await answer for answer in answers] == [f"{text(400, seed)}\n" for seed in range(3)]


async def test_an_answer_is_exact_while_centrifugo_restarts(
    deployment: Deployment, program: list[str]
) -> None:
    other = await deployment.connect()
    token = other.hello["data"]["token"]
    answer = asyncio.create_task(
        output_of(program, deployment.port, "/tokens 400 rate=50", TOKEN=token)
    )
    await until(lambda: statuses(other))
    await other.close()
    for _ in range(2):
        deployment.centrifugo.kill()
        deployment.centrifugo.start()
        # cut the next time while it is being followed, the first time perhaps before
        await asyncio.wait([answer], timeout=2)
    assert await answer == f"{text(400)}\n"


async def test_an_answer_that_waits_is_open_and_may_be_made_anew(
    deployment: Deployment, program: list[str]
) -> None:
    other = await deployment.connect()
    token = other.hello["data"]["token"]
    answer = asyncio.create_task(
        output_of(program, deployment.port, "do it", TOKEN=token, MODEL="approvals")
    )
    first = await waiting(other)
    conversation = first["conversation"]
    await other.rpc("ai:regenerate", conversation=conversation)
    anew = await waiting(other)
    assert anew["messages"][-1]["id"] != first["messages"][-1]["id"]
    await other.rpc(
        "ai:continue",
        conversation=conversation,
        message=anew["messages"][-1]["id"],
        approvals=[{"id": f"ask-{call}", "approved": True} for call in CALLS],
    )
    assert await answer == f"{ASKED}{DONE}\n"
    await other.close()


async def test_an_answer_is_exact_where_publications_are_lost_or_strange(
    deployment: Deployment, program: list[str]
) -> None:
    other = await deployment.connect()
    token = other.hello["data"]["token"]
    answer = asyncio.create_task(
        output_of(program, deployment.port, "/tokens 200 rate=50", TOKEN=token)
    )
    await until(lambda: statuses(other))
    found = (await other.rpc("ai:list"))["conversations"][0]["id"]
    session = await other.rpc("ai:open", conversation=found)
    made = session["messages"][-1]["id"]
    stranger = {"id": "stranger", "role": "user", "parts": [], "metadata": {"created_at": 1}}
    for strange in (
        {"type": "of another version", "message": made},
        {"type": "chunks", "message": made, "seq": 1_000_000, "chunks": []},
        {"type": "message", "message": stranger, "after": "nobody"},
        {"type": "message", "message": stranger, "after": "nobody"},
        {"type": "chunks", "message": made, "seq": 1, "chunks": [{"type": "text-delta"}]},
    ):
        await asyncio.sleep(0.3)
        await server_api(deployment, "publish", channel=session["channel"], data=strange)
    assert await answer == f"{text(200)}\n"
    await other.close()


async def test_an_answer_ends_though_its_last_publication_was_lost(
    deployment: Deployment, program: list[str]
) -> None:
    async with forgetful(deployment.port, losing='"finish"') as between:
        answer = await output_of(program, between.port, "/tokens 50 rate=50")
    assert text(50) == answer.removesuffix("\n")
    assert between.lost == 1


async def test_a_conversation_that_is_deleted_is_gone(
    deployment: Deployment, program: list[str]
) -> None:
    other = await deployment.connect()
    token = other.hello["data"]["token"]
    ended = asyncio.create_task(run(program, deployment.port, "/tokens 400 rate=50", TOKEN=token))
    await until(lambda: statuses(other))
    found = (await other.rpc("ai:list"))["conversations"][0]["id"]
    await other.rpc("ai:delete", conversation=found)
    code, output, errors = await ended
    assert (code, errors.splitlines()[-1]) == (1, "[gone]")
    assert text(400).startswith(output)
    await other.close()


async def test_an_answer_that_is_stopped_is_told(
    deployment: Deployment, program: list[str]
) -> None:
    other = await deployment.connect()
    token = other.hello["data"]["token"]
    ended = asyncio.create_task(run(program, deployment.port, "/stall 20", TOKEN=token))
    await until(lambda: statuses(other))
    found = (await other.rpc("ai:list"))["conversations"][0]["id"]
    await other.rpc("ai:stop", conversation=found)
    code, output, errors = await ended
    assert (code, errors.splitlines()[-1]) == (1, "[stopped]")
    assert text(20).startswith(output.removesuffix("\n"))
    await other.close()


async def test_a_connection_that_is_ended_for_good_is_told(
    deployment: Deployment, program: list[str]
) -> None:
    other = await deployment.connect()
    token, user = other.hello["data"]["token"], other.hello["data"]["user"]
    ended = asyncio.create_task(run(program, deployment.port, "/tokens 400 rate=50", TOKEN=token))
    await until(lambda: statuses(other))
    await other.close()
    await server_api(
        deployment, "disconnect", user=user, disconnect={"code": 4600, "reason": "enough"}
    )
    code, output, errors = await ended
    assert (code, errors.splitlines()[-1]) == (1, "[enough]")
    assert text(400).startswith(output.removesuffix("\n"))


async def server_api(deployment: Deployment, method: str, **request: Any) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{deployment.port}/api") as api:
        done = await api.post(f"/{method}", json=request, headers={"X-API-Key": API_KEY})
    assert "error" not in done.json()


async def statuses(client: Client) -> list[str]:
    found = await client.rpc("ai:list")
    return [each["status"] for each in found["conversations"]]


async def waiting(client: Client) -> Json:
    """The session of the user's only conversation, once its answer waits."""

    async def condition() -> Json | None:
        found = (await client.rpc("ai:list"))["conversations"]
        if [each["status"] for each in found] != ["waiting"]:
            return None
        return await client.rpc("ai:open", conversation=found[0]["id"])

    return await until(condition)
