"""The AI SDK's own chats over the built transport, in Node against the real parts."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chaos.parts import Json, Parts, comparable
from testbed.answers import chunks_of
from testbed.deployment import Deployment
from testbed.link import Link
from testbed.text import text
from testbed.waiting import until
from tests.clients import node
from tests.clients.conftest import SETTINGS


@pytest.fixture(params=["@ai-sdk/react", "ai-sdk-react-3"], ids=["7", "6"])
def sdk(request: pytest.FixtureRequest) -> str:
    """The package with the AI SDK's own chat, version 7 or 6."""
    return str(request.param)


async def run(scenario: str, port: int, **argument: Any) -> Any:
    return await node.run("ai_sdk/scenarios.mjs", scenario, port, **argument)


async def resuming(scenario: str, port: int, **argument: Any) -> Any:
    return await node.run("ai_sdk/resuming.mjs", scenario, port, **argument)


def whole(*counts: int) -> list[list[str]]:
    """Turns with answers of that many tokens."""
    return [
        message
        for count in counts
        for message in (["user", f"/tokens {count}"], ["complete", text(count)])
    ]


async def test_every_text_is_exact_while_sockets_are_cut(deployment: Deployment, sdk: str) -> None:
    prompts = [f"/tokens 150 rate=30 seed={seed}" for seed in range(16)]
    async with Link(deployment.port) as link:
        running = asyncio.create_task(run("answers", link.port, sdk=sdk, prompts=prompts))
        cuts = 0
        while cuts <= 2 * len(prompts) and not running.done():
            await asyncio.sleep(0.6)
            cuts += link.cut()
        deployment.centrifugo.kill()
        deployment.centrifugo.start()
        chats = await running
    assert cuts > 0
    for seed, chat in enumerate(chats):
        turn = [["user", prompts[seed]], ["complete", text(150, seed)]]
        assert chat["shown"] == [*turn, *whole(5)]
        assert chat["same"]
        assert chat["status"] == "ready"
        assert chat["states"] == [None, "done", None, "done"]


async def test_all_parts_are_exact_while_sockets_are_cut(deployment: Deployment, sdk: str) -> None:
    prompts = [f"/tokens 150 rate=50 seed={seed}" for seed in range(4)]
    async with Link(deployment.port) as link:
        running = asyncio.create_task(run("parts", link.port, sdk=sdk, prompts=prompts))
        while not running.done():
            await asyncio.sleep(0.6)
            link.cut()
    for seed, chat in enumerate(await running):
        made = Parts()
        for chunk in chunks_of(text(150, seed)):
            made.apply(chunk)
        followed, resumed, stored = (
            [comparable(part) for part in without_ids(parts)] for parts in chat["answers"]
        )
        assert stored == made.shown()
        assert followed == stored
        assert [without_raw(part) for part in resumed] == [without_raw(part) for part in stored]
        assert chat["errors"] == []


def without_ids(parts: list[Json]) -> list[Json]:
    """Version 7 gives reasoning an id."""
    return [
        {name: part[name] for name in part if part["type"] != "reasoning" or name != "id"}
        for part in parts
    ]


def without_raw(part: Json) -> Json:
    return {name: part[name] for name in part if name != "rawInput"}


async def test_an_answer_ends_when_its_servers_are_killed(tmp_path: Path, sdk: str) -> None:
    settings = SETTINGS | {"LEASE_SECONDS": "2"}
    with Deployment(folder=tmp_path, replicas=2, settings=settings) as running:
        chats = asyncio.create_task(
            run("killed", running.port, sdk=sdk, prompt="/tokens 400 rate=40")
        )
        await until(lambda: begun(running, "/tokens 400 rate=40"))
        for server in running.servers:
            server.kill()
        for server in running.servers:
            server.start()
        seen = await chats
    [prompt, [status, shown]] = seen["shown"]
    assert prompt == ["user", "/tokens 400 rate=40"]
    assert status == "interrupted"
    assert 0 < len(shown) < len(text(400))
    assert text(400).startswith(shown)
    assert seen["stored"] == seen["shown"]
    assert seen["status"] == "ready"


async def begun(deployment: Deployment, prompt: str) -> bool:
    return any(len(sent["times"]) > 20 for sent in await deployment.sent(prompt))


async def test_an_answer_is_made_anew_by_either_id_or_none(
    deployment: Deployment, sdk: str
) -> None:
    seen = await run("regenerated", deployment.port, sdk=sdk)
    last, first, by_prompt = seen["seen"]
    assert last == [*whole(5, 6), "another"]
    assert first == by_prompt == [*whole(5), "another"]
    assert seen["stored"] == whole(5)


