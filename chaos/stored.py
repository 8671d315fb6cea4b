"""What the parts hold in the end: the service's answers, the database, the model's record."""

import asyncio
import json
import math
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiohttp
import asyncpg

from chaos.connection import Connection, Refused
from testbed.connection import Json, Unanswered
from testbed.deployment import Deployment

_PAGE = 100
_TRIES = 20
_AGAIN_SECONDS = 0.5
_AT_ONCE = 8
_MARK = re.compile(r" mark=(\w+)")

_MESSAGES = """
SELECT owner, id, conversation, role, parts, metadata, 0 AS hidden
FROM messages WHERE role = 'assistant'
UNION ALL SELECT owner, id, conversation, role, parts, metadata, 1
FROM hidden_messages
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """What the model sent for one request, between two monotonic seconds.

    whole: whether it was a complete answer.
    retry: whether the SDK made this request again by itself.
    """

    text: str
    whole: bool
    retry: bool
    began_at: float
    ended_at: float


class Row(NamedTuple):
    """A message in the database. `status` is an answer's."""

    conversation: str
    text: str
    status: str
    parts: list[Json] = []  # noqa: RUF012
    hidden: bool = False
    role: str = "assistant"


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored in the end.

    conversations: messages by user and conversation, as the service returns them.
    titles: of conversations, as the service lists them.
    rows: answers, and prompts that have left the view, by user and message, as the database holds
        them.
    unfinished: rows of generations and publications that should be gone by now.
    """

    conversations: dict[tuple[str, str], list[Json]]
    titles: dict[str, str]
    rows: dict[tuple[str, str], Row]
    unfinished: int
    sent: dict[str, list[Sent]]


async def look(deployment: Deployment, tokens: dict[str, str], marks: Iterable[str]) -> Stored:
    """Reads everything, with fresh connections."""
    conversations: dict[tuple[str, str], list[Json]] = {}
    titles: dict[str, str] = {}
    busy = asyncio.Semaphore(_AT_ONCE)

    async def look_at(user: str, token: str) -> None:
        async with busy:
            for conversation, (title, messages) in (await _histories(deployment, token)).items():
                conversations[user, conversation] = messages
                titles[conversation] = title

    await asyncio.gather(*(look_at(user, token) for user, token in tokens.items()))
    rows, unfinished = await _rows(deployment)
    for _ in range(_TRIES):
        if not unfinished:
            break
        # published entries are removed with the next beat
        await asyncio.sleep(_AGAIN_SECONDS)
        rows, unfinished = await _rows(deployment)
    return Stored(conversations, titles, rows, unfinished, await _sent(deployment, marks))


async def _histories(deployment: Deployment, token: str) -> dict[str, tuple[str, list[Json]]]:
    """A user's conversations: their titles and messages."""
    for _ in range(_TRIES):
        try:
            connection = await Connection.open(deployment.url, token, lambda _: None)
            try:
                listed = await _pages(connection, "ai:list", "conversations")
                return {
                    one["id"]: (
                        one["title"],
                        await _pages(connection, "ai:history", "messages", conversation=one["id"]),
                    )
                    for one in listed
                }
            finally:
                connection.cut()
        except (Unanswered, Refused):
            await asyncio.sleep(_AGAIN_SECONDS)
    raise TimeoutError("the service does not answer although all its parts are back")


async def _pages(connection: Connection, method: str, what: str, **request: Any) -> list[Json]:
    """All pages of a list; messages oldest first, as within each page."""
    found: list[Json] = []
    before: Json = {}
    while True:
        data = {**request, **before, "limit": _PAGE}
        page = (await connection.call("rpc", {"method": method, "data": data}))["data"]
        found = page[what] + found
        if "next" not in page:
            return found
        before = {"before": page["next"]}


async def _rows(deployment: Deployment) -> tuple[dict[tuple[str, str], Row], int]:
    left = "SELECT (SELECT count(*) FROM generations) + (SELECT count(*) FROM outbox)"
    if deployment.postgresql is None:
        database = sqlite3.connect(deployment.folder / "conversations.db")
        try:
            found = database.execute(_MESSAGES).fetchall()
            unfinished = database.execute(left).fetchone()[0]
        finally:
            database.close()
    else:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=deployment.database_port, user="postgres", database="postgres"
        )
        try:
            found = await connection.fetch(_MESSAGES)
            unfinished = await connection.fetchval(left)
        finally:
            await connection.close()
    rows = {
        (owner, key): _row(place, json.loads(parts), json.loads(metadata))._replace(
            hidden=bool(hidden), role=role
        )
        for owner, key, place, role, parts, metadata, hidden in found
    }
    return rows, unfinished


def _row(conversation: str, parts: list[Json], metadata: Json) -> Row:
    return Row(conversation, text_of(parts), metadata.get("status", ""), parts)


async def _sent(deployment: Deployment, marks: Iterable[str]) -> dict[str, list[Sent]]:
    found = {}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{deployment.model_port}") as http:
        for mark in marks:
            async with http.get("/sent", params={"mark": mark}) as answer:
                found[mark] = [_request(one) for one in await answer.json()]
    return found


def _request(one: Json) -> Sent:
    ended_at = math.inf if one["ended_at"] is None else one["ended_at"]
    return Sent(one["text"], one["whole"], one["retry"] > 0, one["began_at"], ended_at)


def mark_of(prompt: str, key: str) -> str:
    """The mark by which the model knows a prompt; its id if its text has no mark.

    The AI SDK's transport gives an edited prompt an id that this program does not know.
    """
    found = _MARK.search(prompt)
    return found[1] if found else key


def text_of(parts: list[Json]) -> str:
    return "".join(part["text"] for part in parts if part["type"] == "text")
