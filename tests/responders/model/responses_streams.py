"""Streams of the Responses API as servers send them, with the expected results."""

import gzip
import json
from dataclasses import dataclass, field
from typing import Any

from tests.responders.model.streams import EVENTS, Stream

DONE = "data: [DONE]\n\n"
USAGE = {
    "input_tokens": 3,
    "output_tokens": 2,
    "input_tokens_details": {"cached_tokens": 1},
    "output_tokens_details": {"reasoning_tokens": 1},
}
PAGE = {"type": "url_citation", "url": "https://example.com/a", "title": "A", "start_index": 0}


@dataclass(frozen=True)
class Answer(Stream):
    """sources: the addresses that are cited."""

    sources: tuple[str, ...] = field(default=())


def event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"


def bare(kind: str, **fields: Any) -> str:
    """Without a line for the type, as some servers send it."""
    return f"data: {json.dumps({'type': kind, **fields})}\n\n"


def say(text: object, kind: str = "response.output_text.delta") -> str:
    more = {"item_id": "m1", "output_index": 0, "content_index": 0, "logprobs": []}
    return event(kind, delta=text, sequence_number=4, **more)


def think(text: str, kind: str = "response.reasoning_summary_text.delta") -> str:
    return say(text, kind)


def response(status: str = "completed", **fields: Any) -> dict[str, Any]:
    return {"id": "r1", "object": "response", "status": status, "output": [], **fields}


def end(status: str = "completed", **fields: Any) -> str:
    return event(f"response.{status}", response=response(status, **fields))


def message(text: str, **part: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, **part}]
    return {"type": "message", "role": "assistant", "content": content}


def cite(annotation: object) -> str:
    return event("response.output_text.annotation.added", annotation=annotation)


BEGIN = event("response.created", response=response("in_progress", error=None)) + event(
    "response.in_progress", response=response("in_progress")
)
HELLO, WORLD, END = say("Hello"), say(" world"), end()
SPOKEN = [BEGIN, HELLO, WORLD]
FAILED = "provider_error"
THOUGHT = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
ADDED = event("response.output_item.added", item={"type": "message", "content": []})
SECOND_SUMMARY = event("response.reasoning_summary_part.added", summary_index=1)
WHOLE = json.dumps(response(output=[THOUGHT, message("Hello world")], usage=USAGE))

