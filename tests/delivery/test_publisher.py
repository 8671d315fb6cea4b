"""The queue of publications: bounded, in order, and only the newest version of each state."""

import asyncio
from collections.abc import Sequence

from proxy_server.delivery import publisher as module
from proxy_server.delivery.publisher import Publisher
from proxy_server.delivery.server_api import Publish, Published
from proxy_server.testing import InMemoryCentrifugo


class HeldUp(InMemoryCentrifugo):
    """Accepts nothing until `opened`."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = asyncio.Event()
        self.asked = asyncio.Event()
        self.published: list[bytes] = []
        self.listen(lambda publication: self.published.append(publication.data))

    async def publish(self, batch: Sequence[Publish]) -> list[Published]:
        self.asked.set()
        await self.opened.wait()
        return await super().publish(batch)


async def test_a_state_takes_the_place_of_the_one_that_waits() -> None:
    centrifugo = HeldUp()
    publisher = Publisher(centrifugo)
    told = [publisher.post("a", b"under way", "0", urgent=True, state="title")]
    await centrifugo.asked.wait()
    for number in range(300):
        told.append(publisher.post("a", b"title %d" % number, f"t{number}", state="title"))
        if number % 100 == 0:
            told.append(publisher.post("a", b"piece %d" % number, f"p{number}"))
        told.append(publisher.post("a", b"other %d" % number, f"o{number}", state="other"))
        told.append(publisher.post("b", b"elsewhere %d" % number, f"e{number}", state="title"))
    assert publisher._backlog <= 8
    centrifugo.opened.set()
    positions = await asyncio.gather(*told)
    assert [data for data in centrifugo.published if not data.startswith(b"else")] == [
        b"under way",
        b"title 299",
        b"piece 0",
        b"other 299",
        b"piece 100",
        b"piece 200",
    ]
    assert centrifugo.published.count(b"elsewhere 299") == 1
    # the caller whose publication was replaced learns the position of the newest
    assert positions[1] == positions[5]
    await publisher.close()


async def test_nothing_is_begun_while_too_much_waits() -> None:
    centrifugo = HeldUp()
    publisher = Publisher(centrifugo)
    full = set()
    for number in range(module._MOST_WAITING):
        full.add(publisher.full)
        publisher.post("a", b"", str(number))
    assert full == {False}
    centrifugo.opened.set()
    assert await _full_once_and_then_not(publisher)
    await publisher.close()


async def _full_once_and_then_not(publisher: Publisher) -> bool:
    was = publisher.full
    while publisher.full:
        await asyncio.sleep(0)
    return was
