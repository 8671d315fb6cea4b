"""What remains of a deleted conversation while another server writes to it."""

import sqlalchemy as sa

from proxy_server.delivery.server_api import Publish
from proxy_server.protocol.turns import OutboxEntry
from proxy_server.store import outbox
from proxy_server.store.database import Store
from proxy_server.store.schema import outbox as table
from proxy_server.testing import InMemoryCentrifugo
from testbed.waiting import until
from tests.chat.asking import Chat, Serve


async def entries(store: Store, conversation: str) -> list[str]:
    of_it = sa.select(table.c.message).where(table.c.conversation == conversation)
    return await store.read(lambda connection: [*connection.execute(of_it).scalars()])


async def test_text_that_comes_from_elsewhere_until_a_lease_is_over_goes_too(
    serve: Serve, store: Store, user: str, centrifugo: InMemoryCentrifugo
) -> None:
    async with serve(lease_seconds=1.5) as app:
        chat = await Chat.begin(app, user, "Hi")
        await chat.until("complete")
        await app.library.delete(user, chat.id)
        assert centrifugo.since(chat.channel, None) == []
        # from a replica that does not know yet
        centrifugo.take(Publish(chat.channel, b'{"type":"chunks"}', "late"))
        assert centrifugo.since(chat.channel, None) != []

        async def gone() -> bool:
            return not centrifugo.since(chat.channel, None)

        await until(gone)

        async def forgotten() -> bool:
            return await entries(store, chat.id) == []

        await until(forgotten)


async def test_nothing_of_it_is_published_from_the_outbox_any_more(
    serve: Serve, store: Store, user: str
) -> None:
    async with serve(lease_seconds=60) as app:
        chat = await Chat.begin(app, user, "Hi")
        await chat.until("complete")
        left = OutboxEntry(f"{chat.answer}:7", chat.id, 7, b"{}")
        await store.write(lambda connection: outbox.insert(connection, left))
        await app.library.delete(user, chat.id)
        assert await entries(store, chat.id) == [chat.id]
