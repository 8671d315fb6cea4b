"""What a responder says of an answer, in terms of no provider."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from proxy_server.protocol.messages import Usage

FinishReason = Literal["stop", "length", "content-filter", "tool-calls", "error", "other"]


class Text(NamedTuple):
    """More of the answer's text; never empty."""

    text: str


class Reasoning(NamedTuple):
    """More of what the model thinks aloud; never empty."""

    text: str


class Piece(NamedTuple):
    """A chunk of the AI SDK that adds to the message: a JSON object with its `type`.

    Texts that come as chunks have ids and may grow beside each other; `Text` and `Reasoning` that
    follow each other are one part.
    """

    chunk: Mapping[str, Any]


class Given(NamedTuple):
    """Metadata for the message, merged into what was given before: a JSON object.

    Fields that the service has itself (`created_at`, `status`, `usage`, …) are left out.
    """

    metadata: Mapping[str, Any]


class Finish(NamedTuple):
    """The end, and why; nothing follows."""

    reason: FinishReason


Event = Text | Reasoning | Piece | Given | Usage | Finish
"""`Usage` replaces what was said of it before."""
