"""Streams as OpenAI-compatible servers really send them, with what must come out.

Each is a kind: the pieces that are written one after the other, and what a person is shown.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import brotli

EVENTS = "text/event-stream; charset=utf-8"
DONE = "data: [DONE]\n\n"


@dataclass(frozen=True)
class Stream:
    """text: what is shown, or with `begins` what that begins with; failure: a failure's reason.

    cut: the connection breaks after the last piece.
    """

    name: str
    pieces: Sequence[str | bytes]
    text: str = "Hello world"
    reasoning: str = ""
    failure: str | None = None
    finish: str = "stop"
    usage: tuple[int, int] | None = None
    cut: bool = False
    begins: bool = False
    content_type: str = EVENTS
    encoding: str | None = None
    compress: Callable[[bytes], bytes] | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def written(self) -> Iterator[bytes]:
        raw = [piece.encode() if isinstance(piece, str) else piece for piece in self.pieces]
        if self.compress is not None:
            raw = [self.compress(b"".join(raw))]
        yield from raw


def event(value: object) -> str:
    return f"data: {json.dumps(value)}\n\n"


def choice(delta: object = None, finish: object = None, **more: Any) -> dict[str, Any]:
    return {
        "index": 0,
        "delta": delta if delta is not None else {},
        "finish_reason": finish,
        **more,
    }


def chunk(*choices: object, **more: Any) -> str:
    envelope = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return event({**envelope, "choices": [*choices], **more})


def say(content: object, finish: object = None, **more: Any) -> str:
    return chunk(choice({"content": content}, finish), **more)


HELLO, WORLD = say("Hello"), say(" world")
STOP = chunk(choice(finish="stop"))
END = [STOP, DONE]
SPREAD = """data: {
data: "choices": [
data: {"delta": {"content": "Hello world"}}
data: ]}

