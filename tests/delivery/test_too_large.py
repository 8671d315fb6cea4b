"""What exceeds the limit of a proxy in front of Centrifugo's API: only that is left out."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy_server.delivery.publisher import Publisher
from proxy_server.delivery.server_api import Publish, ServerApi, server_api
from proxy_server.errors import ApiRejected
from proxy_server.protocol.sessions import Position
from testbed import machine
from testbed.deployment import API_KEY, Deployment
from testbed.nginx import nginx
from testbed.ports import free_port
from tests.conftest import needs

# this many of this size are a full batch of the publisher: with the envelope, above 1 MiB
_BATCH = 500
_PUBLICATION = b'"' + b"x" * 2080 + b'"'
_TOO_LARGE = b'"' + b"x" * (2 << 20) + b'"'


@pytest.fixture(params=["grpc", "http"])
async def api(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ServerApi]:
    """Centrifugo's API behind nginx, with its default limit for a request."""
    needs(nginx=machine.nginx())
    with Deployment(folder=tmp_path, replicas=0, api=request.param) as running:
        port = free_port()
        ways = {
            "grpc": f" http2; location / {{ grpc_pass grpc://127.0.0.1:{running.api_port}; }}",
            "http": f"; location / {{ proxy_pass http://127.0.0.1:{running.api_port}; }}",
        }
        server = f"server {{ listen 127.0.0.1:{port}{ways[request.param]} }}"
        with nginx(port, server, tmp_path):
            urls = {"grpc": f"grpc://127.0.0.1:{port}", "http": f"http://127.0.0.1:{port}/api"}
            found = server_api(urls[request.param], API_KEY)
            yield found
            await found.close()


async def test_a_batch_that_is_too_large_is_sent_in_halves(api: ServerApi) -> None:
    batch = [Publish(*of(number)) for number in range(_BATCH)]
    batch[11] = Publish("ai:11", _TOO_LARGE, "11")
    published = await api.publish(batch)
    rejected = published.pop(11)
    assert isinstance(rejected, ApiRejected)
    assert rejected.code == 413
    assert [one.offset for one in published if isinstance(one, Position)] == [1] * (_BATCH - 1)


async def test_the_backlog_after_an_outage_gets_through(api: ServerApi) -> None:
    publisher = Publisher(api)
    posted = [publisher.post(*of(number)) for number in range(2 * _BATCH)]
    assert {one.offset for one in await asyncio.gather(*posted)} == {1}
    await publisher.close()


def of(number: int) -> tuple[str, bytes, str]:
    return f"ai:{uuid.UUID(int=number)}", _PUBLICATION, f"{uuid.UUID(int=number)}:1"
