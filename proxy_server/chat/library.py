"""All conversations of a user: list, search, rename, archive, delete."""

import asyncio
import re
from collections.abc import Sequence
from functools import partial

from msgspec import UNSET

from proxy_server.access.channels import Channels
from proxy_server.answers.outbox_relay import OutboxRelay
from proxy_server.answers.supervisor import Supervisor
from proxy_server.chat.checks import Checks
from proxy_server.delivery.announcements import Announcements
from proxy_server.protocol.requests import Hits, Listed, Page
from proxy_server.protocol.sessions import Hit
from proxy_server.store import conversations, messages, outbox, search
from proxy_server.store.cursors import parse_cursor
from proxy_server.store.database import Store
from proxy_server.store.query import Query
from proxy_server.store.search import Found
from proxy_server.store.turns import Turns

_CURSOR = re.compile(r"([0-9]{1,19})", re.ASCII)
# The index knows which texts have the words, not whether they match as requested: after this many
# looks, the next page continues.
_MOST_LOOKS = 4
# The deletion is stored by then; the wait only helps other tabs.
_UNSUBSCRIBE_SECONDS = 2.0


class Library:
    def __init__(
        self,
        *,
        store: Store,
        turns: Turns,
        channels: Channels,
        checks: Checks,
        supervisor: Supervisor,
        relay: OutboxRelay,
        announcements: Announcements,
    ) -> None:
        self._store = store
        self._turns = turns
        self._channels = channels
        self._checks = checks
        self._supervisor = supervisor
        self._relay = relay
        self._announcements = announcements

    async def list(
        self, user: str, limit: int, before: str | None, archived: bool = False
    ) -> Listed:
        since = await self._checks.top(channel := self._channels.of_user(user)[0])
        found, cursor = await conversations.listed(self._store, user, limit, before, archived)
        return Listed(found, channel, since, cursor or UNSET)

    async def history(
        self, user: str, conversation_id: str, limit: int, before: str | None
    ) -> Page:
        self._checks.owned(user, conversation_id)
        view = await messages.view(self._store, user, conversation_id, limit, before)
        return Page(view.messages, view.next or UNSET)

    async def rename(self, user: str, conversation_id: str, title: str) -> None:
        self._checks.owned(user, conversation_id)
        self._checks.deliverable()
        summary, entry = await self._turns.rename(user, conversation_id, title)
        self._relay.send(entry)
        self._announcements.summary(user, summary)

    async def delete(self, user: str, conversation_id: str) -> None:
        self._checks.owned(user, conversation_id)
        self._checks.deliverable()
        for message_id in await self._turns.delete(user, conversation_id):
            self._supervisor.stop(message_id, "lost")
        deletion = self._relay.delete(outbox.deletion(user, conversation_id))
        await asyncio.wait([deletion], timeout=_UNSUBSCRIBE_SECONDS)

    async def archive(self, user: str, conversation_id: str, archived: bool) -> None:
        """Raises Forbidden and Unavailable."""
        self._checks.owned(user, conversation_id)
        self._checks.deliverable()
        work = partial(
            conversations.archive, user=user, conversation_id=conversation_id, archived=archived
        )
        summary = await self._store.write(work, lasting=True)
        self._announcements.summary(user, summary)

    async def search(self, user: str, text: str, limit: int, before: str | None) -> Hits:
        """Returns hits, the newest first. Raises Malformed."""
        place = search.BEYOND_ALL
        if before is not None:
            place = min(place, int(parse_cursor(_CURSOR, before)[0]))
        query = Query(text)
        words = query.for_index(user)
        hits: list[Hit] = []
        if not words:
            return Hits(hits)
        for _ in range(_MOST_LOOKS):
            find = partial(search.find, user=user, words=words, before=place, most=limit + 1)
            found = await self._store.read(find)
            # texts may be long
            seen, matching = await asyncio.to_thread(_matching, query, found, limit - len(hits))
            hits += matching
            if seen == len(found) <= limit:
                return Hits(hits)
            place = found[seen - 1].id
            if len(hits) == limit:
                break
        return Hits(hits, str(place))


def _matching(query: Query, found: Sequence[Found], most: int) -> tuple[int, list[Hit]]:
    """The number of texts read to find at most `limit` hits, and the hits."""
    hits: list[Hit] = []
    for seen, one in enumerate(found, 1):
        excerpt = query.find(one.text)
        if excerpt is None:
            continue
        hits.append(
            Hit(
                one.conversation,
                one.title,
                excerpt.text,
                excerpt.marks,
                one.at,
                one.message or UNSET,
                one.archived or UNSET,
            )
        )
        if len(hits) == most:
            return seen, hits
    return len(found), hits
