"""What a responder written in Python is given: who asks, and what was said."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from proxy_server.errors import CannotAnswer
from proxy_server.protocol.events import Given
from proxy_server.protocol.files import Files, NoFiles, from_data_url, upload_id_of
from proxy_server.protocol.messages import Message, TextPart, Usage
from proxy_server.protocol.turns import Trigger
from proxy_server.responders.python.decisions import Decision, decisions_of
from proxy_server.responders.responder import Prompt


@dataclass(frozen=True)
class Turn:
    """One answer to make.

    user: who asks; conversation: its id; message: the id of the answer.
    key: the client's own name for the conversation, where it gave one.
    model: the name that the prompt was sent with, or else the usual one.
    messages: the conversation within the budget (CONTEXT_CHARACTERS), oldest first; the last one
        is the prompt, or behind it this answer so far, where it goes on.
    trigger: "prompt", "regenerate" or, where the answer has waited, "continue".
    decisions: what was decided meanwhile of the tools that waited, and what came of them.
    """

    user: str
    conversation: str
    message: str
    model: str
    messages: Sequence[Message]
    key: str | None = None
    trigger: Trigger = "prompt"
    decisions: Sequence[Decision] = ()
    _data: str | None = None
    _meta: str | None = None
    _files: Files = field(default_factory=NoFiles)

    @classmethod
    def of(cls, prompt: Prompt) -> "Turn":
        return cls(
            user=prompt.user,
            conversation=prompt.conversation_id,
            message=prompt.message_id,
            model=prompt.model,
            messages=tuple(prompt.history),
            key=prompt.key,
            trigger=prompt.trigger,
            decisions=decisions_of(prompt),
            _data=prompt.data,
            _meta=prompt.meta,
            _files=prompt.files,
        )

    @cached_property
    def text(self) -> str:
        """The text of the prompt."""
        return next(text_of(message) for message in self.messages[::-1] if message.role == "user")

    async def read(self, url: str) -> bytes:
        """The content of a file part, by its `upload:` or `data:` address.

        Raises CannotAnswer where the file is gone, and ValueError for other addresses: those are
        not fetched for a user.
        """
        if upload_id_of(url) is None:
            content = from_data_url(url)
            if content is None:
                raise ValueError("neither an upload nor a data URL")
            return content
        content = await self._files.read(url)
        if content is None:
            raise CannotAnswer("A file of this conversation is not there any more.")
        return content

    @cached_property
    def data(self) -> Any:
        """What the client sent beside the prompt; not to be trusted. None for nothing."""
        return None if self._data is None else json.loads(self._data)

    @cached_property
    def meta(self) -> Any:
        """What your own backend put into the connection's token. None for nothing."""
        return None if self._meta is None else json.loads(self._meta)

    @cached_property
    def reported(self) -> list[Usage]:
        """What `report_usage` was given; the last one counts."""
        return []

    @cached_property
    def given(self) -> list[Given]:
        """What `report_metadata` was told and was not sent yet."""
        return []

    def report_metadata(self, metadata: Mapping[str, Any]) -> None:
        """JSON for the message's metadata, beside and never over the service's own fields.

        It is merged into what was given before, and goes out with what is yielded next.
        Raises TypeError and ValueError for what is no object of JSON.
        """
        copy = msgspec.json.decode(msgspec.json.encode(metadata))
        if not isinstance(copy, dict):
            raise TypeError("metadata is an object, with names")
        self.given.append(Given(copy))

    def report_usage(
        self,
        input_tokens: int,
        output_tokens: int,
        *,
        reasoning_tokens: int = 0,
        cached_input_tokens: int = 0,
    ) -> None:
        """What the answer costs, in all so far; to yield a `Usage` does the same."""
        self.reported.append(
            Usage(input_tokens, output_tokens, reasoning_tokens, cached_input_tokens)
        )


def text_of(message: Message) -> str:
    """The text of a message, without its reasoning, files and tools."""
    return "\n".join(part.text for part in message.parts if isinstance(part, TextPart))
