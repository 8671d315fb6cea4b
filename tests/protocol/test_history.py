"""A history with messages by other versions."""

import json
from typing import Literal

import pytest

from proxy_server.answers.growing_message import GrowingMessage
from proxy_server.protocol.chunks import TextDelta, TextEnd, closing
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import TextPart, decode_metadata, decode_parts
from proxy_server.protocol.publications import published_chunks
from proxy_server.protocol.sessions import BEGINNING
from proxy_server.protocol.turns import Assignment


@pytest.mark.parametrize(
    "data",
    [
        b"not JSON",
        b"[]",
        b'{"type": 1}',
        b'{"type": "chunks"}',
        encode({"type": "sync"}),
    ],
)
def test_what_is_not_of_our_making_is_no_piece_of_an_answer(data: bytes) -> None:
    assert published_chunks(data) is None


def test_a_chunk_that_is_not_known_takes_no_other_with_it() -> None:
    data = b"""{"type": "chunks", "message": "a", "seq": 7, "new": 1, "chunks": [
        {"type": "text-delta", "id": "1", "delta": "a", "new": 1},
        {"type": "new"}, {"type": "text-delta", "id": 5}, {"type": "text-end", "id": "1"}]}"""
    piece = published_chunks(data)
    assert piece is not None
    assert (piece.message_id, piece.seq) == ("a", 7)
    assert piece.chunks == [TextDelta("1", "a"), TextEnd("1")]


@pytest.mark.parametrize("kind", ["finish", "abort", "error"])
def test_an_end_that_is_not_understood_is_one_all_the_same(kind: str) -> None:
    chunks = [{"type": "text-delta", "id": "1", "delta": "a"}, {"type": kind, "reason": ["new"]}]
    piece = published_chunks(encode({"type": "chunks", "message": "a", "seq": 7, "chunks": chunks}))
    assert piece is not None
    assert piece.closes
    assert piece.chunks == [TextDelta("1", "a")]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"created_at":1.5,"status":"waiting","model":"m","versions":["a","b"],"n":null}',
        b'{"versions":["a"],"created_at":1.5}',
        b'{"created_at":1.5,"status":"complete","usage":{"input_tokens":1,"output_tokens":2}}',
    ],
)
def test_metadata_of_a_newer_version_is_kept(raw: bytes) -> None:
    found = decode_metadata(raw.decode())
    assert json.loads(encode(found)) == json.loads(raw)
    assignment = Assignment("c", "m", "anna", "m", 2, 1.5, BEGINNING, stored=found)
    ended = assignment.metadata("interrupted")
    assert json.loads(encode(closing(ended)))["messageMetadata"] == json.loads(raw) | {
        "status": "interrupted"
    }


@pytest.mark.parametrize("state", [None, "streaming"])
def test_a_part_that_is_not_known_is_kept_as_it_came(state: Literal["streaming"] | None) -> None:
    stored = [
        b'{"type":"text","text":"a"}',
        b'{"type":"tool-search","toolCallId":"t","state":"output-available","output":{"x":[1]}}',
        b'{"type":"file","mediaType":"image/png","url":"https://example.com/a.png"}',
        b'{"type":"text","text":"c","providerMetadata":{"x":{"y":[1]}},"a b":null}',
        b'{"type":"source-url","sourceId":"s","url":"https://example.com","providerMetadata":{}}',
        encode(TextPart("b", state)),
    ]
    raw = b"[%b]" % b",".join(stored)
    parts = decode_parts(raw.decode())
    assert encode(parts) == raw
    assert isinstance(parts[3], TextPart)
    # also through a takeover
    taken = GrowingMessage(parts)
    taken.replay([TextDelta("4", " c")])
    taken.close()
    assert encode(taken.parts()) == b"[%b]" % b",".join([*stored[:-1], encode(TextPart("b c"))])
    taken.mark()
    assert encode(taken.published()) == encode(taken.parts())
