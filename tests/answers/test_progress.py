"""The numbers of an answer's publications, and consistent checkpoints."""

import json
from dataclasses import replace

from proxy_server.answers.progress import Progress
from proxy_server.protocol.events import Text
from proxy_server.protocol.messages import Message, Metadata, TextPart
from proxy_server.protocol.sessions import BEGINNING, Position
from proxy_server.protocol.turns import Assignment, Checkpoint

PROMPT = Message("p", "user", [TextPart("?")], Metadata(1))
ASSIGNMENT = Assignment("c", "m", "anna", "test", 2, 1, BEGINNING, prompt=PROMPT, after="before")
FIRST, SECOND = Position(7, "e"), Position(8, "e")


def test_publications_are_numbered_and_the_first_says_what_it_joins_with() -> None:
    progress = Progress(ASSIGNMENT)
    first, second = (progress.next_publication(()) for _ in range(2))
    told = json.loads(first[0])
    assert (told["seq"], told["prompt"]["id"], told["after"], first[1]) == (1, "p", "before", "m:1")
    assert json.loads(second[0]) == {"type": "chunks", "message": "m", "seq": 2, "chunks": []}
    assert second[1] == "m:2"
    assert (progress.published, progress.acknowledged) == (2, 0)


def test_a_checkpoint_is_of_what_was_acknowledged() -> None:
    progress = Progress(ASSIGNMENT)
    assert progress.checkpoint() is None
    progress.next_publication(progress.growing.add([Text("a")]))
    assert progress.checkpoint() is None
    progress.acknowledge(FIRST)
    progress.next_publication(progress.growing.add([Text("b")]))
    found = Checkpoint("m", 1, [TextPart("a", "streaming")], FIRST)
    assert progress.checkpoint() == found
    assert progress.checkpoint() is None
    progress.checkpoint_again()
    assert progress.checkpoint() == found
    progress.acknowledge(SECOND)
    assert progress.checkpoint() == Checkpoint("m", 2, [TextPart("ab", "streaming")], SECOND)


def test_a_history_that_began_anew_asks_for_a_checkpoint() -> None:
    progress = Progress(ASSIGNMENT)
    for position, due in ((FIRST, False), (SECOND, False), (Position(1, "f"), True)):
        progress.next_publication(())
        progress.acknowledge(position)
        assert progress.checkpoint_due == due
        assert progress.position == position
    progress.next_publication(())
    progress.acknowledge(Position(2, "f"))
    assert not progress.checkpoint_due


def test_so_does_the_first_publication_of_one_that_was_queued() -> None:
    queued = Progress(replace(ASSIGNMENT, was_queued=True, position=FIRST))
    for position, due in ((SECOND, True), (Position(9, "e"), False)):
        queued.next_publication(())
        queued.acknowledge(position)
        assert queued.checkpoint_due == due
