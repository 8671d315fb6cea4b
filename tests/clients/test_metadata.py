"""A message's metadata is the AI SDK's merge of what its responder gives, plus our fields."""

import json
from random import Random
from typing import Any

from proxy_server.answers.takeover import ReadBack
from proxy_server.protocol.chunks import Chunk, MessageMetadata
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.given import GivenMetadata
from proxy_server.protocol.messages import Metadata, decode_metadata, metadata_with
from proxy_server.protocol.publications import ChunksPublication
from proxy_server.protocol.sessions import BEGINNING
from proxy_server.protocol.turns import Assignment
from tests.clients.test_parts import asked

OURS = Metadata(1.0, "streaming", "test")
Json = dict[str, Any]


def objects(random: Random, depth: int = 2) -> Json:
    """Objects with repeated names and values of changing types."""
    return {
        random.choice(["a", "b", "é", "x y", "status", "usage", "constructor"]): (
            objects(random, depth - 1)
            if depth and random.random() < 0.5
            else random.choice([None, 1, "word", [1, {"a": 2}], True, []])
        )
        for _ in range(random.randrange(4))
    }


class Made:
    """Metadata given through the server: its publications, and what is stored after each."""

    def __init__(self, seed: int) -> None:
        random = Random(seed)
        self.given = [objects(random) for _ in range(random.randrange(1, 12))]
        self.pieces: list[list[Json]] = [
            [{"type": "message-metadata", "messageMetadata": as_json(OURS)}]
        ]
        self.stored = [OURS]
        self.published: list[bytes] = []
        metadata, left = GivenMetadata(), list(self.given)
        while left:
            for _ in range(random.randrange(1, 5)):
                if left:
                    metadata.add(left.pop(0))
            chunks: list[Chunk] = [
                MessageMetadata(metadata_with(OURS, fields)) for fields in metadata.send()
            ]
            metadata.mark()
            self.pieces.append(as_json(chunks))
            self.published.append(encode(ChunksPublication("a", len(self.pieces), chunks)))
            self.stored.append(decode_metadata(encode(metadata.within(OURS)).decode()))

    def taken_over(self, at: int) -> Json:
        """As another server reads it back, from what is stored at some moment."""
        assignment = Assignment(
            "c", "a", "anna", "test", 2, 1.0, BEGINNING, seq=at + 1, stored=self.stored[at]
        )
        found = ReadBack(assignment)
        for data in self.published[at:]:
            found.take(data)
        metadata: Json = as_json(found.metadata())
        return metadata


def as_json(value: object) -> Any:
    return json.loads(encode(value))


async def test_every_moment_of_it_is_the_same_in_all_places() -> None:
    made = [Made(seed) for seed in range(300)]
    cases = [{"pieces": one.pieces} for one in made]
    for one, result in zip(made, await asked(cases), strict=True):
        assert result["errors"] == []
        stored = [as_json(metadata) for metadata in one.stored]
        assert result["metadata"]["sdk"] == result["metadata"]["ours"] == stored
        ended = stored[-1] | {"status": "interrupted", "finish_reason": "other"}
        assert all(one.taken_over(at) == ended for at in range(len(stored)))


async def test_it_is_what_the_ai_sdk_makes_of_the_responders_own() -> None:
    """With our fields added."""
    made = [Made(seed) for seed in range(300)]
    cases = [
        {
            "pieces": [
                [{"type": "message-metadata", "messageMetadata": given} for given in one.given]
            ]
        }
        for one in made
    ]
    for one, result in zip(made, await asked(cases), strict=True):
        reserved = set(Metadata.__struct_fields__)
        [last] = result["metadata"]["sdk"]
        wanted = {name: value for name, value in last.items() if name not in reserved}
        # the AI SDK takes the first as it is, and merges from then on
        wanted.pop("constructor", None)
        assert as_json(one.stored[-1]) == as_json(OURS) | wanted
