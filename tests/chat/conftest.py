"""The service in this process, over the databases of the real parts."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa

from proxy_server import App, Settings
from proxy_server.store.database import Store
from proxy_server.store.schema import generations
from proxy_server.testing import InMemoryCentrifugo
from testbed.deployment import Deployment
from tests.chat import shop
from tests.chat.asking import Serve


@pytest.fixture
def centrifugo() -> InMemoryCentrifugo:
    return InMemoryCentrifugo()


@pytest.fixture
def user() -> str:
    return str(uuid.uuid4())


@pytest.fixture
async def serve(
    infrastructure: Deployment, centrifugo: InMemoryCentrifugo, user: str
) -> AsyncIterator[Serve]:
    """A replica of the service without its door; all replicas share Centrifugo and a database."""
    shop.seen.clear()
    database = infrastructure.server_settings["DATABASE_URL"]

    @asynccontextmanager
    async def served(**more: object) -> AsyncIterator[App]:
        given: dict[str, object] = {
            "signing_secrets": ("a-secret-of-these-tests",),
            "database_url": database,
            "coalesce_seconds": 0,
            "checkpoint_seconds": 0.1,
            "responder": "tests.chat.shop:shop",
            **more,
        }
        async with App(Settings.model_validate(given), centrifugo=centrifugo) as app:
            yield app

    yield served
    # unfinished answers must not reach the servers of other tests
    store = Store(database)
    gone = sa.delete(generations).where(generations.c.owner == user)
    await store.write(lambda connection: connection.execute(gone))
    await store.close()
