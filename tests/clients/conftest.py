"""The package, built once, and the parts that its programs use."""

from collections.abc import Iterator

import pytest

from testbed import frontend
from testbed.deployment import Deployment

SETTINGS = {
    "PROMPTS_PER_MINUTE": "1000",
    "SHUTDOWN_GRACE_SECONDS": "0.5",
    "RESPONDERS": "parts=testbed.answers:answer",
}


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    frontend.build()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("clients")
    with Deployment(folder=folder, settings=SETTINGS) as running:
        yield running
