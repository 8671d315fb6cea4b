"""Messages that are missing in the index become searchable step by step."""

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from proxy_server.protocol.messages import TextPart
from proxy_server.store import search
from proxy_server.store.schema import conversations, hidden_messages, messages, searched
from proxy_server.store.search_steps import index_some
from proxy_server.store.words import indexed
from testbed.deployment import Deployment
from tests.store.library import Library


async def test_what_older_servers_wrote_is_found_after_some_steps(library: Library) -> None:
    conversation = await library.add("prompt 0", [TextPart("answer 0")], title="Entitled")
    for number in range(1, 40):
        await library.add(f"prompt {number}", [TextPart(f"answer {number}")], before=conversation)

    def forget(connection: sa.Connection) -> None:
        """As if it were older than the index, or came from a server of that time."""
        connection.execute(sa.delete(searched).where(searched.c.conversation == conversation))
        of_it = conversations.c.id == conversation
        connection.execute(
            sa.update(conversations).where(of_it).values(version=conversations.c.version + 1)
        )

    await library.store.write(forget)
    assert await library.found("prompt") == []
    # a turn by a server that keeps the index leaves the rest to be found
    await library.add("prompt 40", [TextPart("answer 40")], before=conversation)
    assert await library.found("prompt") == ["prompt 40"]
    while await index_some(library.store):
        pass
    assert len(await library.found("prompt")) == 41
    assert len(await library.found("answer")) == 41
    assert await library.found("entitled") == ["Entitled"]


async def test_what_is_left_to_the_steps_is_found_after_them(library: Library) -> None:
    conversation = await library.add("prompt", [TextPart("answer")])

    def left(connection: sa.Connection) -> None:
        connection.execute(sa.delete(searched).where(searched.c.conversation == conversation))
        unsearched = sa.update(conversations).where(conversations.c.id == conversation)
        connection.execute(unsearched.values(searched=None))

    await library.store.write(left)
    assert await library.found("answer") == []
    while await index_some(library.store):
        pass
    assert await library.found("answer") == ["answer"]


async def test_a_version_that_comes_back_into_view_is_found_again(library: Library) -> None:
    conversation = await library.add("prompt", [TextPart("an earlier answer")])
    await library.regenerate(conversation)
    await library.end(conversation)
    assert await library.found("earlier") == []
    hidden = sa.select(hidden_messages.c.id).where(hidden_messages.c.conversation == conversation)
    message = await library.store.read(lambda connection: connection.execute(hidden).scalar_one())
    await library.choose(conversation, message)
    while await index_some(library.store):
        pass
    assert await library.found("earlier") == ["an earlier answer"]


async def test_one_that_cannot_be_indexed_holds_up_no_other(
    library: Library, infrastructure: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = await library.add("the broken one", [TextPart("its answer")], title="Broken")
    refused = await library.add("the refused one", [TextPart("another answer")], title="Refused")
    sound = await library.add("the sound one", title="Sound")
    ours = [broken, refused, sound]

    def spoil(connection: sa.Connection) -> None:
        connection.execute(sa.delete(searched).where(searched.c.conversation.in_(ours)))
        unsearched = sa.update(conversations).where(conversations.c.id.in_(ours))
        connection.execute(unsearched.values(searched=None))
        prompt = messages.c.conversation == broken, messages.c.ordinal == 1
        connection.execute(sa.update(messages).where(*prompt).values(parts="{not json"))

    def not_for_postgresql(owner: str, text: str) -> str:
        words = indexed(owner, text)
        return f"{words} \0" if "refused one" in text else words

    monkeypatch.setattr(search, "indexed", not_for_postgresql)
    await library.store.write(spoil)
    with capture_logs() as logs:
        while await index_some(library.store):
            pass
    assert await library.found("sound") == ["Sound", "the sound one"]
    assert await library.found("another") == ["another answer"]
    assert await library.found("its") == ["its answer"]
    told = [line["conversation"] for line in logs if line["event"] == "message_not_indexed"]
    refuses = infrastructure.postgresql is not None
    assert sorted(told) == sorted([broken, refused] if refuses else [broken])
    for conversation in ours:
        await library.delete(conversation)