"""
USAGE = {"prompt_tokens": 3, "completion_tokens": 2}


def around(*middle: str | bytes) -> list[str | bytes]:
    """An ordinary answer with something in its middle."""
    return [HELLO, *middle, WORLD, *END]


def after(*last: str | bytes) -> list[str | bytes]:
    """An ordinary answer with something behind its text."""
    return [HELLO, WORLD, STOP, *last, DONE]


BOOKKEEPING = [
    Stream(
        "choices null beside the usage",
        after(event({"choices": None, "usage": USAGE})),
        usage=(3, 2),
    ),
    Stream(
        "counts as floats",
        after(
            event(
                {
                    "choices": [],
                    "usage": {"prompt_tokens": 3.0, "completion_tokens": 2.0, "cost": 0.1},
                }
            )
        ),
        usage=(3, 2),
    ),
    Stream(
        "counts as texts",
        after(event({"choices": [], "usage": {"prompt_tokens": "3", "completion_tokens": "2"}})),
        usage=(3, 2),
    ),
    Stream(
        "details of the usage as a list",
        after(
            event(
                {
                    "choices": [],
                    "usage": {
                        **USAGE,
                        "completion_tokens_details": [],
                        "prompt_tokens_details": {"cached_tokens": None},
                    },
                }
            )
        ),
        usage=(3, 2),
    ),
    Stream("usage as a text", after(event({"choices": [], "usage": "none"}))),
    Stream("usage as a list", after(event({"choices": [], "usage": [1, 2]}))),
    Stream(
        "usage under other names",
        after(event({"choices": [], "usage": {"input_tokens": 3, "output_tokens": 2}})),
        usage=(3, 2),
    ),
    Stream(
        "usage inside the choice",
        [HELLO, WORLD, chunk(choice(finish="stop", usage=USAGE)), DONE],
        usage=(3, 2),
    ),
    Stream(
        "usage in a field of the provider's",
        [HELLO, WORLD, chunk(choice(finish="stop"), x_groq={"usage": USAGE}), DONE],
        usage=(3, 2),
    ),
    Stream(
        "usage with each chunk, of which the last counts",
        [
            say("Hello", usage={"prompt_tokens": 3, "completion_tokens": 1}),
            say(" world", usage=USAGE),
            *END,
        ],
        usage=(3, 2),
    ),
    Stream(
        "an empty usage with each chunk", [say("Hello", usage={}), say(" world", usage=None), *END]
    ),
    Stream(
        "a negative count",
        after(event({"choices": [], "usage": {"prompt_tokens": -1, "completion_tokens": 2}})),
        usage=(0, 2),
    ),
    Stream(
        "NaN beside the text",
        around('data: {"choices":[{"index":0,"delta":{"content":""},"logprobs":NaN}]}\n\n'),
    ),
    Stream("a number as id", [say("Hello", id=7, created="now", model=None), WORLD, *END]),
    Stream("no index", [event({"choices": [{"delta": {"content": "Hello world"}}]}), *END]),
    Stream(
        "an index of null",
        [event({"choices": [{"index": None, "delta": {"content": "Hello world"}}]}), *END],
    ),
    Stream(
        "an index as a text",
        [event({"choices": [{"index": "0", "delta": {"content": "Hello world"}}]}), *END],
    ),
    Stream(
        "a first chunk without choices",
        [event({"prompt_filter_results": [{}], "choices": []}), HELLO, WORLD, *END],
    ),
    Stream(
        "a chunk with no choices at all",
        around(event({"id": "x", "object": "chat.completion.chunk"})),
    ),
    Stream(
        "a delta of null",
        around(chunk(choice({"content": None})), event({"choices": [{"index": 0, "delta": None}]})),
    ),
    Stream(
        "a second choice, which nobody asked for",
        [
            event(
                {"choices": [choice({"content": "Hello"}), {"index": 1, "delta": {"content": "X"}}]}
            ),
            event(
                {"choices": [{"index": 1, "delta": {"content": "Y"}, "finish_reason": "length"}]}
            ),
            WORLD,
            *END,
        ],
    ),
    Stream(
        "the first choice second",
        [
            event(
                {
                    "choices": [
                        {"index": 1, "delta": {"content": "X"}},
                        choice({"content": "Hello world"}),
                    ]
                }
            ),
            *END,
        ],
    ),
    Stream(
        "choices as an object",
        [event({"choices": choice({"content": "Hello world"}, "stop")}), DONE],
    ),
    Stream(
        "odd fields in the delta",
        [
            chunk(choice({"content": "Hello", "role": 5, "tool_calls": "none", "audio": []})),
            WORLD,
            *END,
        ],
    ),
    Stream(
        "a finish reason that is an object",
        around(chunk(choice({"content": ""}, {"type": "stop"}))),
    ),
    Stream("a finish reason that is true", around(chunk(choice({}, True)))),
    Stream("a reason in capitals", [HELLO, WORLD, chunk(choice(finish="STOP")), DONE]),
    Stream("another word for stop", [HELLO, WORLD, chunk(choice(finish="end_turn")), DONE]),
    Stream(
        "another word for length",
        [HELLO, WORLD, chunk(choice(finish="MAX_TOKENS")), DONE],
        finish="length",
    ),
    Stream(
        "a content filter",
        [HELLO, WORLD, chunk(choice(finish="content_filter")), DONE],
        finish="content-filter",
    ),
    Stream(
        "a reason that nobody knows",
        [HELLO, WORLD, chunk(choice(finish="because")), DONE],
        finish="other",
    ),
    Stream("an empty error is none", [say("Hello", error={}), say(" world", error=""), *END]),
    Stream(
        "an error of nulls is none",
        [say("Hello", error={"code": None, "message": ""}), say(" world", error=[]), *END],
    ),
    Stream("an end without a reason", [HELLO, WORLD, DONE]),
    Stream("no [DONE] behind the reason", [HELLO, WORLD, STOP]),
    Stream("a reason beside the last text", [HELLO, say(" world", "stop"), DONE]),
    Stream(
        "stop on each chunk, and more comes", [say("Hello", "stop"), say(" world", "stop"), DONE]
    ),
    Stream("what comes after [DONE] is no part of it", [HELLO, WORLD, *END, say("MORE")]),
    Stream(
        "what comes after [DONE] in one piece is no part of it",
        ["".join([HELLO, WORLD, *END, say("MORE")])],
    ),
]
SIGNS_OF_LIFE = [
    Stream("null as a sign of life", around("data: null\n\n")),
    Stream("a comment", around(": keep-alive\n\n", ":\n\n")),
    Stream("data that is empty", around("data:\n\n", "data: \n\n")),
    Stream("data that is a word", around("data: ping\n\n")),
    Stream("data that is a text", around('data: ""\n\n', 'data: "ping"\n\n')),
    Stream("data that is a number", around("data: 0\n\n")),
    Stream("data that is an empty list", around("data: []\n\n")),
    Stream("data that is an empty object", around("data: {}\n\n")),
    Stream("an event of the type ping", around('event: ping\ndata: {"type": "ping"}\n\n')),
    Stream("a time to try again, and an id", around("retry: 1000\n\n", "id: 7\n" + say(""))),
    *(
        Stream(f"the end as {done!r}", [HELLO, WORLD, STOP, done])
        for done in (
            "data: [DONE] \n\n",
            "data:[DONE]\n\n",
            "data: [done]\n\n",
            'data: "[DONE]"\n\n',
            "data: DONE\n\n",
            "event: done\ndata: [DONE]\n\n",
            "data: [DONE]",
        )
    ),
    *(
        Stream(f"the end, and no reason, as {done!r}", [HELLO, WORLD, done])
        for done in (
            "event: done\ndata: {}\n\n",
            "event: end\ndata:\n\n",
            'data: {"done": true}\n\n',
            "data: [DONE]",
        )
    ),
]
SHAPES = [
    Stream(
        "content as a list of parts",
        [say([{"type": "text", "text": "Hello"}]), say([{"type": "text", "text": " world"}]), *END],
    ),
    Stream("content as a list of texts", [say(["Hello", " world"]), *END]),
    Stream("content as an object", [say({"type": "text", "text": "Hello world"}), *END]),
    Stream(
        "content with its value",
        [say([{"type": "text", "text": {"value": "Hello world", "annotations": []}}]), *END],
    ),
    Stream("parts of the other API", [say([{"type": "output_text", "text": "Hello world"}]), *END]),
    Stream(
        "content that is a number", [say("The answer is "), say(42), *END], text="The answer is 42"
    ),
    Stream("a delta that is a text", [chunk(choice("Hello")), chunk(choice(" world")), *END]),
    Stream(
        "text beside the delta",
        [event({"choices": [{"index": 0, "text": "Hello world", "finish_reason": None}]}), *END],
    ),
    Stream(
        "a refusal is what the model says",
        [chunk(choice({"refusal": "I cannot"})), *END],
        text="I cannot",
    ),
    Stream(
        "a refusal as a part",
        [say([{"type": "refusal", "refusal": "I cannot"}]), *END],
        text="I cannot",
    ),
    Stream(
        "an empty list beside a refusal",
        [chunk(choice({"content": [], "refusal": "I cannot"})), *END],
        text="I cannot",
    ),
    Stream(
        "thinking as a part",
        [
            say([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]),
            HELLO,
            WORLD,
            *END,
        ],
        reasoning="hm",
    ),
    Stream(
        "thinking and text in one list",
        [
            say([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hello world"}]),
            *END,
        ],
        reasoning="hm",
    ),
    *(
        Stream(
            f"reasoning as {json.dumps(delta)}",
            [chunk(choice(delta)), HELLO, WORLD, *END],
            reasoning="hm",
        )
        for delta in (
            {"reasoning_content": "hm"},
            {"reasoning": "hm", "content": None},
            {"reasoning_content": "hm", "reasoning": "hm", "content": ""},
            {"reasoning": {"content": "hm"}},
            {"reasoning": {"text": "hm"}},
            {"reasoning_content": [{"type": "text", "text": "hm"}]},
            {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
            {"reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]},
            {
                "reasoning_details": [
                    {"type": "reasoning.encrypted", "data": "x"},
                    {"type": "reasoning.text", "text": "hm"},
                ]
            },
            {"thinking": "hm"},
            {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "x"}]},
            {
                "reasoning_content": "hm",
                "thinking_blocks": [{"type": "thinking", "thinking": "hm"}],
            },
            {"thought": "hm"},
        )
    ),
    Stream(
        "reasoning and text in one delta",
        [chunk(choice({"reasoning": "hm", "content": "Hello world"})), *END],
        reasoning="hm",
    ),
    Stream(
        "an object in place of reasoning",
        [chunk(choice({"reasoning": {}, "content": "Hello world"})), *END],
    ),
    Stream(
        "a whole completion",
        [
            json.dumps(
                {
                    "object": "chat.completion",
                    "choices": [{"message": {"content": "Hello world"}, "finish_reason": "stop"}],
                    "usage": USAGE,
                }
            )
        ],
        usage=(3, 2),
    ),
    Stream(
        "a whole completion as JSON",
        [
            json.dumps(
                {
                    "choices": [
                        {
                            "index": 0,
                            "message": {"role": "assistant", "content": "Hello world"},
                            "finish_reason": "length",
                        }
                    ]
                },
                indent=2,
            )
        ],
        content_type="application/json",
        finish="length",
    ),
    Stream(
        "a whole completion with no reason",
        [json.dumps({"choices": [{"message": {"content": "Hello world"}}]})],
        content_type="application/json",
    ),
    Stream(
        "a whole completion as one event",
        [
            event({"choices": [{"message": {"content": "Hello world"}, "finish_reason": "stop"}]}),
            DONE,
        ],
    ),
    Stream(
        "a whole completion with its reasoning",
        [
            json.dumps(
                {
                    "choices": [
                        {
                            "message": {"content": "Hello world", "reasoning_content": "hm"},
                            "finish_reason": "stop",
                        }
                    ]
                }
            )
        ],
        reasoning="hm",
    ),
    Stream(
        "a whole completion in pieces",
        list(
            json.dumps(
                {"choices": [{"message": {"content": "Hello world"}, "finish_reason": "stop"}]}
            )
        ),
    ),
    Stream(
        "objects in lines, and no events",
        [
            json.dumps({"choices": [choice({"content": text})]}) + "\n"
            for text in ("Hello", " world")
        ]
        + [json.dumps({"choices": [choice(finish="stop")]}) + "\n"],
        content_type="application/x-ndjson",
    ),
]
TAGS = [
    Stream(
        "tags in pieces",
        [say("<think>"), say("hm"), say("</think>"), say("\n\nHello"), WORLD, *END],
        reasoning="hm",
    ),
    Stream(
        "tags in one piece", [say("<think>\nhm\n</think>\n\nHello world"), *END], reasoning="hm"
    ),
    Stream(
        "tags cut anywhere",
        [*(say(letter) for letter in "\n<think>\nhm, hm\n</think>\n\nHello world"), *END],
        reasoning="hm, hm",
    ),
    Stream("tags with nothing between", [say("<think>\n\n</think>\n\n"), HELLO, WORLD, *END]),
    Stream("another tag", [say("<thinking>hm</thinking>Hello world"), *END], reasoning="hm"),
    Stream(
        "a tag in the middle is text",
        [say("Hello <think>world</think>"), *END],
        text="Hello <think>world</think>",
    ),
    Stream("what only looks like a tag", [say("<th"), say("ing>"), *END], text="<thing>"),
    Stream("what might have become a tag", [say("<thin"), *END], text="<thin"),
    Stream("a smaller-than sign", [say("<"), say(" 3"), *END], text="< 3"),
    Stream(
        "white space before the text",
        [say("\n\n"), say("Hello world"), *END],
        text="\n\nHello world",
    ),
    Stream(
        "a closing tag that is none",
        [say("<think>a </thin b</think>Hello world"), *END],
        reasoning="a </thin b",
    ),
    Stream(
        "a tag within the reasoning",
        [say("<think>a <think> b</think>Hello world"), *END],
        reasoning="a <think> b",
    ),
    Stream(
        "reasoning that does not end",
        [say("<think>hm"), *END],
        text="",
        reasoning="hm",
        failure="empty",
    ),
    Stream(
        "reasoning cut off",
        [say("<think>hm</thi")],
        cut=True,
        text="",
        reasoning="hm</thi",
        failure="broken_off",
    ),
]
FRAMES = [
    Stream("a byte order mark", ["\ufeff" + HELLO, WORLD, *END]),
    Stream(
        "a byte order mark cut in two", [b"\xef", b"\xbb", b"\xbf" + HELLO.encode(), WORLD, *END]
    ),
    Stream("a media type in capitals", around(), content_type="Text/Event-Stream"),
    Stream("events under another media type", around(), content_type="application/octet-stream"),
    Stream("events as plain text", around(), content_type="text/plain"),
    Stream("events called JSON", around(), content_type="application/json"),
    Stream("events called HTML", around(), content_type="text/html"),
    Stream(
        "no blank after the colon",
        [piece.replace("data: ", "data:") for piece in (HELLO, WORLD, *END)],
    ),
    Stream("blanks before the field", [f"  {piece}" for piece in (HELLO, WORLD, *END)]),
    *(
        Stream(
            f"lines that end in {end!r}",
            [piece.replace("\n", end) for piece in (HELLO, WORLD, *END)],
        )
        for end in ("\r", "\r\n")
    ),
    Stream(
        "line ends cut in two",
        [letter for piece in (HELLO, WORLD, *END) for letter in piece.replace("\n", "\r\n")],
    ),
    Stream("one line end between events", [piece[:-1] for piece in (HELLO, WORLD, *END)]),
    Stream("three line ends between events", [piece + "\n" for piece in (HELLO, WORLD, *END)]),
    Stream("all events in one piece", ["".join([HELLO, WORLD, *END])]),
    Stream("the last event without its blank line", [HELLO, say(" world", "stop").rstrip()]),
    Stream("the last line without its end", [HELLO, say(" world", "stop")[:-1]]),
    Stream(
        "an event in more lines",
        [
            SPREAD,
            *END,
        ],
    ),
    Stream(
        "an event of the type message",
        [f"event: message\n{piece}" for piece in (HELLO, WORLD, *END)],
    ),
    Stream(
        "fields around the data", [f"id: 1\nretry: 5\n{piece}" for piece in (HELLO, WORLD, *END)]
    ),
    Stream("braces in the text", [say("{ [ "), say("]} {"), *END], text="{ [ ]} {"),
    Stream("line ends in the text", [say("a\nb\r\nc\u2028d"), *END], text="a\nb\r\nc\u2028d"),
    Stream(
        "a raw control character",
        ['data: {"choices":[{"delta":{"content":"a\tb"}}]}\n\n', *END],
        text="a\tb",
    ),
    Stream("gzip", around(), encoding="gzip", compress=gzip.compress),
    Stream("gzip that is not told", around(), compress=gzip.compress),
    Stream("gzip by its old name", around(), encoding="x-gzip", compress=gzip.compress),
    Stream("gzip that is none", around(), encoding="gzip"),
    Stream("deflate", around(), encoding="deflate", compress=zlib.compress),
    Stream(
        "bare deflate",
        around(),
        encoding="deflate",
        compress=lambda raw: zlib.compress(raw, wbits=-15),
    ),
    Stream("deflate that is none", around(), encoding="deflate"),
    Stream("br", around(), encoding="br", compress=brotli.compress),
    Stream("br that is none", around(), encoding="br"),
    Stream(
        "a whole completion in gzip",
        [json.dumps({"choices": [{"message": {"content": "Hello world"}}]})],
        encoding="gzip",
        compress=gzip.compress,
    ),
]
CHARACTERS = [
    Stream(
        "half a character in one event, half in the next",
        [
            HELLO,
            b'data: {"choices":[{"delta":{"content":" \xf0\x9f"}}]}\n\n',
            b'data: {"choices":[{"delta":{"content":"\x98\x80"}}]}\n\n',
            *END,
        ],
        text="Hello 😀",
    ),
    Stream(
        "half a character in one read, half in the next",
        [say("Hello 😀").encode()[:-80], say("Hello 😀").encode()[-80:], *END],
        text="Hello 😀",
    ),
    Stream(
        "half a character, and then another",
        [HELLO, b'data: {"choices":[{"delta":{"content":" \xf0\x9f"}}]}\n\n', WORLD, *END],
        text="Hello \ufffd world",
    ),
    Stream(
        "half a character at the end",
        [HELLO, WORLD, b'data: {"choices":[{"delta":{"content":"\xf0\x9f"}}]}\n\n', *END],
        text="Hello world\ufffd",
    ),
    Stream(
        "a character as escapes in two events",
        [
            'data: {"choices":[{"delta":{"content":"Hi \\ud83d"}}]}\n\n',
            'data: {"choices":[{"delta":{"content":"\\ude00 there"}}]}\n\n',
            *END,
        ],
        text="Hi 😀 there",
    ),
    Stream(
        "half an escape at the end",
        ['data: {"choices":[{"delta":{"content":"Hi\\ud83d"}}]}\n\n', *END],
        text="Hi\ufffd",
    ),
    Stream(
        "half an escape of reasoning",
        ['data: {"choices":[{"delta":{"reasoning":"hm\\ud83d"}}]}\n\n', HELLO, WORLD, *END],
        reasoning="hm\ufffd",
    ),
    Stream(
        "a byte that is no character",
        [HELLO, b'data: {"choices":[{"delta":{"content":" \xff!"}}]}\n\n', *END],
        text="Hello \ufffd!",
    ),
    Stream(
        "text before half a character in one read",
        [HELLO.encode() + b'data: {"choices":[{"delta":{"content":" \xf0\x9f"}}]}\n\n', *END],
        text="Hello \ufffd",
    ),
]
SO_FAR = say("So far")
FAILURES = [
    *(
        Stream(
            f"the reason {reason}",
            [SO_FAR, chunk(choice(finish=reason)), DONE],
            text="So far",
            failure="provider_error",
        )
        for reason in (
            "abort",
            "ABORTED",
            "error",
            "network_error",
            "cancelled",
            "timeout",
            "insufficient_system_resource",
            "engine_overloaded",
            "MALFORMED_FUNCTION_CALL",
            "server_error",
            "failed",
        )
    ),
    Stream(
        "the reason in the delta",
        [SO_FAR, chunk(choice({"finish_reason": "error"})), DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "the reason beside the choices",
        [SO_FAR, event({"choices": [], "finish_reason": "error"}), DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "the reason of the provider behind",
        [SO_FAR, chunk(choice(finish="stop", native_finish_reason="error")), DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "the reason beside the last text",
        [say("So far", "abort"), DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "an error in the choice",
        [SO_FAR, chunk(choice({"content": ""}, "error", error={"code": 502})), DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "an error in the delta",
        [SO_FAR, chunk(choice({"error": {"code": 502}})), DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "an error beside the text",
        [SO_FAR, say("!", error={"code": 502, "message": "gone"}), DONE],
        text="So far!",
        failure="provider_error",
    ),
    Stream(
        "an error that is a text",
        [SO_FAR, event({"error": "engine died"}), DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "an error that is true",
        [SO_FAR, event({"error": True, "message": "engine died"}), DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "an error in a list",
        [SO_FAR, event([{"error": {"code": 503}}]), DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "errors",
        [SO_FAR, event({"errors": [{"message": "engine died"}]}), DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "an error of the type error",
        [SO_FAR, event({"type": "error", "message": "engine died"}), DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "an object that is an error",
        [SO_FAR, event({"object": "error", "message": "engine died", "code": 500}), DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "an error event",
        [SO_FAR, 'event: error\ndata: {"message":"engine died","code":500}\n\n', DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "an error event that is a word",
        [SO_FAR, "event: error\ndata: engine died\n\n", DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "a bare message",
        [SO_FAR, event({"message": "engine died"}), DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "a detail",
        [SO_FAR, event({"detail": "Internal Server Error"}), DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "a status of another kind",
        [SO_FAR, event({"base_resp": {"status_code": 1004, "status_msg": "no"}}), DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "a bare object between events",
        [SO_FAR, '{"error": {"code": 500}}\n\n', DONE],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "a bare object at the end",
        [SO_FAR, '{"error": {"code": 500}}'],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "an error in one read with the text",
        [SO_FAR + event({"error": {"code": 502}})],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "an error in place of a stream",
        [json.dumps({"error": {"code": 500, "message": "no"}})],
        text="",
        failure="provider_error",
        content_type="application/json",
    ),
    Stream(
        "an error of another shape in place of a stream",
        [json.dumps({"detail": [{"loc": ["body", "x"], "msg": "no"}]})],
        text="",
        failure="provider_error",
        content_type="application/json",
    ),
    Stream(
        "HTML in place of a stream",
        ["<!doctype html><title>Login</title>"],
        text="",
        failure="not_sse",
        content_type="text/html",
    ),
    Stream("HTML called events", ["\n<html>hello</html>"], text="", failure="not_sse"),
    Stream(
        "words in place of a stream",
        ["Service temporarily overloaded\n"],
        text="",
        failure="not_sse",
        content_type="text/plain",
    ),
    Stream("an empty body", [], text="", failure="not_sse"),
    Stream(
        "an empty reason, and then a cut",
        [say("So far", "")],
        text="So far",
        cut=True,
        failure="broken_off",
    ),
    Stream(
        "an empty reason, and then the end",
        [say("So far", "")],
        text="So far",
        failure="broken_off",
    ),
    Stream("a cut without a reason", [SO_FAR], text="So far", cut=True, failure="broken_off"),
    Stream("the end of the body without a reason", [SO_FAR], text="So far", failure="broken_off"),
    Stream(
        "a cut in an event",
        [SO_FAR, say("lost")[:-30]],
        text="So far",
        cut=True,
        failure="broken_off",
    ),
    Stream(
        "the end of the body in an event",
        [SO_FAR, say("lost")[:-30]],
        text="So far",
        failure="broken_off",
    ),
    Stream(
        "a cut after a stop that was on every chunk",
        [say("So", "stop"), say(" far", "stop")],
        text="So far",
        cut=True,
        failure="broken_off",
    ),
    Stream(
        "a cut after a whole line",
        [SO_FAR, say("!")[:-2]],
        text="So far!",
        cut=True,
        failure="broken_off",
    ),
    Stream(
        "half an object in the middle",
        [SO_FAR, 'data: {"choices":[{"delta":{"con\n\n', WORLD, *END],
        text="So far",
        failure="malformed",
    ),
    Stream(
        "an end without a word",
        [chunk(choice({"role": "assistant"})), *END],
        text="",
        failure="empty",
    ),
    Stream("an end at once", [DONE], text="", failure="empty"),
    Stream("white space alone", [say(" \n"), *END], text=" \n", failure="empty"),
    Stream(
        "reasoning alone",
        [chunk(choice({"reasoning": "hm"})), *END],
        text="",
        reasoning="hm",
        failure="empty",
    ),
    Stream(
        "tools that nobody offered",
        [
            chunk(
                choice({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]})
            ),
            chunk(choice(finish="tool_calls")),
            DONE,
        ],
        text="",
        failure="empty",
    ),
    Stream(
        "withheld by a filter",
        [chunk(choice(finish="content_filter")), DONE],
        text="",
        failure="empty",
    ),
    Stream(
        "a whole completion without a word",
        [json.dumps({"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]})],
        text="",
        failure="empty",
    ),
    Stream(
        "a whole completion that gave up",
        [json.dumps({"choices": [{"message": {"content": "So far"}, "finish_reason": "abort"}]})],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "half of a whole completion",
        [json.dumps({"choices": [{"message": {"content": "So far"}}]})[:-9]],
        text="",
        failure="broken_off",
        content_type="application/json",
    ),
]
STREAMS = [*BOOKKEEPING, *SIGNS_OF_LIFE, *SHAPES, *TAGS, *FRAMES, *CHARACTERS, *FAILURES]
