"""The outbox as two servers see it, and a history that holds what others wrote."""

import uuid

import pytest
import sqlalchemy as sa

from proxy_server.chunks import TextDelta, encode, published_chunks
from proxy_server.migrate import migrate
from proxy_server.outbox import LastPublication, Outbox, keep, replace
from proxy_server.store import Store, outbox
from testbed.deployment import Deployment


async def test_a_late_word_of_one_end_does_not_drop_the_end_in_its_place(
    serverless: Deployment,
) -> None:
    store = Store(serverless.server_settings["DATABASE_URL"])
    await migrate(store)
    message = str(uuid.uuid4())
    first, second = (LastPublication.of("c", message, seq, [TextDelta("t", "x")]) for seq in (7, 8))
    kept = sa.select(outbox.c.seq).where(outbox.c.message == message)
    try:
        await store.write(lambda connection: keep(connection, first))
        await store.write(lambda connection: replace(connection, second))
        box = Outbox(store)
        await box.forget([first])
        assert await store.read(lambda connection: connection.execute(kept).scalars().all()) == [8]
        await box.forget([first, second])
        assert await store.read(lambda connection: connection.execute(kept).scalars().all()) == []
    finally:
        await store.close()


@pytest.mark.parametrize(
    "data",
    [
        b"not JSON",
        b"[]",
        b'{"type": 1}',
        b'{"type": "chunks"}',
        b'{"type": "chunks", "message": "a", "seq": 1, "chunks": [{"type": "new"}]}',
        encode({"type": "sync"}),
    ],
)
def test_what_is_not_of_our_making_is_no_piece_of_an_answer(data: bytes) -> None:
    assert published_chunks(data) is None
