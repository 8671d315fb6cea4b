"""Which chunks a responder may yield, in which order clients get them, and how they end."""

import json
from itertools import chain
from typing import Any

import pytest

from proxy_server.answers.growing_message import GrowingMessage
from proxy_server.answers.incoming import Incoming
from proxy_server.errors import ResponderFailed
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.events import Text
from proxy_server.protocol.messages import Status

Json = dict[str, Any]

TEXT = {"type": "text-start", "id": "a"}
TOOL = {"type": "tool-input-start", "toolCallId": "t", "toolName": "search"}
CALLED = {"type": "tool-input-available", "toolCallId": "t", "toolName": "search", "input": {}}
ASKED = {"type": "tool-approval-request", "toolCallId": "t", "approvalId": "p"}


def delta(key: str, text: str) -> Json:
    return {"type": "text-delta", "id": key, "delta": text}


def grown(*chunks: Json) -> tuple[Incoming, GrowingMessage, list[Json]]:
    incoming, growing = Incoming(), GrowingMessage()
    published = [growing.add(incoming.take(chunk)) for chunk in chunks]
    return incoming, growing, json.loads(encode([*chain(*published)]))


@pytest.mark.parametrize(
    ("chunks", "problem"),
    [
        ([{"type": "unknown"}], "its type is unknown"),
        ([{}], "it has no type"),
        ([{"type": 5}], "it has no type"),
        ([{"type": ["text-delta"]}], "it has no type"),
        ([{"type": "text-start"}], "id is not text"),
        ([delta("a", "secret")], "there is no text-start"),
        ([TEXT, {"type": "reasoning-delta", "id": "a", "delta": "x"}], "there is no reasoning-st"),
        ([TEXT, {"type": "text-delta", "id": "a", "delta": None}], "delta is not text"),
        ([TEXT, {"type": "text-delta", "id": ["a"], "delta": "x"}], "it is not valid JSON"),
        ([TEXT, TEXT], "its id is already in use"),
        ([TEXT, {"type": "text-end", "id": "a"}, delta("a", "x")], "there is no text-start"),
        ([TEXT, {"type": "reset-step"}, delta("a", "x")], "there is no text-start"),
        ([TOOL, TOOL], "its toolCallId is already in use"),
        ([TOOL, {**CALLED, "dynamic": True}], "it and its start must both be dynamic"),
        ([{"type": "tool-input-delta", "toolCallId": "t", "inputTextDelta": "{"}], "there is no"),
        (
            [CALLED, {"type": "tool-input-delta", "toolCallId": "t", "inputTextDelta": "{"}],
            "there is no tool-input-start",
        ),
        ([{"type": "tool-output-available", "toolCallId": "t", "output": 1}], "there is no call"),
        ([ASKED], "there is no call"),
        ([CALLED, ASKED, ASKED], "its approvalId is already in use"),
        (
            [{"type": "tool-approval-response", "approvalId": "p", "approved": True}],
            "no approval was",
        ),
        ([{"type": "data-x", "data": 200_000 * "secret"}], "bytes, more than 200000"),
        ([{"type": "data-x", "data": object()}], "it is not valid JSON"),
        (
            [{"type": "steering-message", "id": "1", "parts": ["secret"]}],
            "parts may hold only texts",
        ),
        ([{"type": "file", "url": "https://secret.example"}], "mediaType is not text"),
    ],
)
def test_what_no_client_could_take_fails_with_what_and_where(
    chunks: list[Json], problem: str
) -> None:
    with pytest.raises(ResponderFailed) as failed:
        grown(*chunks)
    assert failed.value.reason == "bad_chunk"
    assert f"chunk {len(chunks)}, " in str(failed.value)
    assert problem in str(failed.value)
    assert "secret" not in str(failed.value)


def test_tools_grow_beside_a_text_and_all_else_waits_for_its_end() -> None:
    source = {"type": "source-url", "sourceId": "1", "url": "https://example.com"}
    piece = {"type": "tool-input-delta", "toolCallId": "t", "inputTextDelta": "{"}
    chunks = [TEXT, TOOL, delta("a", "x"), piece, source, delta("a", "y")]
    incoming, growing, published = grown(*chunks)
    assert [chunk["type"] for chunk in published] == [
        "text-start",
        "tool-input-start",
        "text-delta",
        "tool-input-delta",
        "text-delta",
    ]
    assert incoming.held > 0
    ended = growing.add(incoming.take({"type": "text-end", "id": "a"}))
    assert [json.loads(encode(chunk))["type"] for chunk in ended] == ["text-end", "source-url"]
    assert incoming.held == 0


def test_what_waits_when_the_answer_ends_is_part_of_it() -> None:
    incoming, growing, _ = grown(TEXT, delta("a", "x"), {"type": "text-start", "id": "b"})
    growing.add(incoming.take(delta("b", "y")))
    growing.add(incoming.plain(Text("z")))
    growing.add(incoming.end())
    parts = json.loads(encode(growing.parts()))
    assert parts == [{"type": "text", "text": text} for text in "xyz"]


@pytest.mark.parametrize("status", ["complete", "stopped", "failed", "interrupted"])
@pytest.mark.parametrize(
    ("chunks", "cut", "whole"),
    [
        ([TOOL], "output-error", "output-error"),
        ([CALLED], "output-error", "input-available"),
        ([CALLED, ASKED], "output-denied", "approval-requested"),
        (
            [CALLED, {"type": "tool-output-available", "toolCallId": "t", "output": 1}],
            "output-available",
            "output-available",
        ),
    ],
)
def test_no_tool_is_at_work_in_a_message_that_has_ended(
    status: Status, chunks: list[Json], cut: str, whole: str
) -> None:
    _, growing, _ = grown(*chunks)
    chunks_at_end, parts = growing.ended(status)
    [part] = json.loads(encode(parts))
    assert part["state"] == (whole if status == "complete" else cut)
    # replaying the end gives the same, with nothing more to end
    growing.replay(chunks_at_end)
    assert growing.ended(status)[0] == []


def test_bytes_are_those_of_the_parts_and_not_of_all_that_was_said() -> None:
    progress = [{"type": "data-progress", "id": "p", "data": {"done": n}} for n in range(1000)]
    _, growing, _ = grown(*progress)
    assert growing.bytes < 200
    pieces = [
        {"type": "tool-input-delta", "toolCallId": "t", "inputTextDelta": "x"} for _ in range(100)
    ]
    _, growing, _ = grown(TOOL, *pieces, CALLED)
    assert growing.bytes < 400
