"""How odd servers end a chat completion: what they write behind the text."""

import json
from typing import NamedTuple

from testbed.model_formats import DONE, event

_ERROR = {"error": {"message": "the engine died", "type": "server_error", "code": 500}}


class OddEnd(NamedTuple):
    """whole: whether that is an end, and no failure. cut: the connection breaks behind it."""

    said: bytes
    whole: bool = False
    cut: bool = False


ODD_ENDS = {
    "/split": OddEnd(event({"content": "漢"}).partition("漢".encode()[1:])[0], cut=True),
    "/error": OddEnd(b"data: " + json.dumps(_ERROR).encode() + b"\n\n"),
    "/abort": OddEnd(event(None, "abort") + DONE),
    "/done": OddEnd(event(None, "stop") + b"data:[done]\r\n\r\n", whole=True),
    "/gzip": OddEnd(event(None, "stop") + DONE, whole=True),
}
"""By the command that asks for them; `/gzip` is also how all of it comes, unasked."""
BREAKS = tuple(command for command, end in ODD_ENDS.items() if not end.whole)
