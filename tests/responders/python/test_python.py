"""An operator's Python as the responder: what it receives, and what it yields."""

import json
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from proxy_server.chat import NewPrompt
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import ReasoningPart, TextPart
from testbed.deployment import Deployment
from testbed.door import Door
from testbed.waiting import until
from tests.responders.asking import GUIDE, OWN, Serve, asked, ended, said
from tests.responders.python import own


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


async def test_it_answers_in_a_real_deployment(infrastructure: Deployment) -> None:
    with infrastructure.server(2, RESPONDER=f"{OWN}:answer") as server:
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
    infrastructure: Deployment, data: object
) -> None:
    with infrastructure.server(2, RESPONDER=f"{OWN}:shop") as server:
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
    what = "chunk 1, 'tool-output-available': there is no call with its toolCallId"
    assert failed["details"] == what


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


async def test_names_stand_beside_the_models(infrastructure: Deployment) -> None:
    settings = {"RESPONDERS": f"shop={OWN}:shop, hello={OWN}:answer", "TITLES": "model"}
    with infrastructure.server(2, **settings) as server:
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


async def test_clients_are_told_all_models(infrastructure: Deployment) -> None:
    settings = {
        "RESPONDERS": f"shop={OWN}:shop",
        "MODELS": "large",
        "MODEL_CARDS": json.dumps({"shop": {"title": "Our shop", "input": ["text"]}}),
    }
    with infrastructure.server(2, **settings) as server:
        async with Door(server.port) as door:
            assert await door.rpc("anna", "ai:models") == {
                "models": [
                    {"id": "test", "input": ["text", "image"]},
                    {"id": "large", "input": ["text", "image"]},
                    {"id": "shop", "input": ["text"], "title": "Our shop"},
                ]
            }
