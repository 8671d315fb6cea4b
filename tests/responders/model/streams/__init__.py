"""Streams as OpenAI-compatible servers send them, with the expected results."""

from tests.responders.model.streams.bookkeeping import BOOKKEEPING, SIGNS_OF_LIFE
from tests.responders.model.streams.content import SHAPES, TAGS
from tests.responders.model.streams.failures import FAILURES
from tests.responders.model.streams.formats import CHARACTERS, FRAMES
from tests.responders.model.streams.made import END, EVENTS, HELLO, WORLD, Stream

STREAMS = [*BOOKKEEPING, *SIGNS_OF_LIFE, *SHAPES, *TAGS, *FRAMES, *CHARACTERS, *FAILURES]

__all__ = ["END", "EVENTS", "HELLO", "STREAMS", "WORLD", "Stream"]
