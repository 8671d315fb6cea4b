"""What a Python responder receives: who asks, and the conversation."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from proxy_server.errors import CannotAnswer
from proxy_server.protocol.files import Files, NoFiles, from_data_url, upload_id_of
from proxy_server.protocol.given import Untaken
from proxy_server.protocol.messages import Message, TextPart, Usage
from proxy_server.protocol.turns import Trigger
from proxy_server.responders.python.decisions import Decision, decisions_of
from proxy_server.responders.responder import Prompt


@dataclass(frozen=True)
class Turn:
    """One answer to make.

    user: the id of the user.
    conversation: the id of the conversation.
    message: the id of the answer.
    key: the client's own name for the conversation, if it gave one.
    model: the model that the prompt names, or the default one.
    messages: the conversation within the budget (CONTEXT_CHARACTERS), oldest first. The last one is
        the prompt, or the answer so far if it goes on after waiting.
    trigger: "prompt", "regenerate" or, after a wait, "continue".
    decisions: the decisions and results for the tools that waited.
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

        Raises CannotAnswer if the file is gone, and ValueError for other addresses: those are not
        fetched for a user.
        """
        if upload_id_of(url) is None:
            content = from_data_url(url)
            if content is None:
                raise ValueError("only upload: and data: URLs can be read")
            return content
        content = await self._files.read(url)
        if content is None:
            raise CannotAnswer("A file of this conversation no longer exists.")
        return content

    @cached_property
    def data(self) -> Any:
        """The client's data beside the prompt, or None. Do not trust it."""
        return None if self._data is None else json.loads(self._data)

    @cached_property
    def meta(self) -> Any:
        """What your own backend put into the connection's token, or None."""
        return None if self._meta is None else json.loads(self._meta)

    @cached_property
    def reported(self) -> list[Usage]:
        """The values given to `report_usage`; the last one counts."""
        return []

    @cached_property
    def given(self) -> Untaken:
        """Reported metadata that was not sent yet."""
        return Untaken()

    @cached_property
    def titled(self) -> list[str]:
        """What `report_title` was told and was not taken yet: the last one."""
        return []

    def report_title(self, title: str) -> None:
        """A title for the conversation, in place of one that its user has not given.

        It is put into one line of 200 characters at most, and counts once the answer ends or
        waits; to yield a `Title` does the same. Raises TypeError for what is no text.
        """
        if not isinstance(title, str):
            raise TypeError("a title must be a str")
        self.titled[:] = [title]

    def report_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Adds JSON to the message's metadata; cannot replace the service's own fields.

        It is merged into what was reported before, and sent with the next yielded value. Raises
        TypeError and ValueError if it is not a JSON object, or is too large.
        """
        copy = msgspec.json.decode(msgspec.json.encode(metadata))
        if not isinstance(copy, dict):
            raise TypeError("metadata must be a mapping with names")
        self.given.add(copy)

    def report_usage(
        self,
        input_tokens: int,
        output_tokens: int,
        *,
        reasoning_tokens: int = 0,
        cached_input_tokens: int = 0,
    ) -> None:
        """Reports the total cost of the answer so far; yielding a `Usage` does the same."""
        self.reported.append(
            Usage(input_tokens, output_tokens, reasoning_tokens, cached_input_tokens)
        )


def text_of(message: Message) -> str:
    """The text of a message, without its reasoning, files and tools."""
    return "\n".join(part.text for part in message.parts if isinstance(part, TextPart))
