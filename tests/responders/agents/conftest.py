"""The testbed's model server, alone."""

from collections.abc import Iterator

import pytest

from testbed import parts
from testbed.ports import free_port
from tests.responders.agents.running import ModelServer


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    port = free_port()
    with parts.model(port, tmp_path_factory.mktemp("model")):
        yield ModelServer(port)
