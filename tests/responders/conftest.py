"""The service with an operator's Python, over an in-memory Centrifugo."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy_server import App, Settings
from proxy_server.testing import InMemoryCentrifugo
from tests.responders.asking import OWN, Serve
from tests.responders.python import own


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """The service with these settings, over an in-memory Centrifugo."""
    own.seen.clear()
    own.done.clear()
    own.release = asyncio.Event()

    @asynccontextmanager
    async def served(responder: str = "", **more: object) -> AsyncIterator[App]:
        given: dict[str, object] = {
            "signing_secrets": ("a-secret-of-these-tests",),
            "database_url": f"sqlite:///{tmp_path}/conversations.db",
            "coalesce_seconds": 0,
            "responder": f"{OWN}:{responder}" if responder else "",
            **more,
        }
        app = App(Settings.model_validate(given), centrifugo=InMemoryCentrifugo())
        async with app:
            yield app

    return served
