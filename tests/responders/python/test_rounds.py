"""Generators that never wait leave the loop to others, and do not delay those that do wait."""

import asyncio
from itertools import count

from proxy_server.responders.python.rounds import Round, Rounds

GREEDY = 20
VALUES = 400


async def test_they_share_each_pass_of_the_loop() -> None:
    clock = count()
    # each look at the clock is a millisecond later: five of them are a pass
    rounds = Rounds(lambda: next(clock) / 1000)
    passes = 0
    given: dict[int, list[int]] = {}
    done: list[int] = []

    async def greedy(number: int) -> None:
        own = Round(rounds)
        for _ in range(VALUES):
            given.setdefault(passes, []).append(number)
            if own.is_over():
                await own.next()
        done.append(number)

    async def patient() -> int:
        """Waits between its values, as most do: each takes one pass."""
        own, before = Round(rounds), passes
        for _ in range(100):
            await asyncio.sleep(0)
            assert not own.is_over()
        return passes - before

    tasks = [asyncio.create_task(greedy(number)) for number in range(GREEDY)]
    waiting = asyncio.create_task(patient())
    while len(done) < GREEDY:
        await asyncio.sleep(0)
        passes += 1
    assert max(map(len, list(given.values())[1:])) < 2 * 17
    # all of them ended together: none was left behind
    assert sorted(done) == list(range(GREEDY))
    assert len(given) > GREEDY * VALUES / 40
    assert await waiting <= 101
    await asyncio.gather(*tasks)
