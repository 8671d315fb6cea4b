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
    the same result, because what a merge would keep is sent as null first. So however much was
    given since the last publication, the next one has at most two states of it.
    """

    def __init__(self, stored: Metadata | None = None) -> None:
        self._fields: Json = {} if stored is None else more_of(stored)
        self._sent = self._acknowledged = self._fields

    @property
    def waits(self) -> bool:
        """Whether there is anything unsent."""
        return self._fields != self._sent

    @property
    def acknowledged(self) -> Json:
        return self._acknowledged

    def add(self, given: Mapping[str, Any]) -> None:
        """Raises WrongShapeError for metadata that no message can have."""
        fields = merged(self._fields, _checked(given))
        check_size(fields)
        self._fields = fields

    def send(self) -> Sequence[Json]:
        """The states to send now, in order; may be empty."""
        before, self._sent = self._sent, self._fields
        if before == self._fields:
            return []
        if merged(before, self._fields) == self._fields:
            return [self._fields]
        return [_bridge(before, self._fields), self._fields]

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


class Untaken:
    """Metadata to be merged into what is not known here: newest wins, in two objects at most."""

    def __init__(self) -> None:
        self._cleared: Json = {}
        """What a later object takes the place of, as null."""
        self._newest: Json = {}

    def add(self, given: Mapping[str, Any]) -> None:
        """Raises WrongShapeError where it gets too much."""
        newest = merged(self._newest, given)
        check_size(newest)
        self._cleared = _clear(self._cleared, self._newest, given)
        self._newest = newest

    def take(self) -> list[Json]:
        """All of it, to be merged one after the other."""
        taken = [fields for fields in (self._cleared, self._newest) if fields]
        self._cleared, self._newest = {}, {}
        return taken


def check_size(fields: Json) -> None:
    """Raises WrongShapeError."""
    size = len(_encoder.encode(fields))
    if size > _MOST_BYTES:
        raise WrongShapeError(f"the metadata has {size} bytes, more than {_MOST_BYTES}")


def _bridge(before: Json, after: Json) -> Json:
    """A state that can be merged into the one, and the other into it."""
    bridge = dict(after)
    for name, value in after.items():
        known = before.get(name)
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            bridge[name] = value if merged(known, value) == value else None
    return bridge


def _clear(cleared: Json, newest: Json, given: Mapping[str, Any]) -> Json:
    result = dict(cleared)
    for name, value in given.items():
        wholly = name in result and result[name] is None
        if wholly or name in _NEVER or name not in newest or not isinstance(value, Mapping):
            continue
        known = newest[name]
        if not isinstance(known, Mapping):
            result[name] = None
        elif inner := _clear(result.get(name, {}), dict(known), value):
            result[name] = inner
    return result


def _checked(given: Mapping[str, Any]) -> Json:
    fields: Json = msgspec.json.decode(_encoder.encode(given))
    for name in fields:
        if not name.isprintable() or '"' in name or "\\" in name:
            raise WrongShapeError("a name in the metadata has quotes or control characters")
    return {name: value for name, value in fields.items() if name not in RESERVED}
