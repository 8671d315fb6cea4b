"""The proxy server with one mechanism removed, to prove that chaos notices.

python -m chaos.broken no-checkpoint | no-idempotency-key
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

import uvloop

from proxy_server.answers.checkpoints import Checkpoints
from proxy_server.answers.progress import Progress
from proxy_server.app import App
from proxy_server.delivery.server_api import GrpcServerApi, Publish, Published
from proxy_server.settings import Settings
from proxy_server.store.generations import Leases


class WithoutKeys(GrpcServerApi):
    """Centrifugo's API, which regards each publication as new."""

    async def publish(self, batch: Sequence[Publish]) -> list[Published]:
        return await super().publish([one._replace(key="") for one in batch])


class NoCheckpoints(Checkpoints):
    async def store(self, growing: Iterable[Progress]) -> None:
        """Drops the checkpoints."""


class AppWithoutCheckpoints(App):
    def make_checkpoints(self, leases: Leases) -> Checkpoints:
        return NoCheckpoints(leases)


def no_idempotency_key(settings: Settings) -> App:
    key = settings.centrifugo_api_key.get_secret_value()
    target = urlsplit(settings.centrifugo_api_url).netloc
    return App(settings, centrifugo=WithoutKeys(target, key, secure=False))


WAYS: dict[str, Callable[[Settings], App]] = {
    "no-checkpoint": AppWithoutCheckpoints,
    "no-idempotency-key": no_idempotency_key,
}


async def main(way: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await WAYS[way](Settings()).serve(stop)  # type: ignore[call-arg]


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
