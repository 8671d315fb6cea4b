"""A history that holds what others wrote."""

import pytest

from proxy_server.protocol.encoding import encode
from proxy_server.protocol.publications import published_chunks


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
