"""Parses an incomplete JSON text, as the AI SDK's `parsePartialJson` does.

An input that a model is still writing is read this way. The result must equal the AI SDK's, also
for texts that are not the beginning of valid JSON.
"""

import json
import re
from typing import Any

_VALUE_STARTS = frozenset('"ftn-0123456789{[')
_LITERALS = ("true", "false", "null")
_STRING_END = re.compile(r'["\\]')
_HEX = frozenset("0123456789abcdefABCDEF")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_EXACT = 1 << 53
"""The largest integer that JavaScript represents exactly."""

# The stack of what is open, innermost last. One letter each, so that closing is a table look-up.
_ROOT, _DONE, _STRING, _ESCAPE, _UNICODE, _LITERAL, _NUMBER = "r", "d", "s", "e", "u", "l", "n"
_OBJECT, _KEY, _KEYED, _COLON, _MEMBER, _COMMA = "{", "k", "K", ":", "m", ","
_ARRAY, _ITEM, _ITEM_COMMA = "[", "i", ";"
_CLOSED_BY = {
    _STRING: '"',
    **dict.fromkeys((_OBJECT, _KEY, _KEYED, _COLON, _MEMBER, _COMMA), "}"),
    **dict.fromkeys((_ARRAY, _ITEM, _ITEM_COMMA), "]"),
}
_AFTER_VALUE = {_ROOT: _DONE, _COLON: _MEMBER, _ARRAY: _ITEM, _ITEM_COMMA: _ITEM}
_NEXT = {
    (_OBJECT, '"'): _KEY,
    (_COMMA, '"'): _KEY,
    (_KEY, '"'): _KEYED,
    (_KEYED, ":"): _COLON,
    (_MEMBER, ","): _COMMA,
    (_ITEM, ","): _ITEM_COMMA,
}
_CLOSES = {(_OBJECT, "}"), (_MEMBER, "}"), (_ARRAY, "]"), (_ITEM, "]")}


class Nothing:
    """The result if no value can be read."""


NOTHING = Nothing()


class PartialJson:
    """A growing text; what was fed is not parsed again."""

    def __init__(self, text: str = "") -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._open = [_ROOT]
        self._valid = 0
        self._literal = ""
        self._digits = 0
        self.feed(text)

    @property
    def text(self) -> str:
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def feed(self, text: str) -> None:
        if not text:
            return
        self._pieces.append(text)
        at = 0
        while at < len(text):
            if self._open[-1] == _STRING:
                found = _STRING_END.search(text, at)
                end = found.start() if found else len(text)
                if end > at:
                    self._valid = self._length + end
                if found is None:
                    break
                at = end
            self._step(text[at], self._length + at + 1)
            at += 1
        self._length += len(text)

    def value(self) -> Any:
        """The value so far; NOTHING if there is none."""
        text = self.text
        whole = _parsed(text)
        return _parsed(text[: self._valid] + self._closing()) if whole is NOTHING else whole

    def _closing(self) -> str:
        closing = ""
        for state in reversed(self._open):
            if state == _LITERAL:
                whole = next((word for word in _LITERALS if word.startswith(self._literal)), "")
                closing += whole[len(self._literal) :]
            else:
                closing += _CLOSED_BY.get(state, "")
        return closing

    def _step(self, char: str, end: int) -> None:
        """Consumes a character; `end` is the length of the text up to it."""
        state = self._open[-1]
        if state == _STRING:
            if char == "\\":
                self._open.append(_ESCAPE)
                return
            self._open.pop()
            self._valid = end
        elif state == _ESCAPE:
            self._open.pop()
            if char == "u":
                self._digits = 0
                self._open.append(_UNICODE)
            else:
                self._valid = end
        elif state == _UNICODE:
            self._digits += char in _HEX
            if self._digits == 4:
                self._open.pop()
                self._valid = end
        elif state == _NUMBER:
            self._step_number(char, end)
        elif state == _LITERAL:
            self._step_literal(char, end)
        else:
            self._step_structure(state, char, end)

    def _step_number(self, char: str, end: int) -> None:
        if "0" <= char <= "9":
            self._valid = end
        elif char not in "eE-.":
            self._open.pop()
            if char in ",}]":
                self._after_value(char, end)

    def _step_literal(self, char: str, end: int) -> None:
        longer = self._literal + char
        if any(word.startswith(longer) for word in _LITERALS):
            self._literal = longer
            self._valid = end
        else:
            self._open.pop()
            self._after_value(char, end)

    def _after_value(self, char: str, end: int) -> None:
        if self._open[-1] in (_MEMBER, _ITEM):
            self._move(self._open[-1], char, end)

    def _step_structure(self, state: str, char: str, end: int) -> None:
        if not self._move(state, char, end):
            if state in _AFTER_VALUE and char in _VALUE_STARTS:
                self._begin_value(state, char, end)
            elif state == _ITEM:
                self._valid = end

    def _move(self, state: str, char: str, end: int) -> bool:
        if (following := _NEXT.get((state, char))) is not None:
            self._open[-1] = following
        elif (state, char) in _CLOSES:
            self._open.pop()
            self._valid = end
        else:
            return False
        return True

    def _begin_value(self, state: str, char: str, end: int) -> None:
        if char != "-":
            self._valid = end
        self._open[-1] = _AFTER_VALUE[state]
        if char == '"':
            self._open.append(_STRING)
        elif char in "ftn":
            self._literal = char
            self._open.append(_LITERAL)
        elif char in "{[":
            self._open.append(_OBJECT if char == "{" else _ARRAY)
        else:
            self._open.append(_NUMBER)


def _parsed(text: str) -> Any:
    try:
        value = json.loads(text, parse_int=_number, parse_constant=_no_constant)
        if isinstance(value, str | list | dict):
            if _SURROGATE.search(text) is not None:
                value = _without_halves(value)
            if ("\\u" in text or "__proto__" in text or "constructor" in text) and _forbidden(
                value
            ):
                return NOTHING
    except (ValueError, RecursionError):
        return NOTHING
    return value


def _number(digits: str) -> int | float:
    if len(digits) < 16 or (len(digits) < 20 and abs(int(digits)) <= _EXACT):
        return int(digits)
    return float(digits)


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _without_halves(value: Any) -> Any:
    """Replaces half surrogates, left by a cut escape, with U+FFFD: they cannot be sent."""
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))


def _forbidden(value: Any) -> bool:
    """Whether there are keys that would reach into the prototypes of a JavaScript client."""
    if isinstance(value, list):
        return any(map(_forbidden, value))
    if not isinstance(value, dict):
        return False
    constructor = value.get("constructor")
    if "__proto__" in value or (isinstance(constructor, dict) and "prototype" in constructor):
        return True
    return any(map(_forbidden, value.values()))
