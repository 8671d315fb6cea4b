"""The words of a text in any script, as both databases index them.

Each character maps to one character: its plain form, without case and accents, or a space. So
positions in the folded text are positions in the text itself.
"""

import base64
import hashlib
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

MOST_CHARACTERS = 64_000
"""Per text; what comes after is not found. PostgreSQL allows 1 MB of words per row."""

_MOST_WORD = 40
_MOST_REMEMBERED = 20_000
# Scripts without spaces between words, or with endings attached to words: Thai, Lao, Myanmar,
# Khmer, Hangul, Kana, Han and similar ones.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3031-\u3035"
    "\u3040-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\U00016fe0-\U00018dff\U0001aff0-\U0001b2ff\U00020000-\U0003ffff"
)
_ELEMENT = re.compile(f"[{UNSPACED}]+|[^ {UNSPACED}]+")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_ACCENT = re.compile("[\u0300-\u036f]")


class _Folding(dict[int, str]):
    """A table for `str.translate`, filled as it is used."""

    def __missing__(self, code: int) -> str:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        folded = self[code] = _folded(chr(code))
        return folded


_folding = _Folding()


def composed(text: str) -> str:
    """The text in the form in which positions are counted."""
    return unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """Turns a composed text into plain words and spaces."""
    return text.translate(_folding)


def elements(folded: str) -> list[str]:
    """Words, and runs of characters in scripts without spaces."""
    found: list[str] = []
    for chunk in folded.split():
        # most are, and the pattern is slow
        if chunk.isascii():
            found.append(chunk)
        else:
            found += _ELEMENT.findall(chunk)
    return found


def is_unspaced(element: str) -> bool:
    return not element.isascii() and _UNSPACED.match(element) is not None


@lru_cache(maxsize=1_000)
def mark_of(owner: str) -> str:
    """A prefix for each word of a user's texts, so that a query matches no other user's texts."""
    digest = hashlib.blake2b(owner.encode(), digest_size=5).digest()
    return base64.b32encode(digest).decode().lower()[:6]


def indexed(owner: str, text: str) -> str:
    """The words that the index holds for a text: each once, separated by spaces."""
    mark = mark_of(owner)
    # most words repeat: each is handled once
    chunks = set(fold(composed(text[:MOST_CHARACTERS])).split())
    words = set(_words(" ".join(chunks)))
    return " ".join(mark + word for word in words)


def pairs(run: str) -> Iterator[str]:
    """Splits a run of characters into overlapping pairs."""
    return map("".join, pairwise(run))


def shortened(word: str) -> str:
    """The beginning of a long word, by which it is found."""
    return word[:_MOST_WORD]


def _words(folded: str) -> Iterator[str]:
    for element in elements(folded):
        if is_unspaced(element):
            yield from pairs(element)
            yield from element
        else:
            yield shortened(element)


def _folded(character: str) -> str:
    if not _is_of_word(character):
        return " "
    plain = _ACCENT.sub("", unicodedata.normalize("NFKD", character)).casefold()
    for form in (unicodedata.normalize("NFC", plain), character.lower()):
        if len(form) == 1 and _is_of_word(form):
            return form
    return character


def _is_of_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"
