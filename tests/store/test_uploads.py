"""Files come in pieces, belong to one user, and are removed with the last message naming them."""

import asyncio
import random
import uuid
from dataclasses import replace

import pytest
import sqlalchemy as sa

from proxy_server.errors import LimitReached, Malformed, NotFound, Refusal, TooLarge
from proxy_server.protocol.files import Piece, url_of
from proxy_server.protocol.messages import FilePart, Part, TextPart
from proxy_server.protocol.sessions import BEGINNING
from proxy_server.protocol.turns import Regeneration, Turn
from proxy_server.store import uploads
from proxy_server.store.admissions import Limits
from proxy_server.store.database import Store
from proxy_server.store.files import UploadedFiles, read_piece
from proxy_server.store.generations import Leases
from proxy_server.store.retention import remove_old
from proxy_server.store.schema import conversations, generations, upload_pieces
from proxy_server.store.schema import uploads as table
from proxy_server.store.turns import Turns
from proxy_server.store.upload_uses import sweep
from proxy_server.store.uploads import UploadLimits
from proxy_server.store.versions import Versions
from tests.turns import new_turn

LIMITS = UploadLimits(one=1_000_000, all=2_000_000)
SIZE = 5_000
DAY = 86_400


@pytest.fixture
def user() -> str:
    return str(uuid.uuid4())


def cut(content: bytes, size: int = SIZE, upload_id: str = "") -> list[Piece]:
    upload_id = upload_id or str(uuid.uuid4())
    data = [content[at : at + size] for at in range(0, len(content), size)]
    return [
        Piece(upload_id, part, len(data), piece, "text/plain", "a.txt", len(content))
        for part, piece in enumerate(data, start=1)
    ]


async def uploaded(store: Store, user: str, content: bytes = b"hello") -> str:
    pieces = cut(content)
    missing = [await uploads.put(store, user, piece, LIMITS) for piece in pieces]
    assert missing[-1] == []
    return url_of(pieces[0].upload_id)


def turns_of(store: Store) -> Turns:
    return Turns(store, Leases(store, "test", 60), Limits(100, 1000))


def turn(user: str, *parts: Part, conversation: str | None = None) -> Turn:
    return new_turn(user, conversation, parts=[TextPart("a"), *parts], when_busy="queue")


async def swept(store: Store) -> None:
    while await sweep(store):
        pass


async def pieces_of(store: Store, user: str) -> int:
    counted = sa.select(sa.func.count()).where(upload_pieces.c.owner == user)
    return await store.read(lambda connection: connection.execute(counted).scalar_one())


async def age(store: Store, user: str, seconds: float) -> None:
    older = sa.update(table).where(table.c.owner == user).values(due=table.c.due - seconds)
    await store.write(lambda connection: connection.execute(older))


async def test_pieces_come_in_any_order_and_more_than_once(store: Store, user: str) -> None:
    content = random.Random(1).randbytes(4 * SIZE + 7)
    pieces = cut(content)
    order = [3, 0, 3, 4, 0, 2, 1, 1]
    missing = [await uploads.put(store, user, pieces[at], LIMITS) for at in order]
    assert missing[0] == [1, 2, 3, 5]
    assert missing[-2:] == [[], []]
    assert all(missing[:-2])
    found = [await read_piece(store, user, pieces[0].upload_id, part) for part in range(1, 6)]
    assert b"".join(piece.data for piece in found) == content
    assert found[0].info == ("text/plain", "a.txt", len(content))
    files = UploadedFiles(store, user)
    assert await files.read(url_of(pieces[0].upload_id)) == content


async def test_two_tabs_bring_the_same_file_at_once(store: Store, user: str) -> None:
    for _ in range(5):
        pieces = cut(random.Random(2).randbytes(6 * SIZE))
        both = [*pieces, *pieces]
        random.Random(3).shuffle(both)
        await asyncio.gather(*(uploads.put(store, user, piece, LIMITS) for piece in both))
        # the last call saw all the others
        assert await read_piece(store, user, pieces[0].upload_id, 6)


