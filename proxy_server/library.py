"""The use cases besides chatting: what a user does with all of the conversations there are."""

import asyncio
import re
from collections.abc import Sequence
from functools import partial

from msgspec import UNSET

from proxy_server.access.channels import Channels
from proxy_server.delivery.announcements import Announcements
from proxy_server.delivery.publisher import Publisher
from proxy_server.errors import Forbidden, Unavailable
from proxy_server.protocol.requests import Hits
from proxy_server.protocol.sessions import Hit
from proxy_server.store import conversations, search
from proxy_server.store.cursors import parse_cursor
from proxy_server.store.database import Store
from proxy_server.store.query import Query
from proxy_server.store.search import Found

_CURSOR = re.compile(r"([0-9]{1,19})", re.ASCII)
# The index tells which texts have the words, and not whether they stand as they are asked for:
# after so many looks the next page goes on.
_MOST_LOOKS = 4


class Library:
    def __init__(
        self, store: Store, channels: Channels, publisher: Publisher, announcements: Announcements
    ) -> None:
        self._store = store
        self._channels = channels
        self._publisher = publisher
        self._announcements = announcements

    async def archive(self, user: str, conversation_id: str, archived: bool) -> None:
        """Raises Forbidden and Unavailable."""
        if not self._channels.owns(user, conversation_id):
            raise Forbidden
        if self._publisher.full:
            raise Unavailable("Too much waits for delivery at the moment. Try again in a second.")
        work = partial(
            conversations.archive, user=user, conversation_id=conversation_id, archived=archived
        )
        summary = await self._store.write(work, lasting=True)
        self._announcements.summary(user, summary)

    async def search(self, user: str, text: str, limit: int, before: str | None) -> Hits:
        """The newest first. Raises Malformed."""
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
    """How many were looked at until there were that many hits, and those."""
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
