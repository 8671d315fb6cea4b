"""Checks a client's decisions on a waiting answer before anything is changed."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET

from proxy_server.errors import Malformed, TooLarge
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.requests import Continue

_MOST_DECISIONS = 100
_MOST_DEPTH = 100
_TOO_DEEP = "The field outputs is nested too deeply."


def check_decisions(request: Continue, most_bytes: int) -> None:
    """Raises Malformed and TooLarge."""
    count = len(request.approvals) + len(request.outputs)
    if not count:
        raise Malformed("Give the field approvals or the field outputs.")
    if count > _MOST_DECISIONS:
        raise TooLarge(f"At most {_MOST_DECISIONS} decisions can be taken at once.")
    if len(encode([request.approvals, request.outputs])) > most_bytes:
        raise TooLarge(f"The decisions are larger than {most_bytes} bytes.")
    for output in request.outputs:
        if (output.output is UNSET) == (output.error_text is UNSET):
            raise Malformed("Each output must have either the field output or errorText.")
        if output.output is not UNSET:
            _check_depth(_decoded(output.output))


def _decoded(output: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(output)
    except RecursionError as error:
        raise Malformed(_TOO_DEEP) from error


def _check_depth(output: Any) -> None:
    """Deeper nesting than the decoders support would make the message unreadable."""
    level = [output]
    for _ in range(_MOST_DEPTH):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return
    raise Malformed(_TOO_DEEP)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
