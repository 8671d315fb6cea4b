"""The built client library in Node, against the real parts, while things break."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed import frontend
from testbed.deployment import Deployment
from testbed.link import Link
from testbed.text import text
from tests.clients import node

SETTINGS = {
    "PROMPTS_PER_MINUTE": "1000",
    "LEASE_SECONDS": "2",
    "SHUTDOWN_GRACE_SECONDS": "0.5",
}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    frontend.build()
    folder = tmp_path_factory.mktemp("client")
    with Deployment(folder=folder, settings=SETTINGS) as running:
        yield running


async def run(scenario: str, port: int, **argument: Any) -> Any:
    """What the scenario showed."""
    return await node.run("library/scenarios.mjs", scenario, port, **argument)


async def test_every_text_is_exact_while_sockets_are_cut(deployment: Deployment) -> None:
    prompts = [f"/tokens 250 rate=50 seed={seed}" for seed in range(30)]
    async with Link(deployment.port) as link:
        result = asyncio.create_task(run("answers", link.port, prompts=prompts))
        cuts = 0
        for beat in range(9):
            await asyncio.sleep(0.6)
            cuts += link.cut()
            if beat == 4:
                deployment.centrifugo.kill()
                deployment.centrifugo.start()
        shown = await result
    assert cuts > len(prompts)
    for seed, prompt in enumerate(prompts):
        whole = [["user", prompt], ["complete", text(250, seed)]]
        assert shown[seed] == [whole, whole]


async def test_more_missed_than_centrifugo_recovers_costs_one_call(tmp_path: Path) -> None:
    # more than are published between two checkpoints, and fewer than while the client is away, even
    # on a busy machine that publishes only five times a second
    limit = {"CENTRIFUGO_CLIENT_RECOVERY_MAX_PUBLICATION_LIMIT": "30"}
    settings = SETTINGS | {"CHECKPOINT_SECONDS": "0.5"}
    prompt = "/tokens 600 rate=50"
    with Deployment(folder=tmp_path, settings=settings, centrifugo_settings=limit) as running:
        async with Link(running.port) as link:
            result = asyncio.create_task(run("missed", link.port, prompt=prompt))
            await asyncio.sleep(3)
            assert link.cut() == 1
            seen = await result
    assert seen == {"shown": [["user", prompt], ["complete", text(600)]], "opened": 1}


async def test_a_prompt_waits_for_a_server_that_restarts(deployment: Deployment) -> None:
    server = deployment.servers[0]
    server.stop()
    running = asyncio.create_task(run("answers", deployment.port, prompts=["/tokens 20"]))
    await asyncio.sleep(1)
    server.start()
    whole = [["user", "/tokens 20"], ["complete", text(20)]]
    assert await running == [[whole, whole]]


async def test_a_long_conversation_is_shown_page_by_page(deployment: Deployment) -> None:
    shown = await run("paging", deployment.port, turns=60)
    assert shown["pages"] == [50, 100, 120]
    assert shown["prompts"] == [f"/tokens 1 seed={turn}" for turn in range(60)]


async def test_the_models_are_told(deployment: Deployment) -> None:
    assert await run("models", deployment.port) == [{"id": "test", "input": ["text", "image"]}]


async def test_a_strangers_conversation_stays_closed(deployment: Deployment) -> None:
    refusal = ["CallError", 403]
    assert await run("refused", deployment.port) == {
        "ready": refusal,
        "send": refusal,
        "stop": refusal,
        "sync": "gone",
        "shown": 0,
        "own": [["user", "/tokens 5"], ["complete", text(5)]],
    }


async def test_clients_of_a_user_are_in_step(deployment: Deployment) -> None:
    shown = await run("inStep", deployment.port)
    assert shown["regenerated"] == [
        ["user", "/stall 20"],
        ["stopped", text(20)],
        ["user", "/tokens 5"],
        ["complete", text(5)],
    ]


async def test_a_connection_that_is_there_is_used_and_left_alone(deployment: Deployment) -> None:
    prompts = ["/tokens 5", "/tokens 50 rate=200"]
    seen = await run("guest", deployment.port, prompts=prompts)
    assert seen["shown"] == [["user", prompts[1]], ["complete", text(50)]]
    assert seen["states"] == ["offline", "connected", "connected", "offline"]
    assert seen["host"] == "connected"
    assert seen["listeners"] == 0
    assert (seen["subscriptions"], seen["own"]) == (1, "subscribed")


async def test_files_arrive_whole_while_sockets_are_cut_and_servers_die(
    deployment: Deployment,
) -> None:
    count, bytes_each = 5, 1_500_000
    async with Link(deployment.port) as link:
        files = run("files", link.port, count=count, bytes=bytes_each)
        result = asyncio.create_task(files)
        cuts = 0
        # not for longer: on a busy machine nobody would connect between two cuts
        for beat in range(40):
            await asyncio.sleep(0.3)
            if result.done() or cuts > 4 * count:
                break
            cuts += link.cut()
            if beat == 3:
                deployment.servers[0].kill()
                deployment.servers[0].start()
        seen = await result
    assert cuts > count
    assert seen == [[True, f"{seed}.png", 0, True, True] for seed in range(count)]
