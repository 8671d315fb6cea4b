"""Characters that a provider split between two events, as bytes or as escaped surrogates."""

import codecs

_HIGH = ("\ud800", "\udbff")


class Characters:
    """Joins split characters across the pieces of one text."""

    def __init__(self) -> None:
        self._high = ""
        self._bytes = codecs.getincrementaldecoder("utf-8")("replace")
        self._has_bytes = False

    def join(self, text: str, *, from_bytes: bool = False) -> str:
        """Returns the complete characters that were not returned yet.

        from_bytes: the event was invalid UTF-8, and its stray bytes are in the text as surrogates.
        """
        if text.isascii() and not (self._high or self._has_bytes):
            return text
        if from_bytes:
            self._has_bytes = True
            return self._bytes.decode(text.encode("utf-8", "surrogateescape"))
        text = self.end() + text if self._has_bytes else self._high + text
        self._high = ""
        if text and _HIGH[0] <= text[-1] <= _HIGH[1]:
            self._high, text = text[-1], text[:-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def end(self) -> str:
        """What is left at the end; half a character becomes U+FFFD."""
        rest = self._bytes.decode(b"", final=True)
        self._has_bytes = False
        if self._high:
            self._high = ""
            rest += "\ufffd"
        return rest
