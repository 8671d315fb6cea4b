"""Search queries: the words for the index, and the matches in a text."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from proxy_server.store.words import (
    MOST_CHARACTERS,
    UNSPACED,
    composed,
    elements,
    fold,
    is_unspaced,
    mark_of,
    pairs,
    shortened,
)

_MOST_CHARACTERS = 200
_MOST_WORDS = 24
_BEFORE, _LENGTH = 60, 280
_QUOTES = re.compile('["“”„«»]')
_CONTROLS = re.compile(r"[\s\x00-\x1f\x7f]")
_OF_WORD = f"[^ {UNSPACED}]"
# prefixes of one or two letters match too many words to be useful, and are costly
_SHORTEST_BEGINNING = 3


class Word(NamedTuple):
    """A word of the index, or with `begins` a prefix."""

    text: str
    begins: bool


class Excerpt(NamedTuple):
    """An excerpt of a text in one line; `marks` are the matches, in UTF-16 code units."""

    text: str
    marks: list[tuple[int, int]]


class Query:
    """A text must contain all words; quoted or joined words must stand in that order.

    The last word is a prefix. Only the first 200 characters of a query count.
    """

    def __init__(self, text: str) -> None:
        self.words: list[Word] = []
        self._patterns: list[re.Pattern[str]] = []
        pieces = _QUOTES.split(text[:_MOST_CHARACTERS])
        phrases: list[str] = []
        for number, piece in enumerate(pieces):
            phrases += [piece] if number % 2 else piece.split()
        found = [run for phrase in phrases if (run := elements(fold(composed(phrase))))]
        closed = len(pieces) % 2 == 1 and not pieces[-1].strip()
        for number, run in enumerate(found, 1):
            self._add(run, begins=number == len(found) and not closed)

    def for_index(self, owner: str) -> list[Word]:
        mark = mark_of(owner)
        # longer words are rarer
        chosen = sorted(self.words, key=lambda word: -len(word.text))[:_MOST_WORDS]
        return [Word(mark + text, begins) for text, begins in chosen]

    def find(self, text: str) -> Excerpt | None:
        """Returns an excerpt around the matches, or None if the text does not match."""
        if not self._patterns:
            return None
        text = composed(text[:MOST_CHARACTERS])
        folded = fold(text)
        places = []
        for pattern in self._patterns:
            first = pattern.search(folded)
            if first is None:
                return None
            places.append(first.start())
        begin = _begin(folded, min(places))
        end = min(begin + _LENGTH, len(text))
        marks = _merged(
            match.span()
            for pattern in self._patterns
            for match in pattern.finditer(folded, begin, end)
        )
        return _excerpt(text, begin, end, marks)

    def _add(self, run: list[str], *, begins: bool) -> None:
        last = len(run) - 1
        begins = begins and len(run[last]) >= _SHORTEST_BEGINNING
        for number, element in enumerate(run):
            self.words += _index_words(element, begins=begins and number == last)
        self._patterns.append(re.compile(_pattern(run, begins=begins)))


def _index_words(element: str, *, begins: bool) -> list[Word]:
    if not is_unspaced(element):
        return [Word(shortened(element), begins)]
    if len(element) == 1:
        return [Word(element, begins=False)]
    return [Word(pair, begins=False) for pair in pairs(element)]


def _pattern(run: list[str], *, begins: bool) -> str:
    pieces = []
    for number, element in enumerate(run):
        if number:
            spaced = is_unspaced(element) or is_unspaced(run[number - 1])
            pieces.append(" *" if spaced else " +")
        word = re.escape(element)
        if not is_unspaced(element):
            # the "word starts here" check comes after the word: the regex then searches for the
            # word first
            word += f"(?<!{_OF_WORD}{word})"
            if not (begins and number == len(run) - 1):
                word += f"(?!{_OF_WORD})"
        pieces.append(word)
    return "".join(pieces)


def _begin(folded: str, place: int) -> int:
    """The start of the excerpt: a few words before the match."""
    if place <= _BEFORE:
        return 0
    begin = place - _BEFORE
    return folded.find(" ", begin, place) + 1 or begin


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _excerpt(text: str, begin: int, end: int, marks: list[tuple[int, int]]) -> Excerpt:
    line = _CONTROLS.sub(" ", text[begin:end])
    lead = "…" if begin else ""
    trail = "…" if end < len(text) else ""

    def units(place: int) -> int:
        return len(lead) + len(line[: place - begin].encode("utf-16-le")) // 2

    return Excerpt(lead + line + trail, [(units(start), units(stop)) for start, stop in marks])
