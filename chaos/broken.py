"""The proxy server with one of its mechanisms taken out, to see that its lack is found.

python -m chaos.broken no-checkpoint | no-idempotency-key
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import uvloop

from proxy_server.app import App
from proxy_server.delivery.server_api import GrpcServerApi, Publish, Published
from proxy_server.settings import Settings

_NEVER = 1e9


class WithoutKeys(GrpcServerApi):
    """Centrifugo's API, to which each publication is a new one."""

    async def publish(self, batch: Sequence[Publish]) -> list[Published]:
        return await super().publish([one._replace(key="") for one in batch])


def no_checkpoint(settings: Settings) -> App:
    return App(settings.model_copy(update={"checkpoint_seconds": _NEVER}))


def no_idempotency_key(settings: Settings) -> App:
    key = settings.centrifugo_api_key.get_secret_value()
    target = urlsplit(settings.centrifugo_api_url).netloc
    return App(settings, centrifugo=WithoutKeys(target, key, secure=False))


WAYS: dict[str, Callable[[Settings], App]] = {
    "no-checkpoint": no_checkpoint,
    "no-idempotency-key": no_idempotency_key,
}


async def main(way: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await WAYS[way](Settings()).serve(stop)  # type: ignore[call-arg]


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
