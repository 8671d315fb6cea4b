"""A history that holds what others wrote."""

from typing import Literal

import pytest

from proxy_server.answers.growing_message import GrowingMessage
from proxy_server.protocol.chunks import TextDelta, TextEnd
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import TextPart, decode_parts
from proxy_server.protocol.publications import published_chunks


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


@pytest.mark.parametrize("state", [None, "streaming"])
def test_a_part_that_is_not_known_is_kept_as_it_came(state: Literal["streaming"] | None) -> None:
    stored = [
        b'{"type":"text","text":"a"}',
        b'{"type":"tool-search","toolCallId":"t","state":"output-available","output":{"x":[1]}}',
        b'{"type":"file","mediaType":"image/png","url":"https://example.com/a.png"}',
        encode(TextPart("b", state)),
    ]
    raw = b"[%b]" % b",".join(stored)
    parts = decode_parts(raw.decode())
    assert encode(parts) == raw
    # also through a takeover
    taken = GrowingMessage(parts)
    taken.replay([TextDelta("4", " c")])
    taken.close()
    assert encode(taken.parts()) == b"[%b]" % b",".join([*stored[:3], encode(TextPart("b c"))])
    taken.mark()
    assert encode(taken.published()) == encode(taken.parts())
