"""Encodes values to JSON, and decodes what clients send."""

import json
from typing import Any, TypeVar

import msgspec

from proxy_server.errors import Malformed

_MOST_CHARACTERS = 100
_encoder = msgspec.json.Encoder()
_T = TypeVar("_T")


def encode(value: Any) -> bytes:
    """Any value of the protocol as JSON."""
    return _encoder.encode(value)


def _mended(data: bytes) -> bytes:
    """Replaces half surrogates by U+FFFD; JavaScript sends one if it cuts a character in two.

    Raises DecodeError and RecursionError for invalid JSON.
    """
    try:
        value = json.loads(data)
    except ValueError as error:
        raise msgspec.DecodeError(str(error)) from error
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def decode_request(data: bytes, shape: type[_T]) -> _T:
    """Decodes a client's request; unknown fields are ignored.

    Raises Malformed with a sentence that names the field.
    """
    try:
        try:
            return msgspec.json.decode(data or b"{}", type=shape)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            return msgspec.json.decode(_mended(data), type=shape)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at ")
        # without the given value, which may be long and must not be logged
        problem = problem.partition(" '")[0][:_MOST_CHARACTERS]
        name = place.strip("`").removeprefix("$").removeprefix(".")
        where = f"The field {name}" if name else "The request"
        raise Malformed(f"{where} is not valid: {problem[:1].lower()}{problem[1:]}.") from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Malformed("The request is not valid JSON.") from error
