"""A user's conversations: looked at, listed, renamed and deleted."""

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import sqlalchemy as sa

from proxy_server.errors import Forbidden, Malformed
from proxy_server.protocol.messages import Message
from proxy_server.protocol.sessions import Summary
from proxy_server.store.database import Store, conversations, generations, messages
from proxy_server.store.outbox import deletion, keep
from proxy_server.store.rows import (
    View,
    check_owned,
    message_of,
    messages_in_work,
    summary_of,
    view_of,
)

_HISTORY_CURSOR = re.compile(r"([0-9]{1,9})", re.ASCII)
_LIST_CURSOR = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)_([A-Za-z0-9_-]{1,200})", re.ASCII)


# Centrifugo disconnects a client for whom more than `client.queue_max_size` waits, 1 MB by default:
# a larger reply would do so each time it is asked for.
_PAGE_BYTES = 400_000


class Conversations:
    """The conversations of all users."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def rename(self, user: str, conversation: str, title: str) -> Summary:
        statement = (
            sa.update(conversations)
            .where(conversations.c.id == conversation, conversations.c.owner == user)
            .values(title=title)
            .returning(*conversations.c)
        )
        row = await self._store.write(lambda connection: connection.execute(statement).first())
        if row is None:
            raise Forbidden
        return summary_of(row)

    async def entitle(self, conversation: str, old: str, new: str) -> Summary | None:
        """Gives a title in place of the old one; None where it is no longer that."""
        statement = (
            sa.update(conversations)
            .where(conversations.c.id == conversation, conversations.c.title == old)
            .values(title=new)
            .returning(*conversations.c)
        )
        row = await self._store.write(lambda connection: connection.execute(statement).first())
        return summary_of(row) if row else None

    async def beginning(self, conversation: str) -> tuple[Message, Message] | None:
        """The first prompt and its answer; None where they are gone."""
        statement = messages_in_work(conversation).order_by(messages.c.ordinal).limit(2)
        rows = await self._store.read(lambda connection: connection.execute(statement).all())
        return (message_of(rows[0]), message_of(rows[1])) if len(rows) == 2 else None

    async def delete(self, user: str, conversation: str) -> list[str]:
        """Removes a conversation; gives the answers that were being made or queued.

        Their runners find that their leases are gone, and end without a word. The outbox has the
        conversation's own.
        """

        def work(connection: sa.Connection) -> list[str]:
            check_owned(connection, user, conversation)
            ended = connection.execute(
                sa.delete(generations)
                .where(generations.c.conversation == conversation)
                .returning(generations.c.message)
            )
            ids = list(ended.scalars())
            connection.execute(sa.delete(messages).where(messages.c.conversation == conversation))
            connection.execute(sa.delete(conversations).where(conversations.c.id == conversation))
            keep(connection, deletion(user, conversation))
            return ids

        return await self._store.write(work, user)

    async def view(
        self, user: str, conversation: str, limit: int, before: str | None = None
    ) -> View:
        """The last messages, or the last before a cursor. Raises Forbidden and Malformed.

        Fewer than `limit` where they are large, and more where more are in work: nobody could
        follow an answer that was left out.
        """
        statement = messages_in_work(conversation).order_by(messages.c.ordinal.desc())
        if before is not None:
            (ordinal,) = _parse_cursor(_HISTORY_CURSOR, before)
            statement = statement.where(messages.c.ordinal < int(ordinal))
        first_in_work = sa.select(sa.func.min(generations.c.ordinal)).where(
            generations.c.conversation == conversation
        )

        def work(connection: sa.Connection) -> View:
            title = check_owned(connection, user, conversation)
            first = connection.execute(first_in_work).scalar()
            rows = connection.execute(statement.limit(limit)).all()
            if first is not None and rows and rows[-1].ordinal > first:
                rows = connection.execute(statement.where(messages.c.ordinal >= first)).all()
            in_work = sum(row.ordinal >= first for row in rows) if first is not None else 0
            return view_of(title, rows[: max(1, in_work, _fitting(rows))][::-1])

        return await self._store.read(work)

    async def list(
        self, user: str, limit: int, before: str | None
    ) -> tuple[list[Summary], str | None]:
        """A user's conversations, newest first, and the cursor of the next page."""
        c = conversations.c
        statement = (
            sa.select(conversations)
            .where(c.owner == user)
            .order_by(c.updated_at.desc(), c.id.desc())
            .limit(limit + 1)
        )
        if before is not None:
            at, last_id = _parse_cursor(_LIST_CURSOR, before)
            statement = statement.where(
                sa.tuple_(c.updated_at, c.id) < sa.tuple_(float(at), last_id)
            )
        rows = await self._store.read(lambda connection: connection.execute(statement).all())
        last = rows[limit - 1] if len(rows) > limit else None
        cursor = f"{last.updated_at!r}_{last.id}" if last else None
        return [summary_of(row) for row in rows[:limit]], cursor


def _fitting(rows: Sequence[sa.Row[Any]]) -> int:
    """How many of these rows of `messages_in_work` fit into one reply."""
    sizes = accumulate(len(f"{row.parts}{row.checkpoint or ''}".encode()) for row in rows)
    return sum(size <= _PAGE_BYTES for size in sizes)


def _parse_cursor(pattern: re.Pattern[str], cursor: str) -> tuple[str, ...]:
    """The pattern's groups: whatever else a client sends does not reach the database."""
    if found := pattern.fullmatch(cursor):
        return found.groups()
    raise Malformed("The field before is not a cursor from an earlier page.")
