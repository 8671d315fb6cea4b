"""Metadata that a responder adds to its message, beside the service's own fields."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from proxy_server.protocol.messages import Metadata, metadata_with, more_of
from proxy_server.protocol.shapes import Json, WrongShapeError

RESERVED = frozenset(Metadata.__struct_fields__)
"""The service's own fields, which are ignored in a responder's metadata."""
_NEVER = frozenset(("__proto__", "constructor", "prototype"))
"""Names that the AI SDK ignores anywhere in metadata."""
_MOST_BYTES = 20_000
_encoder = msgspec.json.Encoder()


class GivenMetadata:
    """The metadata given so far, and how much of it was sent and acknowledged.

    Each time it is sent whole: clients replace what they have, while the AI SDK merges. Both give
    the same result if every state is sent that a merge of later ones would not reproduce.
    """

    def __init__(self, stored: Metadata | None = None) -> None:
        self._fields: Json = {} if stored is None else more_of(stored)
        self._unsent: list[Json] = []
        self._sent = self._acknowledged = self._fields

    @property
    def waits(self) -> bool:
        """Whether there is anything unsent."""
        return bool(self._unsent)

    @property
    def acknowledged(self) -> Json:
        return self._acknowledged

    def add(self, given: Mapping[str, Any]) -> None:
        """Raises WrongShapeError for metadata that no message can have."""
        fields = merged(self._fields, _checked(given))
        size = len(_encoder.encode(fields))
        if size > _MOST_BYTES:
            raise WrongShapeError(f"the metadata has {size} bytes, more than {_MOST_BYTES}")
        if fields == self._fields:
            return
        before = self._unsent[-2] if len(self._unsent) > 1 else self._sent
        if self._unsent and merged(before, fields) == fields:
            self._unsent.pop()
        self._unsent.append(fields)
        self._fields = fields

    def send(self) -> Sequence[Json]:
        """The states to send now, in order; may be empty."""
        unsent, self._unsent = self._unsent, []
        self._sent = self._fields
        return unsent

    def mark(self) -> None:
        """Everything that was sent has been acknowledged as published."""
        self._acknowledged = self._sent

    def replay(self, published: Metadata) -> None:
        """Takes over what an earlier server of this message published."""
        self._fields = self._sent = self._acknowledged = more_of(published)

    def within(self, metadata: Metadata) -> Metadata:
        """The service's metadata with all that was given."""
        return metadata_with(metadata, self._fields)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Json:
    """Merges as the AI SDK does: objects are merged, any other value is replaced."""
    result = dict(base)
    for name, given in over.items():
        if name in _NEVER:
            continue
        known = result.get(name)
        if isinstance(given, Mapping) and isinstance(known, Mapping):
            result[name] = merged(known, given)
        else:
            result[name] = given
    return result


def _checked(given: Mapping[str, Any]) -> Json:
    fields: Json = msgspec.json.decode(_encoder.encode(given))
    for name in fields:
        if not name.isprintable() or '"' in name or "\\" in name:
            raise WrongShapeError("a name in the metadata has quotes or control characters")
    return {name: value for name, value in fields.items() if name not in RESERVED}
