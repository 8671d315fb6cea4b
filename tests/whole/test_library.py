"""Conversations archived and found again, through all the real parts."""

import asyncio
from typing import Any

import pytest

from testbed.client import Client, Json
from testbed.deployment import Deployment
from testbed.waiting import WAIT, until


async def begun(client: Client, text: str) -> str:
    return await ended(client, await client.rpc("ai:send", text=text))


async def ended(client: Client, session: Json) -> str:
    """The conversation, once its answer has ended and is stored."""
    conversation = str(session["conversation"])

    async def is_stored() -> bool:
        opened = await client.rpc("ai:open", conversation=conversation)
        return opened["generation"] is None

    await until(is_stored)
    return conversation


async def listed(client: Client, **asked: Any) -> list[str]:
    return [one["id"] for one in (await client.rpc("ai:list", **asked))["conversations"]]


async def summary_published(client: Client, conversation: str, *, archived: bool) -> Json:
    while True:
        publication = await asyncio.wait_for(client.publications.get(), WAIT)
        summary: Json = publication.get("conversation", {})
        of_it = publication["type"] == "conversation" and summary["id"] == conversation
        if of_it and summary.get("archived", False) == archived:
            return summary


@pytest.mark.quick
async def test_an_archived_conversation_leaves_the_list_until_it_goes_on(client: Client) -> None:
    first, second = await begun(client, "/tokens 2"), await begun(client, "/tokens 3")
    usual = await client.rpc("ai:list")
    await client.subscribe(usual["channel"], usual["since"])
    for _ in range(2):
        assert await client.rpc("ai:archive", conversation=first, archived=True) == {}
    assert await listed(client) == [second]
    assert await listed(client, archived=True) == [first]
    assert (await client.rpc("ai:list", archived=True))["conversations"][0]["archived"] is True
    published = await summary_published(client, first, archived=True)

    assert await client.rpc("ai:archive", conversation=first, archived=False) == {}
    assert await listed(client) == [second, first]
    back = await summary_published(client, first, archived=False)
    assert back["version"] > published["version"]
    assert back["updated_at"] == published["updated_at"]
    assert "archived" not in back

    await client.rpc("ai:archive", conversation=first, archived=True)
    await client.rpc("ai:rename", conversation=first, title="Still archived")
    assert await listed(client) == [second]
    await ended(client, await client.rpc("ai:send", conversation=first, text="/tokens 2"))
    assert await listed(client) == [first, second]
    assert await listed(client, archived=True) == []

    await client.rpc("ai:archive", conversation=first, archived=True)
    await ended(client, await client.rpc("ai:regenerate", conversation=first))
    assert await listed(client) == [first, second]


async def test_an_answer_that_ends_leaves_its_conversation_archived(client: Client) -> None:
    session = await client.rpc("ai:send", text="/tokens 300")
    conversation = session["conversation"]
    await client.rpc("ai:archive", conversation=conversation, archived=True)
    await ended(client, session)
    assert await listed(client) == []
    assert await listed(client, archived=True) == [conversation]


async def test_lists_have_pages_of_their_own(client: Client) -> None:
    made = [await begun(client, "/tokens 1") for _ in range(6)]
    for conversation in made[::2]:
        await client.rpc("ai:archive", conversation=conversation, archived=True)
    for archived, expected in [(False, made[1::2]), (True, made[::2])]:
        found: list[str] = []
        page: Json = {"next": None}
        while "next" in page:
            page = await client.rpc("ai:list", limit=2, archived=archived, before=page["next"])
            found += [one["id"] for one in page["conversations"]]
        assert found == expected[::-1]


async def test_messages_and_titles_are_found_with_their_places(
    client: Client, deployment: Deployment
) -> None:
    session = await client.rpc("ai:send", text="😀 Où est le café de la gare?")
    conversation = await ended(client, session)
    await client.rpc("ai:rename", conversation=conversation, title="Coffee")
    prompt = session["messages"][0]

    hits = (await client.rpc("ai:search", query="CAFE gar"))["hits"]

    [hit] = hits
    assert (hit["conversation"], hit["message"]) == (conversation, prompt["id"])
    assert (hit["title"], hit["at"] > 0) == ("Coffee", True)
    units = hit["excerpt"].encode("utf-16-le")
    marked = [units[2 * start : 2 * end].decode("utf-16-le") for start, end in hit["marks"]]
    assert marked == ["café", "gar"]
    [title] = (await client.rpc("ai:search", query="coffee"))["hits"]
    assert (title["excerpt"], title["marks"], "message" in title) == ("Coffee", [[0, 6]], False)
    await client.rpc("ai:archive", conversation=conversation, archived=True)
    [title] = (await client.rpc("ai:search", query="coffee"))["hits"]
    assert title["archived"] is True

    stranger = await deployment.connect()
    assert (await stranger.rpc("ai:search", query="cafe"))["hits"] == []
    refused = await stranger.rpc("ai:archive", conversation=conversation, archived=True)
    assert refused["error"]["code"] == 403
    await stranger.close()

    await client.rpc("ai:delete", conversation=conversation)
    assert (await client.rpc("ai:search", query="cafe"))["hits"] == []


async def test_pages_of_hits(client: Client) -> None:
    conversation = await begun(client, "a needle 0")
    for number in range(1, 7):
        prompt = f"{'a needle' if number % 2 else 'needle a'} {number}"
        await ended(client, await client.rpc("ai:send", conversation=conversation, text=prompt))
    found: list[str] = []
    asked: Json = {}
    pages = 0
    while True:
        page = await client.rpc("ai:search", query='"a needle"', limit=2, **asked)
        assert len(page["hits"]) <= 2
        found += [hit["excerpt"][-1] for hit in page["hits"] if "message" in hit]
        pages += 1
        if "next" not in page:
            break
        asked = {"before": page["next"]}
    assert found == ["5", "3", "1", "0"]
    assert pages >= 2
    assert (await client.rpc("ai:search", query="needle", before="x"))["error"]["code"] == 400
    assert (await client.rpc("ai:search", query="needle", before="9" * 19))["hits"]
    assert (await client.rpc("ai:search", query="needle", limit=0))["error"]["code"] == 400
    assert (await client.rpc("ai:search", query="?!"))["hits"] == []
