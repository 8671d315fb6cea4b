"""Fields that a newer version wrote: whoever reads a value and writes it again must lose none."""

from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

_encoder = msgspec.json.Encoder()
_raw_fields = msgspec.json.Decoder(dict[str, Raw])
_S = TypeVar("_S", bound=Struct)


class Keeping(Generic[_S]):
    """Decodes a struct; where there are fields that it does not know, one that has them as well."""

    def __init__(self, known: type[_S]) -> None:
        self._known = known
        self._decoder = msgspec.json.Decoder(known)
        tag = known.__struct_config__.tag_field
        self._names = {*known.__struct_encode_fields__, *([tag] if tag else [])}

    def decode(self, raw: bytes) -> _S:
        """Raises ValidationError where a field that is known holds what it cannot."""
        found: _S = self._decoder.decode(raw)
        if is_whole(found, raw):
            return found
        unknown = tuple(name for name in _raw_fields.decode(raw) if name not in self._names)
        return msgspec.json.decode(raw, type=_with(self._known, unknown)) if unknown else found


def is_whole(found: object, raw: bytes) -> bool:
    """Whether what was decoded is surely all that there was: it is as we write it."""
    return _encoder.encode(found) == raw


@lru_cache(maxsize=200)
def _with(known: type[_S], names: tuple[str, ...]) -> type[_S]:
    """The struct with further fields, whose names need be none of Python's."""
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