async def test_a_prompt_is_edited_and_each_version_chosen_again(
    deployment: Deployment, sdk: str
) -> None:
    seen = await run("edited", deployment.port, sdk=sdk)
    edited = [whole(5, count) for count in (7, 8)]
    assert seen["seen"] == [*edited, whole(5, 6), *edited]
    assert seen["counts"] == [1, 1, 3, 2]


async def test_only_what_runs_is_resumed(deployment: Deployment, sdk: str) -> None:
    seen = await resuming("resumed", deployment.port, sdk=sdk)
    assert seen["unknown"] == ["ready", []]
    assert seen["types"] == ["start", "text-start", "text-delta", "text-end", "finish"]
    assert seen["text"] == text(60)
    assert seen["ended"] == ["ready", [["user", "/tokens 60 rate=40"]]]
    assert seen["events"] == ["resumed", "first-chunk", "ended complete"]


async def test_an_answer_is_resumed_in_the_middle_of_a_tool(
    deployment: Deployment, sdk: str
) -> None:
    asked = "/tokens 400 rate=80"
    seen = await resuming("resumedInATool", deployment.port, sdk=sdk, prompt=asked)
    assert seen["resumed"] == seen["inStep"] == seen["stored"]
    assert seen["wrong"] == []


async def test_a_reader_that_leaves_ends_nothing(deployment: Deployment, sdk: str) -> None:
    seen = await resuming("aborted", deployment.port, sdk=sdk)
    first = [["user", "/tokens 80 rate=40"], ["complete", text(80)]]
    second = [["user", "/tokens 40 rate=40"], ["complete", text(40)]]
    assert seen == {"one": [*first, *second], "other": first, "status": "ready"}


async def test_who_stops_ends_the_answer_at_the_server(deployment: Deployment, sdk: str) -> None:
    seen = await resuming("stopped", deployment.port, sdk=sdk)
    assert seen["stored"] == ["user", "stopped"] * 3
    assert seen["afterFirst"] == "ready"
    assert seen["told"]
    assert not seen["again"]
    assert seen["after"] == ["ready", "stopped"]
    sent = ["sent", "first-chunk"]
    assert seen["events"] == [*sent, "ended", *sent, "ended stopped"]


async def test_what_a_prompt_does_while_another_is_answered(
    deployment: Deployment, sdk: str
) -> None:
    seen = await run("queued", deployment.port, sdk=sdk)
    busy = ["CallError", 409, "An answer is still being written here. Wait for it, or stop it."]
    assert seen["refused"] == [[busy], "error"]
    assert seen["queued"] == whole(5)
    assert seen["urgent"] == whole(6)
    ends = ["complete", "complete", "stopped", "complete"]
    assert seen["stored"] == [message for end in ends for message in ("user", end)]


async def test_an_error_says_in_a_sentence_what_is_wrong(deployment: Deployment, sdk: str) -> None:
    seen = await run("refused", deployment.port, sdk=sdk)
    sentence = seen["told"]
    assert sentence.startswith("The model ")
    shown = [["user", "/status 400"], ["failed", ""]]
    assert seen["failed"] == [[["Error", None, sentence]], "error", shown]
    assert seen["model"] == [[["CallError", 404, "There is no such model."]], "error"]
    [[name, code, _]] = seen["large"]
    assert (name, code) == ("CallError", 413)
    assert seen["cut"] == [[["CallError", 3, "There is no connection."]], "error"]
    assert seen["whole"] == [["user", "/tokens 60 rate=40"], ["complete", text(60)]]


async def test_a_file_that_is_too_large_for_a_command_is_uploaded_before(
    deployment: Deployment, sdk: str
) -> None:
    seen = await run("file", deployment.port, sdk=sdk, bytes=300_000)
    assert seen == {
        "shown": whole(5),
        "stored": 2,
        "part": {
            "type": "file",
            "mediaType": "image/png",
            "filename": "a.png",
            "url": "upload:",
        },
        "same": True,
    }


@pytest.mark.parametrize("framework", ["vue", "svelte"])
async def test_the_chats_of_other_frameworks_are_in_step(
    deployment: Deployment, framework: str
) -> None:
    seen = await node.run("ai_sdk/frameworks.mjs", "inStep", deployment.port, framework=framework)
    turns = [["user", "/tokens 40 rate=40"], ["complete", text(40)], *whole(6)]
    assert seen == [turns, turns]
