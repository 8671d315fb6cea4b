"""`make run` on separate ports."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from run.parts import Ports
from testbed.ports import free_port
from tests.programs.running import Run


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    ports = Ports(*(free_port() for _ in range(6)))
    started = Run.on(
        ports,
        {
            "PAGE_PORT": str(ports.page),
            "CENTRIFUGO_PORT": str(ports.centrifugo),
            "CENTRIFUGO_API_PORT": str(ports.centrifugo_api),
            "GRPC_PORT": str(ports.grpc),
            "METRICS_PORT": str(ports.metrics),
            "LOCAL_MODEL_PORT": str(ports.local_model),
            "SIGNING_SECRETS": "signing-secret-of-the-tests",
            "GRPC_CREDENTIAL": "credential-of-the-tests",
            "CENTRIFUGO_API_KEY": "api-key-of-the-tests",
            "DATABASE_URL": f"sqlite:///{tmp_path}/conversations.db",
            "OPENAI_API_KEY": "",
            "OPENAI_BASE_URL": "",
        },
        tmp_path / "run.log",
    )
    yield started
    if started.runs:
        started.stop()
