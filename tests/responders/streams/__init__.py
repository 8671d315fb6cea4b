"""Streams as OpenAI-compatible servers send them, with what must come out."""

from tests.responders.streams.bookkeeping import BOOKKEEPING, SIGNS_OF_LIFE
from tests.responders.streams.content import SHAPES, TAGS
from tests.responders.streams.failures import FAILURES
from tests.responders.streams.formats import CHARACTERS, FRAMES
from tests.responders.streams.made import END, EVENTS, HELLO, WORLD, Stream

STREAMS = [*BOOKKEEPING, *SIGNS_OF_LIFE, *SHAPES, *TAGS, *FRAMES, *CHARACTERS, *FAILURES]

__all__ = ["END", "EVENTS", "HELLO", "STREAMS", "WORLD", "Stream"]
