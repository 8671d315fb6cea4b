"""A responder's metadata, beside the service's own."""

import json
from random import Random
from typing import Any

import pytest

from proxy_server.protocol.encoding import encode
from proxy_server.protocol.given import GivenMetadata, Untaken, merged
from proxy_server.protocol.messages import Metadata, decode_metadata
from proxy_server.protocol.shapes import WrongShapeError

OURS = Metadata(1.0, "streaming", "test")


def as_json(metadata: Metadata) -> Any:
    return json.loads(encode(metadata))


def test_ours_win_and_all_else_is_kept() -> None:
    given = GivenMetadata()
    given.add({"status": "complete", "usage": 1, "created_at": "never", "path": "a", "": None})
    assert as_json(given.within(OURS)) == as_json(OURS) | {"path": "a", "": None}
    stored = decode_metadata(encode(given.within(OURS)).decode())
    assert GivenMetadata(stored).acknowledged == {"path": "a", "": None}
    assert as_json(GivenMetadata(stored).within(stored)) == as_json(stored)


def test_it_is_merged_as_the_ai_sdk_merges() -> None:
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    over = {"a": {"c": [3], "e": None}, "d": {"f": 1}, "__proto__": {"g": 1}}
    assert merged(base, over) == {"a": {"b": 1, "c": [3], "e": None}, "d": {"f": 1}}


def test_what_is_sent_is_whole_and_the_last_stands_for_all() -> None:
    given = GivenMetadata()
    for count in range(5):
        given.add({"count": count, f"at{count}": True})
    [sent] = given.send()
    assert sent == {"count": 4, **{f"at{count}": True for count in range(5)}}
    assert given.acknowledged == {}
    given.mark()
    assert given.acknowledged == sent
    given.add({"count": 4})
    assert not given.waits


def test_what_a_merge_would_pass_over_is_sent_by_itself() -> None:
    given = GivenMetadata()
    given.add({"a": {"b": 1}})
    given.send()
    for value in ({"c": 1}, None, 1, {"d": 1}):
        given.add({"a": value})
    assert given.send() == [{"a": None}, {"a": {"d": 1}}]


def test_it_is_bounded_however_much_was_given_between_two_publications() -> None:
    given, untaken = GivenMetadata(), Untaken()
    long = "x" * 5_000
    for count in range(1_000):
        for value in ({f"b{count}": long}, count, {"at": count}):
            given.add({"a": value})
            untaken.add({"a": value})
    for sent in (given.send(), untaken.take()):
        assert len(encode(sent)) < 20_000
        assert sent[-1] == {"a": {"at": 999}}
    for seed in range(300):
        _check_untaken(Random(seed))


def _check_untaken(random: Random) -> None:
    """Whatever it is merged into: all at once comes to the same as one after the other."""
    state = at_once = _objects(random)
    untaken = Untaken()
    for _ in range(random.randrange(6)):
        one = _objects(random)
        untaken.add(one)
        state = merged(state, one)
    taken = untaken.take()
    assert len(taken) <= 2
    for one in taken:
        at_once = merged(at_once, one)
    assert at_once == state
    assert untaken.take() == []


def _objects(random: Random, depth: int = 2) -> dict[str, Any]:
    return {
        random.choice("abc"): _objects(random, depth - 1)
        if depth and random.random() < 0.5
        else random.randrange(3)
        for _ in range(random.randrange(4))
    }


def test_too_much_is_refused_before_it_is_taken() -> None:
    untaken = Untaken()
    untaken.add({"a": 1})
    with pytest.raises(WrongShapeError):
        untaken.add({"b": "x" * 30_000})
    assert untaken.take() == [{"a": 1}]


@pytest.mark.parametrize(
    "wrong", [{"a": "x" * 30_000}, {'a"b': 1}, {"a\n": 1}, {"a\\": 1}, {"a": object()}]
)
def test_what_no_message_can_have_is_refused(wrong: dict[str, Any]) -> None:
    given = GivenMetadata()
    with pytest.raises((WrongShapeError, TypeError)):
        given.add(wrong)
    assert as_json(given.within(OURS)) == as_json(OURS)
