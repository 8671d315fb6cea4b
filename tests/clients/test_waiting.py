"""Waiting answers in the AI SDK's own chats over the built transport."""

from collections.abc import Iterator
from typing import Any

import pytest

from testbed.deployment import Deployment
from tests.clients import node
from tests.clients.conftest import SETTINGS


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("waiting")
    settings = SETTINGS | {"RESPONDERS": "shop=tests.chat.shop:shop"}
    with Deployment(folder=folder, settings=settings) as running:
        yield running


@pytest.fixture(params=["@ai-sdk/react", "ai-sdk-react-3"], ids=["7", "6"])
def sdk(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def run(scenario: str, port: int, **argument: Any) -> Any:
    return await node.run("ai_sdk/waiting.mjs", scenario, port, **argument)


async def test_approvals_of_two_tabs(deployment: Deployment, sdk: str) -> None:
    seen = await run("approvals", deployment.port, sdk=sdk)
    asked = "approval-requested"
    assert seen["rested"] == ["ready", "waiting", {"a": asked, "b": asked}]
    assert seen["errors"] == []
    shown = [["user", "order a b"], ["complete", "Let me see. Done."]]
    assert seen["one"] == seen["other"] == [shown, {"a": "output-available", "b": "output-denied"}]
    assert seen["stored"] == shown
    assert seen["approval"] == [
        {"id": "ask-a", "approved": True},
        {"id": "ask-b", "approved": False, "reason": "too dear"},
    ]


async def test_a_tool_of_the_apps_own(deployment: Deployment, sdk: str) -> None:
    assert await run("outputs", deployment.port, sdk=sdk) == {
        "waiting": {"where": "input-available"},
        "errors": [],
        "shown": [["user", "locate me"], ["complete", "Let me see. At home. Done."]],
        "states": {"where": "output-available"},
    }


async def test_two_tabs_that_decide_at_once(deployment: Deployment, sdk: str) -> None:
    seen = await run("raced", deployment.port, sdk=sdk)
    assert seen["errors"] == []
    assert seen["states"] in ({"a": "output-available"}, {"a": "output-denied"})
    assert seen["stored"] == [["user", "order a"], ["complete", "Let me see. Done."]]


async def test_a_tab_that_decides_after_the_end_shows_what_was_done(
    deployment: Deployment, sdk: str
) -> None:
    seen = await run("late", deployment.port, sdk=sdk)
    assert seen["errors"] == []
    shown = [["user", "order a b"], ["complete", "Let me see. Done."]]
    assert seen["seen"] == [[shown, {"a": "output-available", "b": "output-denied"}]] * 2