async def test_of_two_ways_to_cut_a_file_one_is_refused(store: Store, user: str) -> None:
    content = random.Random(2).randbytes(6 * SIZE)
    one = cut(content)
    other = cut(content, SIZE + 1000, one[0].upload_id)
    await uploads.put(store, user, one[0], LIMITS)
    for piece in other:
        with pytest.raises(Malformed):
            await uploads.put(store, user, piece, LIMITS)
    for piece in one:
        await uploads.put(store, user, piece, LIMITS)
    assert await UploadedFiles(store, user).read(url_of(one[0].upload_id)) == content


async def test_what_does_not_fit_is_refused_and_nothing_is_stored(store: Store, user: str) -> None:
    first, second, last = cut(random.Random(1).randbytes(2 * SIZE + 3))
    whole = cut(b"hello")[0]
    assert first.bytes is not None
    wrong = [
        replace(first, bytes=None),
        replace(first, media_type=None),
        replace(first, bytes=first.bytes + SIZE),
        replace(first, bytes=2 * SIZE),
        replace(first, parts=4),
        replace(last, bytes=first.bytes + 1),
        replace(last, data=b"x" * (SIZE + 1)),
        replace(whole, bytes=4),
        replace(whole, bytes=6),
        *cut(b"tiny pieces of a file", 4),
    ]
    for piece in wrong:
        with pytest.raises(Malformed) as refused:
            await uploads.put(store, user, piece, LIMITS)
        assert str(refused.value).endswith(".")
    assert await pieces_of(store, user) == 0
    await uploads.put(store, user, first, LIMITS)
    later = [
        replace(first, data=b"x" * SIZE),
        replace(second, data=second.data[1:]),
        replace(last, data=last.data + b"x"),
        replace(second, parts=4),
        replace(second, bytes=first.bytes + 1),
        replace(second, media_type="image/png"),
        replace(second, filename="b.txt"),
    ]
    for piece in later:
        with pytest.raises(Malformed):
            await uploads.put(store, user, piece, LIMITS)
    assert await pieces_of(store, user) == 1
    # what need not be repeated
    await uploads.put(store, user, replace(second, media_type=None, bytes=None), LIMITS)


async def test_limits_are_checked_before_anything_is_stored(store: Store, user: str) -> None:
    limits = UploadLimits(one=3 * SIZE, all=8 * SIZE)
    with pytest.raises(TooLarge):
        await uploads.put(store, user, cut(b"x" * (3 * SIZE + 1))[0], limits)
    # an upload that has only begun counts with its full size
    begun = [cut(b"x" * 3 * SIZE) for _ in range(2)]
    for pieces in begun:
        await uploads.put(store, user, pieces[0], limits)
    with pytest.raises(LimitReached):
        await uploads.put(store, user, cut(b"x" * 3 * SIZE)[0], limits)
    assert await pieces_of(store, user) == 2
    for piece in begun[0]:
        await uploads.put(store, user, piece, limits)
    await uploads.put(store, str(uuid.uuid4()), cut(b"x" * 3 * SIZE)[0], limits)
    await age(store, user, 2 * DAY)
    await uploads.put(store, user, cut(b"x" * 3 * SIZE)[0], limits)


async def test_a_file_is_its_owners_alone(store: Store, user: str) -> None:
    url = await uploaded(store, user)
    other = str(uuid.uuid4())
    assert await UploadedFiles(store, other).read(url) is None
    with pytest.raises(NotFound):
        await read_piece(store, other, url.removeprefix("upload:"), 1)
    turns = turns_of(store)
    with pytest.raises(NotFound):
        await turns.accept(turn(other, FilePart("text/plain", url)))
    # the same id is another file of another user
    piece = replace(cut(b"other")[0], upload_id=url.removeprefix("upload:"))
    assert await uploads.put(store, other, piece, LIMITS) == []
    assert await UploadedFiles(store, user).read(url) == b"hello"


