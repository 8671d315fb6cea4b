"""Frames, encodings and characters."""

import gzip
import json
import zlib

import brotli

from tests.responders.model.streams.made import (
    END,
    HELLO,
    SPREAD,
    WORLD,
    Stream,
    around,
    say,
)

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