STREAMS = [
    Answer("plain", [*SPOKEN, END]),
    Answer("in-one-read", ["".join([*SPOKEN, END])]),
    Answer("usage", [*SPOKEN, end(usage=USAGE)], usage=(3, 2)),
    Answer("usage-odd", [*SPOKEN, end(usage=[1])]),
    Answer(
        "usage-floats",
        [*SPOKEN, end(usage={"input_tokens": 3.0, "output_tokens": "2"})],
        usage=(3, 2),
    ),
    Answer(
        "without-event-lines",
        [
            bare("response.output_text.delta", delta="Hello world"),
            bare("response.completed", response=response()),
        ],
    ),
    Answer(
        "type-in-event-line-alone",
        ['event: response.output_text.delta\ndata: {"delta":"Hello world"}\n\n', END],
    ),
    Answer("done-behind", [*SPOKEN, END, DONE]),
    Answer("done-alone", [*SPOKEN, DONE]),
    Answer("after-the-end", [*SPOKEN, END, say("MORE")]),
    Answer("crlf", [piece.replace("\n", "\r\n") for piece in [*SPOKEN, END]]),
    Answer("cr", [piece.replace("\n", "\r") for piece in [*SPOKEN, END]]),
    Answer("one-line-end", [piece.replace("\n\n", "\n") for piece in [*SPOKEN, END]]),
    Answer("byte-order-mark", ["\ufeff" + BEGIN, HELLO, WORLD, END]),
    Answer("last-event-unended", [*SPOKEN, END.rstrip("\n")]),
    Answer("gzip", [*SPOKEN, END], encoding="gzip", compress=gzip.compress),
    Answer("other-media-type", [*SPOKEN, END], content_type="application/octet-stream"),
    Answer("whole", [WHOLE], content_type="application/json", reasoning="hm", usage=(3, 2)),
    Answer("whole-as-events", [WHOLE], content_type=EVENTS, reasoning="hm", usage=(3, 2)),
    Answer("said-at-the-end-alone", [BEGIN, end(output=[message("Hello world")])]),
    Answer(
        "said-twice",
        [
            *SPOKEN,
            event("response.output_text.done", text="Hello world"),
            end(output=[message("Hello world")]),
        ],
    ),
    Answer("refusal", [BEGIN, say("I cannot", "response.refusal.delta"), END], text="I cannot"),
    Answer("summary", [BEGIN, think("h"), think("m"), *SPOKEN, END], reasoning="hm"),
    Answer(
        "two-summaries", [think("a"), SECOND_SUMMARY, think("b"), *SPOKEN, END], reasoning="a\n\nb"
    ),
    Answer(
        "reasoning-text",
        [think("hm", "response.reasoning_text.delta"), *SPOKEN, END],
        reasoning="hm",
    ),
    Answer("think-tags", [say("<th"), say("ink>hm</think>\n\nHello"), WORLD, END], reasoning="hm"),
    Answer("two-messages", [ADDED, HELLO, ADDED, say("world"), END], text="Hello\n\nworld"),
    Answer("delta-as-object", [say({"text": "Hello"}), WORLD, END]),
    Answer("delta-null", [say(None), HELLO, WORLD, END]),
    Answer("delta-empty", [say(""), HELLO, WORLD, END]),
    Answer("sign-of-life", [HELLO, ": keep-alive\n\n", "data: null\n\n", bare("ping"), WORLD, END]),
    Answer("unknown-events", [event("response.web_search_call.searching"), *SPOKEN, END]),
    Answer(
        "surrogates-split",
        [
            'data: {"type":"response.output_text.delta","delta":"\\ud83d"}\n\n',
            'data: {"type":"response.output_text.delta","delta":"\\ude00"}\n\n',
            END,
        ],
        text="😀",
    ),
    Answer("source", [*SPOKEN, cite(PAGE), END], sources=("https://example.com/a",)),
    Answer(
        "source-twice",
        [*SPOKEN, cite(PAGE), cite(PAGE), end(output=[message("Hello world", annotations=[PAGE])])],
        sources=("https://example.com/a",),
    ),
    Answer(
        "source-at-the-end",
        [*SPOKEN, end(output=[message("x", annotations=[PAGE])])],
        sources=("https://example.com/a",),
    ),
    Answer(
        "source-odd", [HELLO, cite(None), cite({"url": 3}), cite({"url": "http://[a"}), WORLD, END]
    ),
    Answer("source-that-runs", [*SPOKEN, cite({**PAGE, "url": "javascript:alert(1)"}), END]),
    Answer(
        "length",
        [*SPOKEN, end("incomplete", incomplete_details={"reason": "max_output_tokens"})],
        finish="length",
    ),
    Answer(
        "filtered",
        [*SPOKEN, end("incomplete", incomplete_details={"reason": "content_filter"})],
        finish="content-filter",
    ),
    Answer(
        "incomplete-for-no-reason",
        [*SPOKEN, end("incomplete", incomplete_details=None)],
        finish="other",
    ),
    Answer(
        "incomplete-in-completed",
        [
            *SPOKEN,
            event(
                "response.completed",
                response=response("incomplete", incomplete_details={"reason": "max_output_tokens"}),
            ),
        ],
        finish="length",
    ),
    Answer("failed", [*SPOKEN, end("failed", error={"code": "server_error"})], failure=FAILED),
    Answer(
        "failed-in-completed",
        [*SPOKEN, event("response.completed", response=response("failed"))],
        failure=FAILED,
    ),
    Answer("error-in-completed", [*SPOKEN, end(error={"code": "server_error"})], failure=FAILED),
    Answer("cancelled", [*SPOKEN, end("cancelled")], failure=FAILED),
    Answer(
        "failed-with-usage", [*SPOKEN, end("failed", usage=USAGE)], failure=FAILED, usage=(3, 2)
    ),
    Answer(
        "error", [*SPOKEN, event("error", code="rate_limit_exceeded", message="x")], failure=FAILED
    ),
    Answer("error-inside", [*SPOKEN, bare("error", error={"code": 500})], failure=FAILED),
    Answer("error-untyped", [*SPOKEN, 'data: {"error":{"message":"x"}}\n\n'], failure=FAILED),
    Answer(
        "error-by-its-line", [*SPOKEN, 'event: error\ndata: {"message":"x"}\n\n'], failure=FAILED
    ),
    Answer("error-beside-text", ["".join([*SPOKEN, event("error", code="x")])], failure=FAILED),
    Answer(
        "error-empty", [HELLO, bare("response.output_text.delta", delta=" world", error={}), END]
    ),
    Answer("cut", SPOKEN, failure="broken_off", cut=True),
    Answer("cut-cleanly", SPOKEN, failure="broken_off"),
    Answer("cut-in-an-event", [*SPOKEN, END[:40]], failure="broken_off", cut=True),
    Answer("empty", [BEGIN, END], text="", failure="empty"),
    Answer("reasoning-alone", [think("hm"), END], text="", reasoning="hm", failure="empty"),
    Answer(
        "still-running", [*SPOKEN, event("response.completed", response=response("in_progress"))]
    ),
    Answer("html", ["<html></html>"], content_type="text/html", text="", failure="not_sse"),
]
