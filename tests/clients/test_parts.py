"""Our parts are the AI SDK's: its published package decides, over all sequences of chunks."""

import json
from random import Random
from typing import Any

import msgspec
import pytest

from proxy_server.answers.growing_message import GrowingMessage
from proxy_server.answers.incoming import Incoming
from proxy_server.protocol.chunks import Chunk
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import decode_parts
from proxy_server.protocol.partial_json import NOTHING, PartialJson
from proxy_server.protocol.publications import ChunksPublication, published_chunks
from proxy_server.protocol.shapes import SHAPES
from testbed.program import output_of
from tests.clients.node import CLIENT
from tests.protocol.sequences import Json, Sequence, sequence

CASES = 400


def as_json(value: object) -> Any:
    return json.loads(encode(value))


def alike(parts: list[Json]) -> list[Json]:
    """Without intended differences: a text says whether it grows, and ids of reasoning are ours."""
    left_out = {"text": {"state"}, "reasoning": {"state", "id"}}
    return [
        {name: value for name, value in part.items() if name not in left_out.get(part["type"], ())}
        for part in parts
    ]


def read(parts: list[Json]) -> list[Json]:
    """As a user reads them: the text of a complete input may be kept or not."""
    return [{name: part[name] for name in part if name != "rawInput"} for part in alike(parts)]


class Made:
    """A sequence sent through the server: its publications, and the checkpoint after each."""

    def __init__(self, seed: int) -> None:
        random = Random(seed)
        self.chunks = sequence(seed)
        self.pieces: list[list[Json]] = []
        self.checkpoints: list[list[Json]] = []
        self._published: list[bytes] = []
        incoming, growing = Incoming(), GrowingMessage()
        left = list(self.chunks)
        while left:
            size = random.randrange(1, 6)
            batch, left = left[:size], left[size:]
            said = [piece for chunk in batch for piece in incoming.take(chunk)]
            self._publish(growing, growing.add(said))
        waited = growing.add(incoming.end())
        ending, parts = growing.ended("complete")
        self.ending = as_json(ending)
        growing.replay(ending)
        self._publish(growing, [*waited, *ending])
        self.parts: list[Json] = as_json(parts)

    def _publish(self, growing: GrowingMessage, chunks: list[Chunk]) -> None:
        published = encode(ChunksPublication("a", len(self.pieces) + 1, chunks))
        self._published.append(published)
        self.pieces.append(as_json(chunks))
        growing.mark()
        # what is not marked is in no checkpoint
        self.checkpoints.append(as_json(growing.published()))

    def taken_over(self, at: int) -> list[Json]:
        """As another server closes it: from a checkpoint, and the channel's publications since."""
        growing = GrowingMessage(decode_parts(json.dumps(self.checkpoints[at])))
        for data in self._published[at + 1 :]:
            publication = published_chunks(data)
            assert publication is not None
            growing.replay(publication.chunks)
        parts: list[Json] = as_json(growing.parts())
        return parts


@pytest.fixture(scope="module")
def made() -> list[Made]:
    return [Made(seed) for seed in range(CASES)]


async def asked(cases: list[dict[str, Any]]) -> list[Any]:
    program = str(CLIENT / "tests" / "parts.mjs")
    output = await output_of("node", program, given=json.dumps(cases).encode())
    results: list[Any] = msgspec.json.decode(output)
    return results


async def test_the_parts_of_any_answer_are_those_of_the_ai_sdk(made: list[Made]) -> None:
    """For whatever the responder yielded, however it was sent; with the same ends of open calls."""
    ends = [[chunk for chunk in one.ending if "toolCallId" in chunk] for one in made]
    cases = [{"pieces": [[*one.chunks, *end]]} for one, end in zip(made, ends, strict=True)]
    for one, result in zip(made, await asked(cases), strict=True):
        assert result["errors"] == []
        assert alike(one.parts) == alike(result["sdk"][-1])


async def test_every_moment_of_it_is_the_same_in_all_places(made: list[Made]) -> None:
    """The publications are the AI SDK's stream as well: each client and server shows the same."""
    cases = [
        {"pieces": one.pieces, "checkpoints": one.checkpoints, "whole": one.parts} for one in made
    ]
    for one, result in zip(made, await asked(cases), strict=True):
        assert result["errors"] == []
        wanted = [alike(parts) for parts in result["sdk"]]
        assert [alike(parts) for parts in one.checkpoints] == wanted
        assert [alike(parts) for parts in result["ours"]] == wanted
        assert all(alike(parts) == wanted[-1] for parts in result["resumed"])
        assert read(result["replayed"]) == read(one.parts)
        for at in range(len(one.pieces)):
            assert alike(one.taken_over(at)) == wanted[-1]


async def test_the_beginning_of_a_json_text_is_read_as_the_ai_sdk_reads_it() -> None:
    random = Random(1)
    texts = [
        "",
        "nul",
        "[1, -",
        "[1e+5",
        '{"a\\"',
        '"\\ud83d',
        "[01",
        "{} x",
        '{"__proto__": 1',
        "NaN",
    ]
    for seed in range(1500):
        text = json.dumps(Sequence(seed).value(4), ensure_ascii=random.random() < 0.5)
        if random.random() < 0.3:
            text = Sequence(seed).broken(text)
        texts.append(text[: random.randrange(len(text) + 1)])
    for text, (wanted, ours) in zip(
        texts, await asked([{"text": text} for text in texts]), strict=True
    ):
        value = PartialJson(text).value()
        assert ours == wanted, text
        assert (None if value is NOTHING else as_json(value)) == wanted, text
        pieces = PartialJson()
        for char in text:
            pieces.feed(char)
        assert as_json(None if value is NOTHING else pieces.value()) == wanted


def continued(chunks: list[Json]) -> list[Json]:
    """The parts of an answer that pauses when no text grows, and continues from the store."""
    incoming, growing = Incoming(), GrowingMessage()
    for chunk in chunks:
        growing.add(incoming.take(chunk))
        if not incoming.busy:
            growing.mark()
            kept = decode_parts(encode(growing.published()).decode())
            incoming, growing = Incoming(kept), GrowingMessage(kept)
    growing.add(incoming.end())
    parts: list[Json] = as_json(growing.parts())
    return parts


def test_an_answer_that_goes_on_from_the_store_is_the_same(made: list[Made]) -> None:
    for one in made:
        assert continued(one.chunks) == one.parts


def test_clients_of_old_find_the_text_that_grows_last(made: list[Made]) -> None:
    known = ("text", "reasoning", "source-url", "file")
    for one in made:
        for parts in one.checkpoints:
            shown = [part for part in parts if part["type"] in known]
            assert all(part.get("state") is None for part in shown[:-1])


def test_texts_are_counted_among_the_parts(made: list[Made]) -> None:
    for one in made:
        for chunks, parts in zip(one.pieces, one.checkpoints, strict=True):
            again = any(chunk["type"] == "reset-step" for chunk in chunks)
            for chunk in chunks:
                kind, _, step = chunk["type"].partition("-")
                if step in ("start", "delta", "end") and kind != "data" and not again:
                    assert parts[int(chunk["id"]) - 1]["type"] == kind


def test_the_sequences_have_all_types(made: list[Made]) -> None:
    types = {chunk["type"] for one in made for chunk in one.chunks}
    assert types == {*SHAPES, "data-a", "data-b"}
