"""The proxy server with one of its mechanisms taken out, to see that its lack is found.

python -m chaos.broken no-checkpoint | no-idempotency-key
"""

import sys
from collections.abc import Callable, Sequence

from proxy_server.__main__ import main
from proxy_server.delivery.server_api import GrpcServerApi, Publish, Published
from proxy_server.store.leases import Checkpoint, Leases


def no_checkpoint() -> None:
    async def forget(_leases: Leases, _checkpoints: Sequence[Checkpoint]) -> None:
        pass

    Leases.checkpoint = forget  # type: ignore[assignment, method-assign]


def no_idempotency_key() -> None:
    publish = GrpcServerApi.publish

    async def without_keys(api: GrpcServerApi, batch: Sequence[Publish]) -> list[Published]:
        return await publish(api, [one._replace(key="") for one in batch])

    GrpcServerApi.publish = without_keys  # type: ignore[assignment, method-assign]


WAYS: dict[str, Callable[[], None]] = {
    "no-checkpoint": no_checkpoint,
    "no-idempotency-key": no_idempotency_key,
}

if __name__ == "__main__":
    WAYS[sys.argv[1]]()
    main()
