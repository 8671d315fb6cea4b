"""The fields of each AI SDK chunk, except those with which the service itself ends messages."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Json = dict[str, Any]

_ANY = object
_MOST_NAME = 200


class Shape(NamedTuple):
    """Field names and types; a field of the type `object` may hold any JSON, including null."""

    required: Mapping[str, type]
    optional: Mapping[str, type] = {}


class WrongShapeError(ValueError):
    """An invalid chunk; the message says why, without its content."""


_META: dict[str, type] = {"providerMetadata": dict}
_CALL: dict[str, type] = {"toolCallId": str}
_CALLED: dict[str, type] = {
    **_META,
    "toolMetadata": dict,
    "providerExecuted": bool,
    "dynamic": bool,
}
_NAMED: dict[str, type] = {**_CALLED, "title": str}
_RUN = {
    f"{kind}-{step}": Shape({"id": str, **fields}, {**_META, **more})
    for kind in ("text", "reasoning")
    for step, fields, more in (
        ("start", {}, {}),
        ("delta", {"delta": str}, {}),
        ("end", {}, {"citations": list} if kind == "text" else {}),
    )
}
_TOOLS = {
    "tool-input-start": Shape({**_CALL, "toolName": str}, {**_NAMED, "inputEncoding": str}),
    "tool-input-delta": Shape({**_CALL, "inputTextDelta": str}),
    "tool-input-available": Shape({**_CALL, "toolName": str}, {**_NAMED, "input": _ANY}),
    "tool-input-error": Shape(
        {**_CALL, "toolName": str, "errorText": str}, {**_NAMED, "input": _ANY}
    ),
    "tool-approval-request": Shape(
        {**_CALL, "approvalId": str},
        {
            "approvalDescriptor": _ANY,
            "inputSchemaInput": _ANY,
            "reason": str,
            "isAutomatic": bool,
            "signature": str,
        },
    ),
    "tool-approval-response": Shape(
        {"approvalId": str, "approved": bool},
        {**_META, "reason": str, "providerExecuted": bool},
    ),
    "tool-output-available": Shape(_CALL, {**_CALLED, "output": _ANY, "preliminary": bool}),
    "tool-output-error": Shape({**_CALL, "errorText": str}, _CALLED),
    "tool-output-denied": Shape(_CALL),
}
SHAPES: Mapping[str, Shape] = {
    **_RUN,
    **_TOOLS,
    "source-url": Shape({"sourceId": str, "url": str}, {**_META, "title": str}),
    "source-document": Shape(
        {"sourceId": str, "mediaType": str, "title": str}, {**_META, "filename": str}
    ),
    "file": Shape({"url": str, "mediaType": str}, _META),
    "reasoning-file": Shape({"url": str, "mediaType": str}, _META),
    "custom": Shape({"kind": str}, _META),
    "steering-message": Shape({"id": str, "parts": list}),
    "start-step": Shape({}),
    "finish-step": Shape({}),
    "reset-step": Shape({}),
}
DATA = Shape({}, {"id": str, "data": _ANY, "transient": bool})
"""The shape of `data-<name>` chunks."""


def is_data(kind: str) -> bool:
    return kind.startswith("data-")


def is_known(kind: object) -> bool:
    return isinstance(kind, str) and (kind in SHAPES or is_data(kind))


def checked(chunk: Mapping[str, Any]) -> Json:
    """The chunk reduced to its known fields. Raises WrongShapeError.

    Null counts as absent, as in many languages, except in fields where null is a value.
    """
    kind = chunk.get("type")
    if not isinstance(kind, str):
        raise WrongShapeError("it has no type")
    shape = DATA if is_data(kind) and len(kind) < _MOST_NAME else SHAPES.get(kind)
    if shape is None:
        raise WrongShapeError("its type is unknown")
    known: Json = {"type": kind}
    for name, type_ in shape.required.items():
        if not isinstance(chunk.get(name), type_):
            raise WrongShapeError(f"{name} is not {_named(type_)}")
        known[name] = chunk[name]
    for name, type_ in shape.optional.items():
        value = chunk.get(name)
        if value is None and (type_ is not _ANY or name not in chunk):
            continue
        if not isinstance(value, type_):
            raise WrongShapeError(f"{name} is not {_named(type_)}")
        known[name] = value
    if kind == "steering-message" and not all(map(_is_part, known["parts"])):
        raise WrongShapeError("parts may hold only texts and files")
    return known


def _is_part(part: object) -> bool:
    return isinstance(part, dict) and part.get("type") in ("text", "file")


def _named(type_: type) -> str:
    names = {str: "text", bool: "true or false", dict: "an object", list: "a list"}
    return names.get(type_, type_.__name__)
