"""A responder gives its conversation a title: it is seen, and never in place of the user's own."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiohttp import web

from proxy_server import App, Event, Settings, Text, Title, Turn
from proxy_server.chat import NewPrompt
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import TextPart
from proxy_server.testing import InMemoryCentrifugo, ScriptedResponder
from testbed.deployment import Deployment
from testbed.waiting import until
from tests.chat import shop
from tests.chat.asking import Chat, Serve, text
from tests.responders.serving import serving

HERE = "tests.chat.test_titles"


async def entitles(turn: Turn) -> AsyncIterator[str | Title | Mapping[str, Any]]:
    """Does what the prompt says, and gives the rest of it as a title."""
    how, _, title = turn.text.replace("NUL", "\0").partition(" ")
    match how:
        case "reports":
            turn.report_title("not the last one")
            turn.report_title(title)
        case "yields":
            yield Title(title)
        case "chunk":
            yield {"type": "data-chat-title", "data": title}
        case "other":
            yield {"type": "data-chat-title", "data": {"message": title}, "transient": True}
        case "asks":
            turn.report_title(title)
            for chunk in shop.asked("a"):
                yield chunk
            return
        case "fails":
            turn.report_title(title)
            raise RuntimeError
        case "wrong":
            try:
                turn.report_title(7)  # type: ignore[arg-type]
            except TypeError:
                yield "A title is text. "
    yield "Words."


async def titled(chat: Chat) -> set[str]:
    """Wherever it is shown."""
    [listed] = (await chat.app.library.list(chat.user, 10, None)).conversations
    return {listed.title, (await chat.open()).title}


async def becomes(chat: Chat, title: str) -> None:
    async def given() -> bool:
        return await titled(chat) == {title}

    await until(given)


async def idle(app: App) -> None:
    async def all_done() -> bool:
        return not app.supervisor._tasks

    await until(all_done)


def published(centrifugo: InMemoryCentrifugo, chat: Chat) -> list[str]:
    found = [json.loads(entry.data) for entry in centrifugo.since(chat.channel, None)]
    return [one["title"] for one in found if one["type"] == "title"]


async def test_it_is_the_conversations_from_the_end_of_the_answer_on(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve(responder=f"{HERE}:entitles") as app:
        chat = await Chat.begin(app, user, "reports A  trip\nto NULLisbon")
        await becomes(chat, "A trip to Lisbon")
        assert published(centrifugo, chat) == ["A trip to Lisbon"]
        found = await app.library.search(user, "lisbon", 10, None)
        assert {hit.title for hit in found.hits} == {"A trip to Lisbon"}
        # a later answer may know better
        await chat.send("yields Two weeks in Lisbon", when_busy="queue")
        await becomes(chat, "Two weeks in Lisbon")
        await chat.send("wrong", when_busy="queue")
        await chat.send(f"chunk {'x' * 300}", when_busy="queue")
        await becomes(chat, 200 * "x")
        await chat.send("reports NUL ", when_busy="queue")
        await idle(app)
        assert await titled(chat) == {200 * "x"}
        assert published(centrifugo, chat) == [
            "A trip to Lisbon",
            "Two weeks in Lisbon",
            200 * "x",
        ]


async def test_the_one_that_the_user_gave_stays(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve(responder=f"{HERE}:entitles") as app:
        chat = await Chat.begin(app, user, "reports First")
        await becomes(chat, "First")
        await app.library.rename(user, chat.id, "Mine")
        for prompt in ("reports Theirs", "chunk Theirs"):
            await chat.send(prompt, when_busy="queue")
        await idle(app)
        assert await titled(chat) == {"Mine"}
        assert published(centrifugo, chat) == ["First", "Mine"]


async def test_an_edited_prompt_keeps_it_replaceable(serve: Serve, user: str) -> None:
    async with serve(responder=f"{HERE}:entitles") as app:
        chat = await Chat.begin(app, user, "Hello")
        await chat.until("complete")
        prompt = (await chat.open()).messages[0].id
        await chat.send("reports Another", replaces=prompt)
        await becomes(chat, "Another")


async def test_it_counts_when_the_answer_waits_and_when_it_fails(serve: Serve, user: str) -> None:
    async with serve(responder=f"{HERE}:entitles") as app:
        chat = await Chat.begin(app, user, "asks Order")
        await becomes(chat, "Order")
        await chat.until("waiting")
        await app.chat.stop(user, chat.id)
        await chat.send("fails Despite all", when_busy="queue")
        await becomes(chat, "Despite all")


async def test_a_chunk_of_it_goes_on_to_clients(serve: Serve, user: str) -> None:
    async with serve(responder=f"{HERE}:entitles") as app:
        chat = await Chat.begin(app, user, "chunk Lisbon")
        message = await chat.until("complete")
        assert text(message) == "Words."
        parts = json.loads(encode(message.parts))
        assert {"type": "data-chat-title", "data": "Lisbon"} in parts
        await becomes(chat, "Lisbon")
        # what is no text is a part like any other
        await chat.send("other Madrid")
        await idle(app)
        assert await titled(chat) == {"Lisbon"}


async def test_a_route_gives_it_by_a_chunk(serve: Serve, user: str) -> None:
    chunks = [
        {"type": "data-chat-title", "data": "From a route", "transient": True},
        {"type": "text-start", "id": "1"},
        {"type": "text-delta", "id": "1", "delta": "Words."},
        {"type": "text-end", "id": "1"},
        {"type": "finish"},
    ]

    async def answers(_: web.Request) -> web.StreamResponse:
        body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        return web.Response(text=body, content_type="text/event-stream")

    async with serving("/chat", answers) as url, serve(responder=f"{url}/chat") as app:
        chat = await Chat.begin(app, user, "Hi")
        message = await chat.until("complete")
        assert text(message) == "Words."
        assert len(message.parts) == 1
        await becomes(chat, "From a route")


async def test_the_model_is_not_asked_for_a_second_one(
    infrastructure: Deployment, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    settings = Settings.model_validate(
        {
            "signing_secrets": ("a-secret-of-these-tests",),
            "database_url": infrastructure.server_settings["DATABASE_URL"],
            "titles": "model",
        }
    )
    scripts: list[tuple[list[Event], str, int]] = [
        ([Title("Given"), Text("Words.")], "Given", 1),
        ([Text("Made")], "Made", 2),
    ]
    for script, title, asked in scripts:
        responder = ScriptedResponder(script)
        async with App(settings, responder=responder, centrifugo=centrifugo) as app:
            session = await app.chat.send(user, NewPrompt([TextPart("Hi")]))
            chat = Chat(app, user, session)
            await becomes(chat, title)
            await idle(app)
            assert len(responder.prompts) == asked
            await app.library.delete(user, chat.id)
