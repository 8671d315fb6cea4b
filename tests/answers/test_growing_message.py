"""However a text is cut, published and checkpointed, its pieces add up to it."""

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_server.answers.growing_message import GrowingMessage
from proxy_server.answers.incoming import Incoming
from proxy_server.answers.said import Said, merge, within
from proxy_server.errors import ResponderFailed
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.events import Reasoning, Text
from proxy_server.protocol.messages import ReasoningPart, TextPart

deltas = st.lists(
    st.builds(Text, st.text(min_size=1)) | st.builds(Reasoning, st.text(min_size=1)), max_size=30
)
batches = st.lists(deltas, max_size=10)


def text(parts: object) -> list[tuple[str, str]]:
    assert isinstance(parts, list)
    return [
        ("text" if isinstance(part, TextPart) else "reasoning", part.text)
        for part in parts
        if isinstance(part, TextPart | ReasoningPart)
    ]


def kinds(said: Sequence[Said]) -> list[tuple[str, str]]:
    return [("text" if isinstance(piece, Text) else "reasoning", piece.text) for piece in said]


@given(batches)
def test_chunks_replayed_give_the_same_message(given_batches: list[list[Said]]) -> None:
    made, replayed = GrowingMessage(), GrowingMessage()
    for batch in given_batches:
        replayed.replay(made.add(batch))
    replayed.replay(made.close())

    assert text(replayed.parts()) == text(made.parts())
    assert kinds(merge([*chain(*given_batches)])) == text(made.parts())


@given(batches, st.integers(0, 10))
def test_a_checkpoint_and_what_follows_it_give_the_message(
    given_batches: list[list[Said]], at: int
) -> None:
    made = GrowingMessage()
    chunks = []
    checkpoint = made.published()
    for number, batch in enumerate(given_batches):
        chunks.append(made.add(batch))
        if number < at:
            made.mark()
            checkpoint = made.published()
    resumed = GrowingMessage(checkpoint)
    for later in chunks[at:]:
        resumed.replay(later)

    assert text(resumed.parts()) == text(made.parts())


@given(batches)
def test_a_checkpoint_holds_what_is_acknowledged_and_no_more(
    given_batches: list[list[Said]],
) -> None:
    made = GrowingMessage()
    before: list[Said] = []
    for batch in given_batches:
        made.add(batch)
        assert text(made.published()) == kinds(merge(before))
        made.mark()
        before += batch
    assert text(made.published()) == kinds(merge(before))


@given(deltas, st.integers(0, 400))
def test_no_more_is_taken_than_there_is_room_for(said: list[Said], room: int) -> None:
    fitting = within(said, room)
    made = GrowingMessage()
    made.add(fitting)
    assert made.bytes <= room or not fitting
    whole = "".join(piece.text for piece in said)
    assert whole.startswith("".join(piece.text for piece in fitting))
    if fitting is not said:
        # what was left out would not have fit, with its parts
        assert len(whole.encode()) + len(said) * 40 > room


def test_a_source_is_a_part_of_its_own_and_outlasts_checkpoint_and_takeover() -> None:
    source = {"type": "source-url", "sourceId": "s", "url": "https://example.com", "title": "A"}
    [kept] = Incoming().take(source)
    made, replayed = GrowingMessage(), GrowingMessage()
    replayed.replay(made.add([Text("a"), kept, Text("b")]))
    replayed.replay(made.close())
    for message in (made, replayed):
        assert json.loads(encode(message.parts())) == [
            {"type": "text", "text": "a"},
            source,
            {"type": "text", "text": "b"},
        ]
    made.mark()
    assert encode(GrowingMessage(made.published()).parts()) == encode(made.parts())


@pytest.mark.parametrize(
    "chunk",
    [
        {"type": "unknown"},
        {"type": "source-url", "url": "https://example.com"},
        {"type": "source-url", "sourceId": "s", "url": 5},
        {"type": "source-url", "sourceId": "s", "url": "https://example.com/" + 200_000 * "x"},
        {},
    ],
)
def test_a_chunk_that_nobody_could_show_fails_its_answer(chunk: dict[str, Any]) -> None:
    with pytest.raises(ResponderFailed) as failed:
        Incoming().take(chunk)
    assert failed.value.reason == "bad_chunk"
    assert "example.com" not in str(failed.value)