async def test_a_prompt_names_what_is_whole_and_says_what_is_stored(
    store: Store, user: str
) -> None:
    begun = cut(b"x" * 2 * SIZE)[0]
    await uploads.put(store, user, begun, LIMITS)
    turns = turns_of(store)
    for url in (url_of(begun.upload_id), "upload:unknown"):
        with pytest.raises(Refusal):
            await turns.accept(turn(user, FilePart("text/plain", url)))
    url = await uploaded(store, user)
    asked = turn(user, FilePart("image/png", url, "lie.png"), FilePart("image/png", url))
    accepted = await turns.accept(asked)
    told = accepted.view.messages[0].parts[1:]
    assert told == [FilePart("text/plain", url, "a.txt")] * 2
    assert (await turns.accept(asked)).view.messages[0].parts[1:] == told


async def test_a_file_goes_with_the_last_message_that_names_it(store: Store, user: str) -> None:
    url = await uploaded(store, user, b"x" * 30 * SIZE)
    turns, files = turns_of(store), UploadedFiles(store, user)
    first = turn(user, FilePart("text/plain", url))
    accepted = [await turns.accept(first)]
    accepted.append(await turns.accept(turn(user, conversation=first.conversation_id)))
    second = turn(user, FilePart("text/plain", url), conversation=first.conversation_id)
    accepted.append(await turns.accept(second))
    await age(store, user, 2 * DAY)
    await turns.stop(user, first.conversation_id, None)
    await _all_ended(store, user)

    # the earlier answer is regenerated, and what followed it leaves: another message names the file
    wanted = Regeneration(
        user=user,
        conversation_id=first.conversation_id,
        message_id=first.answer_id,
        answer_id=str(uuid.uuid4()),
        models=("test",),
        since=BEGINNING,
    )
    versions = Versions(store, Leases(store, "test", 60), Limits(100, 1000))
    await versions.regenerate(wanted)
    await swept(store)
    assert await files.about(url) is not None
    assert await pieces_of(store, user) == 30

    await turns.delete(user, first.conversation_id)
    assert await files.about(url) is None
    with pytest.raises(NotFound):
        await turns.accept(turn(user, FilePart("text/plain", url)))
    # in small steps
    assert await sweep(store)
    assert 0 < await pieces_of(store, user) < 30
    await swept(store)
    assert await pieces_of(store, user) == 0
    # and its id is free again
    assert await uploads.put(store, user, cut(b"hello", upload_id=url[7:])[0], LIMITS) == []


async def test_a_file_goes_with_a_conversation_whose_time_has_come(store: Store, user: str) -> None:
    url = await uploaded(store, user)
    asked = turn(user, FilePart("text/plain", url))
    await turns_of(store).accept(asked)
    await _all_ended(store, user)
    c = conversations.c
    older = sa.update(conversations).where(c.owner == user).values(updated_at=0)
    await store.write(lambda connection: connection.execute(older))
    before = asked.conversation_id[:-1]
    step = await remove_old(store, before, days=1, visitors_days=1, most=1, most_messages=1_000)
    assert [entry.conversation_id for entry in step.removed] == [asked.conversation_id]
    assert await UploadedFiles(store, user).about(url) is None


async def test_what_no_message_came_to_name_goes_after_a_day(store: Store, user: str) -> None:
    url = await uploaded(store, user)
    await uploads.put(store, user, cut(b"x" * 2 * SIZE)[0], LIMITS)
    await age(store, user, DAY - 60)
    await swept(store)
    assert await UploadedFiles(store, user).read(url) == b"hello"
    await age(store, user, 61)
    assert await UploadedFiles(store, user).read(url) is None
    await swept(store)
    assert await pieces_of(store, user) == 0


async def _all_ended(store: Store, user: str) -> None:
    ended = sa.delete(generations).where(generations.c.owner == user)
    await store.write(lambda connection: connection.execute(ended))
