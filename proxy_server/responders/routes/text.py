"""An answer that comes as plain text."""

import codecs
from collections.abc import AsyncIterator, Sequence

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.events import Event, Finish, Text
from proxy_server.responders.model.failures import BROKEN_OFF, NO_ANSWER
from proxy_server.responders.model.source import Source


async def plain_text(source: Source, charset: str) -> AsyncIterator[Sequence[Event]]:
    """Raises ResponderFailed after the text so far; only the end of the body ends the answer."""
    decoder = _decoder(charset)
    has_words, spoke, data = False, False, b" "
    failure: ResponderFailed | None = None
    while data and failure is None:
        try:
            data = await source.read(spoke=spoke)
        except ConnectionError as error:
            failure = ResponderFailed("broken_off", BROKEN_OFF, f"cut: {error}")
        except ResponderFailed as silent:
            failure = silent
        whole = not data or failure is not None
        if text := decoder.decode(b"" if failure else data, final=whole):
            spoke = True
            has_words = has_words or not text.isspace()
            yield [Text(text)]
    if failure is None and not has_words:
        failure = ResponderFailed("empty", NO_ANSWER, f"no word; {source.described}")
    if failure is not None:
        raise failure
    yield [Finish("stop")]


def _decoder(charset: str) -> codecs.IncrementalDecoder:
    """UTF-8 if the name is unknown, or not that of a text encoding."""
    try:
        found = codecs.lookup(charset)
    except LookupError:
        found = codecs.lookup("utf-8")
    if not getattr(found, "_is_text_encoding", True) or found.incrementaldecoder is None:
        found = codecs.lookup("utf-8")
    return found.incrementaldecoder("replace")
