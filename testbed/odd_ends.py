"""How odd servers end a chat completion: what they write after the text."""

import json
from typing import NamedTuple

from testbed.model_formats import DONE, event

_ERROR = {"error": {"message": "the engine died", "type": "server_error", "code": 500}}


class OddEnd(NamedTuple):
    """What an odd server writes after the text.

    whole: whether this is a valid end rather than a failure.
    cut: whether the connection breaks after it.
    """

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
"""By command; `/gzip` also compresses the whole body, unrequested."""
BREAKS = tuple(command for command, end in ODD_ENDS.items() if not end.whole)
