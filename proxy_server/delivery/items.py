"""Publications that wait in the queue of a channel, or are being sent."""

import asyncio
from collections import deque

from proxy_server.delivery.server_api import Publish
from proxy_server.protocol.sessions import Position


class Item:
    """A publication to be sent; `acknowledged` yields its position, or why there is none."""

    __slots__ = ("acknowledged", "failures", "give_up_at", "publish", "state")

    def __init__(
        self,
        publish: Publish,
        acknowledged: asyncio.Future[Position],
        give_up_at: float,
        state: str | None,
    ) -> None:
        self.publish = publish
        self.state = state
        self.acknowledged = acknowledged
        self.give_up_at = give_up_at
        self.failures = 0


def waiting_for_state(queue: deque[Item], state: str | None) -> Item | None:
    """The waiting item of that state. Skips the first item, which may be in flight."""
    if state is None:
        return None
    for at in range(len(queue) - 1, 0, -1):
        if queue[at].state == state:
            return queue[at]
    return None
