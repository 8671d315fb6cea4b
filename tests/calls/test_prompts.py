"""What is kept of a prompt's parts, and what a decision may contain."""

import json

import pytest

from proxy_server.calls.decisions import check_decisions
from proxy_server.calls.prompts import parts_from
from proxy_server.errors import Malformed
from proxy_server.protocol.encoding import decode_request, encode
from proxy_server.protocol.requests import Continue, Send

DEPTHS = (10, 150, 900)


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize("depth", DEPTHS)
def test_of_a_part_only_what_a_prompt_needs_is_kept(depth: int) -> None:
    more = f'"providerMetadata": {nested(depth)}, "unknown": 1'
    sent = f"""{{"parts": [
        {{"type": "text", "text": "Hi", "state": "streaming", "citations": [1], {more}}},
        {{"type": "file", "mediaType": "image/png", "url": "https://a.example/b.png",
          "filename": "b.png", {more}}}
    ]}}"""
    parts = parts_from(decode_request(sent.encode(), Send), 1000)
    assert json.loads(encode(parts)) == [
        {"type": "text", "text": "Hi"},
        {
            "type": "file",
            "mediaType": "image/png",
            "url": "https://a.example/b.png",
            "filename": "b.png",
        },
    ]


@pytest.mark.parametrize("depth", [*DEPTHS[1:], 5000])
def test_an_output_that_nobody_could_read_is_refused(depth: int) -> None:
    sent = f"""{{"conversation": "c", "message": "m", "outputs": [
        {{"toolCallId": "a", "output": {nested(depth)}}}
    ]}}"""
    with pytest.raises(Malformed):
        check_decisions(decode_request(sent.encode(), Continue), 1_000_000)
