"""Fields written by a newer version: they must survive when a value is read and written again."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

_encoder = msgspec.json.Encoder()
_raw_fields = msgspec.json.Decoder(dict[str, Raw])
_S = TypeVar("_S", bound=Struct)


class Keeping(Generic[_S]):
    """Decodes a struct; if it has unknown fields, decodes a subclass that keeps them."""

    def __init__(self, known: type[_S]) -> None:
        self._known = known
        self._decoder = msgspec.json.Decoder(known)
        tag = known.__struct_config__.tag_field
        self._names = {*known.__struct_encode_fields__, *([tag] if tag else [])}

    def decode(self, raw: bytes) -> _S:
        """Raises ValidationError if a known field has an invalid value."""
        found: _S = self._decoder.decode(raw)
        if is_whole(found, raw):
            return found
        unknown = tuple(name for name in _raw_fields.decode(raw) if name not in self._names)
        return msgspec.json.decode(raw, type=_with(self._known, unknown)) if unknown else found

    def more_of(self, found: _S) -> dict[str, Any]:
        """The unknown fields and their values."""
        names = zip(found.__struct_fields__, found.__struct_encode_fields__, strict=True)
        more = [(field, name) for field, name in names if name not in self._names]
        return {name: msgspec.json.decode(getattr(found, field)) for field, name in more}

    def having(self, found: _S, more: Mapping[str, Any]) -> _S:
        """A copy with these in place of the unknown fields."""
        known = {field: getattr(found, field) for field in self._known.__struct_fields__}
        unknown = _with(self._known, tuple(more)) if more else self._known
        values = (Raw(_encoder.encode(value)) for value in more.values())
        fields = unknown.__struct_fields__[len(known) :]
        return unknown(**known, **dict(zip(fields, values, strict=True)))


def is_whole(found: object, raw: bytes) -> bool:
    """Whether nothing was lost in decoding: encoding gives the same bytes."""
    return _encoder.encode(found) == raw


@lru_cache(maxsize=200)
def _with(known: type[_S], names: tuple[str, ...]) -> type[_S]:
    """The struct with more fields; their names need not be valid in Python."""
    config = known.__struct_config__
    renamed = {f"unknown_{number}": name for number, name in enumerate(names)}
    with_more: type[Any] = msgspec.defstruct(
        known.__name__,
        [(field, Raw) for field in renamed],
        bases=(known,),
        tag_field=config.tag_field,
        tag=config.tag,
        rename=renamed,
        omit_defaults=config.omit_defaults,
        kw_only=True,
    )
    return with_more
