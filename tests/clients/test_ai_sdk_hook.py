"""`useCentrifugoChat` in React's StrictMode: several tabs of one user, against the real parts."""

import asyncio
from typing import Any

from testbed.deployment import Deployment
from testbed.link import Link
from testbed.text import text
from tests.clients import node


async def run(scenario: str, deployment: Deployment) -> Any:
    return await node.run("ai_sdk/hook.mjs", scenario, deployment.port)


def turn(prompt: str, count: int) -> list[list[str]]:
    return [["user", prompt], ["complete", text(count)]]


async def test_each_tab_shows_all_turns_live(deployment: Deployment) -> None:
    seen = await run("inStep", deployment)
    first = turn("/tokens 40 rate=40", 40)
    second = turn("/tokens 30 rate=60", 30)
    assert seen["seen"] == [[first, True], [[*first, *second], True], [second, True]]
    assert seen["wrong"] == 0
    assert all(states > 5 for states in seen["live"])
    assert seen["statuses"] == ["ready", "streaming", "submitted"]


async def test_all_tabs_are_exact_while_sockets_are_cut(deployment: Deployment) -> None:
    chats, turns = 5, 3
    async with Link(deployment.port) as link:
        asked = node.run("ai_sdk/hook.mjs", "faults", link.port, chats=chats, turns=turns)
        running = asyncio.create_task(asked)
        cuts = 0
        while not running.done():
            await asyncio.wait([running], timeout=0.7)
            cuts += link.cut()
        seen = await running
    assert cuts > chats * turns
    for chat, tabs in enumerate(seen):
        expected = []
        for seed in range(chat * turns, (chat + 1) * turns):
            prompt = f"/tokens 80 rate=40 seed={seed}"
            expected += [["user", prompt], ["complete", text(80, seed)]]
        assert tabs == [expected] * 3


async def test_a_conversation_that_another_tab_begins(deployment: Deployment) -> None:
    assert await run("begunElsewhere", deployment) == [turn("/tokens 20 rate=40", 20), True]


async def test_any_tab_stops_an_answer(deployment: Deployment) -> None:
    assert await run("stopped", deployment) == [["user", "stopped"], True]


async def test_a_component_that_leaves_ends_nothing(deployment: Deployment) -> None:
    seen = await run("left", deployment)
    assert seen["shown"] == turn("/tokens 60 rate=30", 60)
    assert seen["events"][-1] == "ended complete"


async def test_a_refused_prompt_stays_and_is_sent_again(deployment: Deployment) -> None:
    seen = await run("refused", deployment)
    first = turn("/tokens 40 rate=40", 40)
    assert seen["refused"] == ["error", 409, [*first, ["user", "/tokens 5"]]]
    assert seen["again"] == [*first, *turn("/tokens 5", 5)]
    assert seen["same"]


async def test_what_one_tab_deletes_is_gone_and_may_begin_anew(deployment: Deployment) -> None:
    assert await run("deleted", deployment) == [turn("/tokens 6", 6), True]


async def test_the_list_is_the_same_in_all_tabs(deployment: Deployment) -> None:
    assert await run("conversations", deployment) == {"named": True}
