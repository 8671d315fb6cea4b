"""The model server's odd ends, which are among chaos's faults, through the whole system."""

from collections.abc import Iterator

import pytest

from testbed import parts
from testbed.odd_ends import BREAKS, ODD_ENDS
from testbed.ports import free_port
from testbed.process import Process
from testbed.text import text
from tests.responders.asking import Serve, asked, said


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with parts.model(free_port(), tmp_path_factory.mktemp("model")) as running:
        yield running


@pytest.mark.parametrize("command", ODD_ENDS)
async def test_all_text_is_kept_and_a_failure_is_never_called_complete(
    serve: Serve, model: Process, command: str
) -> None:
    url = f"http://127.0.0.1:{model.port}/v1"
    async with serve(openai_base_url=url, openai_api_key="none", openai_model="test") as app:
        answer = await asked(app, f"{command} 20 rate=1000 seed=3")
    assert said(answer) == text(20, 3)
    assert answer.metadata.status == ("failed" if command in BREAKS else "complete")
