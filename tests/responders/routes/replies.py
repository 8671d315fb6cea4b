"""Replies of routes, with the expected results: each supported format, complete, cut and odd."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from proxy_server.protocol.events import Piece

EVENTS = "text/event-stream"
TEXT = "text/plain; charset=utf-8"
DONE = "data: [DONE]\n\n"
LONG = "a sentence " * 100
NEUTRAL = "Something went wrong while the answer was being written. Try again."


@dataclass(frozen=True)
class Reply:
    """A reply and its expected result.

    pieces: written one after another.
    cut: whether the connection breaks after the last.
    """

    name: str
    pieces: Sequence[str | bytes]
    text: str = "Hello world"
    reasoning: str = ""
    finish: str = "stop"
    failure: str | None = None
    sentence: str | None = None
    usage: tuple[int, int, int, int] | None = None
    others: Sequence[Piece] = ()
    cut: bool = False
    content_type: str | None = EVENTS
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def chunk(kind: str, **fields: object) -> str:
    return f"data: {json.dumps({'type': kind, **fields})}\n\n"


def delta(text: str, kind: str = "text") -> str:
    return chunk(f"{kind}-delta", id="1", delta=text)


START = chunk("start", messageId="theirs") + chunk("start-step") + chunk("text-start", id="1")
HELLO, WORLD = delta("Hello"), delta(" world")
END = chunk("text-end", id="1") + chunk("finish-step")
FINISH = chunk("finish", finishReason="stop")
SOURCE = {"type": "source-url", "sourceId": "1", "url": "https://a.example", "title": "A"}
USAGE = {
    "inputTokens": 12,
    "outputTokens": 7,
    "inputTokenDetails": {"cacheReadTokens": 5},
    "outputTokenDetails": {"reasoningTokens": 2},
}


def chat(text: str | None = None, finish: str | None = None) -> str:
    content = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": content, "finish_reason": finish}
    return f"data: {json.dumps({'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"


CHUNKS = [
    Reply("the AI SDK's stream", [START, HELLO, WORLD, END, FINISH, DONE]),
    Reply("all of it in one piece", [START + HELLO + WORLD + END + FINISH + DONE]),
    Reply("byte by byte", [bytes([byte]) for byte in (HELLO + WORLD + FINISH).encode()]),
    Reply("without a finish", [START, HELLO, WORLD, END, DONE]),
    Reply("without [DONE]", [START, HELLO, WORLD, END, FINISH]),
    Reply("cut behind the finish", [HELLO, WORLD, FINISH], cut=True),
    Reply("nothing but text", [HELLO, WORLD, DONE]),
    Reply(
        "many texts in one piece",
        [HELLO, delta(" ") * 1000, WORLD + DONE],
        "Hello" + " " * 1001 + "world",
    ),
    Reply("signs of life", [": ping\n\n", HELLO, ": ping\n\n", WORLD, FINISH]),
    Reply(
        "a reason of its own",
        [HELLO, WORLD, chunk("finish", finishReason="length")],
        finish="length",
    ),
    Reply("a finish without a reason", [HELLO, WORLD, chunk("finish")]),
    Reply("text behind a finish", [HELLO, FINISH, WORLD, FINISH, DONE]),
    Reply(
        "text behind a finish, then a cut", [HELLO, FINISH, WORLD], cut=True, failure="broken_off"
    ),
    Reply(
        "reasoning",
        [delta("Let me ", "reasoning"), delta("think.", "reasoning"), HELLO, WORLD, FINISH],
        reasoning="Let me think.",
    ),
    Reply("tags are text", [delta("<think>no</think>"), FINISH], "<think>no</think>"),
    Reply("half a character twice", [delta("\ud83d"), delta("\ude00"), FINISH], "\U0001f600"),
    Reply("half a character before an end", [delta("Hi\ud83d"), END, FINISH], "Hi\ufffd"),
    Reply("half a character at the end", [delta("Hi\ud83d"), FINISH], "Hi\ufffd"),
    Reply(
        "bytes that are no UTF-8",
        [
            b'data: {"type":"text-delta","id":"1","delta":"\xf0\x9f"}\n\n',
            b'data: {"type":"text-delta","id":"1","delta":"\x98\x80"}\n\n',
            FINISH,
        ],
        "\U0001f600",
    ),
    Reply(
        "a source",
        [HELLO, f"data: {json.dumps(SOURCE)}\n\n", WORLD, FINISH],
        others=[Piece(SOURCE)],
    ),
    Reply(
        "half a character in another chunk",
        [
            HELLO,
            WORLD,
            chunk("source-url", sourceId="1", url="https://a.example", title="\ud83d"),
            FINISH,
        ],
        others=[Piece({**SOURCE, "title": "\ufffd"})],
    ),
    Reply(
        "a source alone", [f"data: {json.dumps(SOURCE)}\n\n", FINISH], "", others=[Piece(SOURCE)]
    ),
    Reply(
        "usage in the metadata",
        [
            HELLO,
            WORLD,
            chunk("finish", finishReason="stop", messageMetadata={"usage": USAGE, "mine": 1}),
        ],
        usage=(12, 7, 2, 5),
    ),
    Reply(
        "odd usage",
        [HELLO, WORLD, chunk("finish", messageMetadata={"usage": {"inputTokens": "many"}})],
    ),
    Reply("odd metadata", [HELLO, WORLD, chunk("finish", messageMetadata=[1])]),
]
CHAT = [
    Reply("a chat completion", [chat("Hello"), chat(" world"), chat(finish="stop"), DONE]),
    Reply(
        "reasoning in tags",
        [chat("<think>hm</think>"), chat("Hello world", "stop"), DONE],
        reasoning="hm",
    ),
    Reply("a chat completion, cut", [chat("Hello")], "Hello", cut=True, failure="broken_off"),
    Reply(
        "a whole completion as JSON",
        [
            json.dumps(
                {"choices": [{"message": {"content": "Hello world"}, "finish_reason": "stop"}]}
            )
        ],
        content_type="application/json",
    ),
]
PLAIN = [
    Reply("plain text", ["Hello", " world"], content_type=TEXT),
    Reply("Markdown", ["Hello", " world"], content_type="text/markdown"),
    Reply("what looks like events", [HELLO], HELLO, content_type=TEXT),
    Reply("characters cut by pieces", [b"gr\xc3", b"\xbc\xc3\x9fe"], "grüße", content_type=TEXT),
    Reply(
        "another charset",
        ["grüße".encode("latin-1")],
        "grüße",
        content_type="text/plain; charset=ISO-8859-1",
    ),
    Reply(
        "a charset that there is not",
        ["grüße"],
        "grüße",
        content_type="text/plain; charset=nothing",
    ),
    Reply(
        "a charset that is no text's", ["grüße"], "grüße", content_type="text/plain; charset=hex"
    ),
    Reply("half a character at the end", [b"Hello\xc3"], "Hello\ufffd", content_type=TEXT),
    Reply("plain text, cut", ["Hello"], "Hello", cut=True, content_type=TEXT, failure="broken_off"),
    Reply("no text", [" "], " ", content_type=TEXT, failure="empty"),
    Reply("nothing", [], "", content_type=TEXT, failure="empty"),
]
FAILURES = [
    Reply("cut", [START, HELLO], "Hello", cut=True, failure="broken_off"),
    Reply("an end that was not said", [START, HELLO], "Hello", failure="broken_off"),
    Reply(
        "half a chunk",
        [START, HELLO, 'data: {"type":"text-de'],
        "Hello",
        cut=True,
        failure="broken_off",
    ),
    Reply("no text in it", [START, FINISH, DONE], "", failure="empty"),
    Reply(
        "a sentence of the route's own",
        [HELLO, chunk("error", errorText="The shop  is closed."), FINISH],
        "Hello",
        failure="responder",
        sentence="The shop is closed.",
    ),
    Reply(
        "a long one",
        [HELLO, chunk("error", errorText=LONG)],
        "Hello",
        failure="responder",
        sentence=LONG[:499] + "…",
    ),
    Reply("an error without a sentence", [HELLO, chunk("error")], "Hello", failure="responder"),
    Reply("an abort", [HELLO, chunk("abort"), DONE], "Hello", failure="broken_off"),
    Reply(
        "the reason error",
        [HELLO, chunk("finish", finishReason="error")],
        "Hello",
        failure="provider_error",
    ),
    Reply("a garbled chunk", [HELLO, "data: {no}\n\n", FINISH], "Hello", failure="malformed"),
    Reply(
        "a chunk beyond all measure",
        [HELLO, "data: {" + "x" * (9 << 20)],
        "Hello",
        failure="malformed",
    ),
    Reply("a page", ["<html>"], "", content_type="text/html", failure="not_sse"),
    Reply("a page that calls itself events", ["<html>"], "", failure="not_sse"),
    Reply("a picture", ["x"], "", content_type="image/png", failure="not_sse"),
    Reply(
        "the AI SDK's old stream",
        ['0:"Hello"\n'],
        "",
        content_type=TEXT,
        headers={"x-vercel-ai-data-stream": "v1"},
        failure="not_sse",
    ),
    Reply(
        "a refusal",
        ["no"],
        "",
        status=401,
        content_type=TEXT,
        failure="status_401",
        sentence=NEUTRAL,
    ),
    Reply(
        "a crash", ["no"], "", status=500, content_type=TEXT, failure="status_500", sentence=NEUTRAL
    ),
    Reply(
        "too long",
        ["no"],
        "",
        status=413,
        failure="status_413",
        sentence="This conversation is too long for the model. Begin a new one.",
    ),
    Reply(
        "no time now",
        ["no"],
        "",
        status=503,
        headers={"Retry-After": "7"},
        failure="status_503",
        sentence="No answer can be given at the moment. Try again in 7 seconds.",
    ),
]
REPLIES = [*CHUNKS, *CHAT, *PLAIN, *FAILURES]
