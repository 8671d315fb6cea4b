"""Whatever way a text is cut, published and checkpointed, its pieces give it back."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from proxy_server.answers.transcript import Delta, Transcript, merge
from proxy_server.protocol.chunks import ReasoningPart, TextPart

deltas = st.lists(
    st.builds(Delta, st.sampled_from(["text", "reasoning"]), st.text(min_size=1)), max_size=30
)
batches = st.lists(deltas, max_size=10)


def text(parts: object) -> list[tuple[str, str]]:
    assert isinstance(parts, list)
    return [
        ("text" if isinstance(part, TextPart) else "reasoning", part.text)
        for part in parts
        if isinstance(part, TextPart | ReasoningPart)
    ]


@given(batches)
def test_chunks_replayed_give_the_same_message(given_batches: list[list[Delta]]) -> None:
    made, replayed = Transcript(), Transcript()
    for batch in given_batches:
        replayed.replay(made.add(batch))
    replayed.replay(made.close())

    assert text(replayed.parts()) == text(made.parts())
    assert [tuple(delta) for delta in merge([*chain(*given_batches)])] == text(made.parts())


@given(batches, st.integers(0, 10))
def test_a_checkpoint_and_what_follows_it_give_the_message(
    given_batches: list[list[Delta]], at: int
) -> None:
    made = Transcript()
    chunks = []
    checkpoint = made.published()
    for number, batch in enumerate(given_batches):
        chunks.append(made.add(batch))
        if number < at:
            made.mark()
            checkpoint = made.published()
    resumed = Transcript(checkpoint)
    for later in chunks[at:]:
        resumed.replay(later)

    assert text(resumed.parts()) == text(made.parts())


@given(batches)
def test_a_checkpoint_holds_what_is_acknowledged_and_no_more(
    given_batches: list[list[Delta]],
) -> None:
    made = Transcript()
    before: list[Delta] = []
    for batch in given_batches:
        made.add(batch)
        assert text(made.published()) == [tuple(delta) for delta in merge(before)]
        made.mark()
        before += batch
    assert text(made.published()) == [tuple(delta) for delta in merge(before)]
