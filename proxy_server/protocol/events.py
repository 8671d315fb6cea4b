"""What a responder yields for an answer, independent of any provider."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from proxy_server.protocol.messages import Usage

FinishReason = Literal["stop", "length", "content-filter", "tool-calls", "error", "other"]


class Text(NamedTuple):
    """A piece of the answer's text; never empty."""

    text: str


class Reasoning(NamedTuple):
    """A piece of the model's reasoning; never empty."""

    text: str


class Piece(NamedTuple):
    """A chunk of the AI SDK that adds to the message: a JSON object with its `type`.

    Texts in chunks have ids and may grow at the same time; successive `Text` or `Reasoning` events
    form one part.
    """

    chunk: Mapping[str, Any]


class Given(NamedTuple):
    """Metadata for the message, a JSON object; merged into what was given before.

    The service's own fields (`created_at`, `status`, `usage`, …) are ignored in it.
    """

    metadata: Mapping[str, Any]


class Title(NamedTuple):
    """A title for the conversation: the last one counts, unless its user has given one."""

    title: str


class Finish(NamedTuple):
    """The end and its reason; nothing follows."""

    reason: FinishReason


Event = Text | Reasoning | Piece | Given | Title | Usage | Finish
"""A `Usage` replaces an earlier one."""
