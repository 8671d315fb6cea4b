"""Python of somebody else's as the responder: what it is given, what it says, and how it ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from proxy_server import App, Settings
from proxy_server.chat import NewPrompt
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Message, ReasoningPart, TextPart
from proxy_server.protocol.sessions import Session
from proxy_server.testing import InMemoryCentrifugo
from testbed.deployment import Deployment
from testbed.door import Door
from testbed.waiting import until
from tests.responders import own

OWN = "tests.responders.own"
GUIDE = Path(__file__).parent.parent.parent / "docs" / "responders.md"
NEUTRAL = "Something went wrong while the answer was made. Try again."
Serve = Callable[..., AbstractAsyncContextManager[App]]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """The service with these settings, over a Centrifugo in memory."""
    own.seen.clear()
    own.done.clear()
    own.release = asyncio.Event()

    @asynccontextmanager
    async def served(responder: str = "", **more: object) -> AsyncIterator[App]:
        given: dict[str, object] = {
            "signing_secrets": ("a-secret-of-these-tests",),
            "database_url": f"sqlite:///{tmp_path}/conversations.db",
            "coalesce_seconds": 0,
            "responder": f"{OWN}:{responder}" if responder else "",
            **more,
        }
        app = App(Settings.model_validate(given), centrifugo=InMemoryCentrifugo())
        async with app:
            yield app

    return served


async def ended(app: App, session: Session) -> Message:
    async def last() -> Message | None:
        opened = await app.chat.open("anna", session.conversation, None, 50)
        return opened.messages[-1] if opened.generation is None else None

    return await until(last)


async def asked(app: App, text: str = "Hi", **more: str | None) -> Message:
    prompt = NewPrompt([TextPart(text)], **more)  # type: ignore[arg-type]
    return await ended(app, await app.chat.send("anna", prompt))


def said(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, TextPart))


async def begun(app: App) -> Session:
    """An answer of which something is shown."""
    session = await app.chat.send("anna", NewPrompt([TextPart("Hi")]))

    async def shown() -> bool:
        running = list(app.supervisor._running.values())
        return bool(running) and running[0].progress.growing.size() > 0

    await until(shown)
    return session


async def test_the_smallest_one_answers(serve: Serve) -> None:
    async with serve("answer") as app:
        message = await asked(app)
    assert said(message) == "Hello, anna: Hi"
    assert message.metadata.status == "complete"
    assert message.metadata.finish_reason == "stop"
    assert message.metadata.model == "own"
    [turn] = own.seen
    assert turn.message == message.id
    assert (turn.data, turn.meta) == (None, None)


async def test_the_one_of_the_documentation_answers(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = GUIDE.read_text().split("```python\n")[1].split("```")[0]
    (tmp_path / "mine.py").write_text(told)
    monkeypatch.syspath_prepend(tmp_path)
    async with serve(responders={"mine": "mine:answer"}) as app:
        assert said(await asked(app, "anna", model="mine")) == "Hello, anna"


async def test_it_answers_in_a_real_deployment(serverless: Deployment) -> None:
    with serverless.server(2, RESPONDER=f"{OWN}:answer") as server:
        async with Door(server.port) as door:
            session = await door.rpc("anna", "ai:send", text="Hi")

            async def last() -> object:
                opened = await door.rpc("anna", "ai:open", conversation=session["conversation"])
                return opened["generation"] is None and opened["messages"][-1]

            message = json.loads(json.dumps(await until(last)))
    assert message["parts"] == [{"type": "text", "text": "Hello, anna: Hi"}]
    assert message["metadata"]["model"] == "own"


@pytest.mark.parametrize("data", [{"page": 1}, None])
async def test_what_the_client_sends_beside_a_prompt_arrives(
    serverless: Deployment, data: object
) -> None:
    with serverless.server(2, RESPONDER=f"{OWN}:shop") as server:
        async with Door(server.port) as door:
            session = await door.rpc("anna", "ai:send", text="Hi", data=data)
            conversation = session["conversation"]

            async def last(but: str = "") -> object:
                opened = await door.rpc("anna", "ai:open", conversation=conversation)
                message = opened["messages"][-1]
                return opened["generation"] is None and message["id"] != but and message

            first = json.loads(json.dumps(await until(last)))
            await door.rpc("anna", "ai:regenerate", conversation=conversation, data=data)
            second = json.loads(json.dumps(await until(partial(last, first["id"]))))
    for message in (first, second):
        assert message["parts"][0]["text"] == f"own says {data} of None"


async def test_what_may_be_yielded(serve: Serve) -> None:
    async with serve("everything") as app:
        message = await asked(app)
    told = [part for part in message.parts if isinstance(part, TextPart | ReasoningPart)]
    thought = [part.text for part in told if isinstance(part, ReasoningPart)]
    assert thought == ["Let me ", "think."]
    assert said(message) == "Words and \U0001f600"
    assert message.metadata.finish_reason == "length"
    usage = message.metadata.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens) == (20, 4, 2)


async def test_it_is_given_the_conversation(serve: Serve) -> None:
    async with serve("remembers") as app:
        session = await app.chat.send("anna", NewPrompt([TextPart("One")]))
        await ended(app, session)
        message = await asked(app, "Two", conversation_id=session.conversation)
    assert said(message) == "user: One | assistant: user: One | user: Two"


async def test_it_is_told_what_asked_for_the_answer(serve: Serve) -> None:
    async with serve("answer") as app:
        session = await app.chat.send("anna", NewPrompt([TextPart("One")], key="mine"))
        first = await ended(app, session)
        await ended(app, await app.chat.regenerate("anna", session.conversation, first.id))
        await asked(app, "Two", key="mine")
    assert [(turn.key, turn.trigger) for turn in own.seen] == [
        ("mine", "prompt"),
        ("mine", "regenerate"),
        ("mine", "prompt"),
    ]


async def test_an_object_with_data_and_meta(serve: Serve) -> None:
    async with serve("shop") as app:
        message = await asked(app, data='{"page": 1}', meta='{"plan": "pro"}')
        assert own.done == []
    assert said(message) == "own says {'page': 1} of {'plan': 'pro'}"
    assert own.done == ["closed"]


@pytest.mark.parametrize(
    ("responder", "sentence"),
    [
        ("raises", NEUTRAL),
        ("exits", NEUTRAL),
        ("odd", NEUTRAL),
        ("cancels_itself", NEUTRAL),
        ("number", NEUTRAL),
        ("error_chunk", NEUTRAL),
        ("no_json", NEUTRAL),
        ("declines", "This document is still being read."),
    ],
)
async def test_an_exception_fails_the_answer(serve: Serve, responder: str, sentence: str) -> None:
    async with serve(responder) as app:
        with capture_logs() as logs:
            message = await asked(app)
        assert said(message) == "So far"
        assert message.metadata.status == "failed"
        assert message.metadata.error == sentence
        [failed] = [line for line in logs if line["event"] == "model_failed"]
        assert failed["reason"] == "responder"
        # the next one is answered all the same
        assert said(await asked(app)) == "So far"
    if responder in ("raises", "exits", "odd"):
        [crashed] = [line for line in logs if line["event"] == "responder_failed"]
        assert own.SECRET in str(crashed["exc_info"])
        assert crashed["responder"] == f"{OWN}:{responder}"


async def test_usage_is_told_of_a_failure_too(serve: Serve) -> None:
    async with serve("reports") as app:
        message = await asked(app)
    assert message.metadata.status == "failed"
    usage = message.metadata.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens) == (7, 3, 5)


async def test_no_word_is_no_answer(serve: Serve) -> None:
    async with serve("nothing") as app:
        message = await asked(app)
    assert (message.metadata.status, message.parts) == ("failed", [])
    assert message.metadata.error == "There was no answer. Try again."


@pytest.mark.parametrize("responder", ["waits", "floods"])
async def test_a_stop_ends_what_it_holds_open(serve: Serve, responder: str) -> None:
    async with serve(responder) as app:
        with capture_logs() as logs:
            session = await begun(app)
            await app.chat.stop("anna", session.conversation)
            message = await ended(app, session)
        assert message.metadata.status == "stopped"
        assert own.done == ["aexit", "finally"]
    assert not [line for line in logs if line["event"].startswith("responder")]


async def test_a_stop_leaves_no_tool_at_work(serve: Serve) -> None:
    async with serve("calls") as app:
        session = await begun(app)
        await app.chat.stop("anna", session.conversation)
        message = await ended(app, session)
    said, tool = json.loads(encode(message.parts))
    assert said == {"type": "text", "text": "So far"}
    assert tool == {
        "type": "tool-search",
        "toolCallId": "t",
        "state": "output-error",
        "input": {"query": "te"},
        "rawInput": '{"query": "te',
        "errorText": "The answer ended before the input was complete.",
    }
    assert message.metadata.status == "stopped"


async def test_what_takes_the_place_of_something_takes_its_room(serve: Serve) -> None:
    async with serve("replaces") as app:
        message = await asked(app)
    assert message.metadata.finish_reason == "stop"
    assert json.loads(encode(message.parts)) == [
        {"type": "data-state", "id": "s", "data": "done"},
        {"type": "text", "text": "Done."},
    ]


async def test_a_chunk_that_refers_to_nothing_fails_the_answer_and_says_where(
    serve: Serve,
) -> None:
    with capture_logs() as logs:
        async with serve("refers") as app:
            message = await asked(app)
    assert (message.metadata.status, said(message)) == ("failed", "So far")
    assert message.metadata.error == "The answer could not be shown. Try again."
    [failed] = [line for line in logs if line["event"] == "model_failed"]
    assert failed["reason"] == "bad_chunk"
    what = "chunk 1, 'tool-output-available': there is no call of its toolCallId"
    assert failed["details"] == what


async def test_the_time_limit_ends_it_too(serve: Serve) -> None:
    async with serve("waits", generation_seconds=0.2) as app:
        message = await asked(app)
    assert message.metadata.status == "failed"
    assert message.metadata.error == "The answer took longer than 0.2 seconds. Try again."
    assert own.done == ["aexit", "finally"]


async def test_the_end_of_the_service_ends_it(serve: Serve) -> None:
    async with serve("waits") as app:
        await begun(app)
    assert own.done == ["aexit", "finally"]


async def test_one_that_swallows_its_end_is_left_behind(serve: Serve) -> None:
    async with serve("swallows") as app:
        with capture_logs() as logs:
            session = await begun(app)
            await app.chat.stop("anna", session.conversation)
            message = await ended(app, session)
        assert (message.metadata.status, said(message)) == ("stopped", "So far")
        [left] = [line for line in logs if line["event"] == "responder_left_behind"]
        assert left["message"] == message.id
        assert left["responder"] == f"{OWN}:swallows"
        assert left["where"].partition(":")[0] == own.__file__
        own.release.set()
        await until(_none_left)


async def _none_left() -> bool:
    await asyncio.sleep(0)
    return own.done == ["swallowed"]


async def test_one_that_swallows_its_end_and_speaks_on_is_ended(serve: Serve) -> None:
    async with serve("speaks_on") as app:
        with capture_logs() as logs:
            session = await begun(app)
            await app.chat.stop("anna", session.conversation)
            message = await ended(app, session)
    assert (message.metadata.status, said(message)) == ("stopped", "So far")
    assert own.done == ["swallowed"]
    assert not [line for line in logs if line["event"].startswith("responder")]


async def test_fast_ones_come_in_few_publications_and_whole(serve: Serve) -> None:
    async with serve("fast") as app:
        session = await app.chat.send("anna", NewPrompt([TextPart("Hi")]))
        message = await ended(app, session)
        published = (await app._centrifugo.history(session.channel)).entries  # type: ignore[union-attr]
    assert said(message) == "".join(f"{number} " for number in range(own.FAST))
    assert len(published) < own.FAST / 100


async def test_several_by_name(serve: Serve) -> None:
    named = {"shop": f"{OWN}:shop", "memory": f"{OWN}:remembers"}
    async with serve("answer", responders=named) as app:
        assert said(await asked(app)) == "Hello, anna: Hi"
        assert said(await asked(app, model="shop")) == "shop says None of None"
        assert said(await asked(app, model="memory")) == "user: Hi"
    assert own.done == ["closed"]


@pytest.mark.parametrize(
    "settings", [{"responder": "answer"}, {"responders": "own=" + OWN + ":answer"}]
)
async def test_titles_are_not_asked_of_it(serve: Serve, settings: dict[str, str]) -> None:
    async with serve(**settings, titles="model") as app:
        await asked(app, model="own")

        async def idle() -> bool:
            return not app.supervisor._tasks

        await until(idle)
        [listed] = (await app.library.list("anna", 10, None)).conversations
    assert len(own.seen) == 1
    assert listed.title == "Hi"


async def test_names_stand_beside_the_models(serverless: Deployment) -> None:
    settings = {"RESPONDERS": f"shop={OWN}:shop, hello={OWN}:answer", "TITLES": "model"}
    with serverless.server(2, **settings) as server:
        async with Door(server.port) as door:

            async def last(model: str) -> object:
                asked = {"model": model} if model else {}
                session = await door.rpc("anna", "ai:send", text="/tokens 2", **asked)

                async def end() -> object:
                    opened = await door.rpc("anna", "ai:open", conversation=session["conversation"])
                    return opened["generation"] is None and opened["messages"][-1]

                found = json.loads(json.dumps(await until(end)))
                return found["metadata"]["model"], found["parts"][0]["text"]

            assert await last("hello") == ("hello", "Hello, anna: /tokens 2")
            assert await last("shop") == ("shop", "shop says None of None")
            assert (await last(""))[0] == "test"  # type: ignore[index]
            unknown = await door.rpc("anna", "ai:send", text="Hi", model="nobody")
            assert unknown["error"]["code"] == 404


async def test_clients_are_told_all_models(serverless: Deployment) -> None:
    settings = {
        "RESPONDERS": f"shop={OWN}:shop",
        "MODELS": "large",
        "MODEL_CARDS": json.dumps({"shop": {"title": "Our shop", "input": ["text"]}}),
    }
    with serverless.server(2, **settings) as server:
        async with Door(server.port) as door:
            assert await door.rpc("anna", "ai:models") == {
                "models": [
                    {"id": "test", "input": ["text", "image"]},
                    {"id": "large", "input": ["text", "image"]},
                    {"id": "shop", "input": ["text"], "title": "Our shop"},
                ]
            }


async def test_a_server_with_one_left_behind_still_ends(serverless: Deployment) -> None:
    with serverless.server(2, RESPONDER=f"{OWN}:swallows") as server:
        async with Door(server.port) as door:
            session = await door.rpc("anna", "ai:send", text="Hi")

            async def shown() -> object:
                opened = await door.rpc("anna", "ai:open", conversation=session["conversation"])
                return opened["generation"]["seq"] > 1 if opened["generation"] else None

            await until(shown)
        assert await asyncio.to_thread(server.stop) == 0
        assert server.events(event="responder_left_behind")
        assert "Traceback" not in server.log_text()
