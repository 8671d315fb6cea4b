"""The frameworks are extras: missing ones are named, and unused ones are not imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from proxy_server.errors import ResponderUnusable
from proxy_server.responders.agents import EXTRAS
from proxy_server.responders.python.loading import load


@pytest.mark.parametrize(("module", "extra"), EXTRAS.items())
def test_what_is_not_installed_is_named(
    module: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"without_{module}.py").write_text(f"import {module}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ResponderUnusable) as unusable:
        load(f"without_{module}:agent")
    assert str(unusable.value).endswith(f"; run pip install 'centrifugo-llm[{extra}]'")


def test_a_function_loads_none_of_them() -> None:
    program = "\n".join(
        (
            "import sys",
            "from proxy_server.responders.python.responder import PythonResponder",
            "PythonResponder('examples.echo:answer')",
            f"print([name for name in {list(EXTRAS)} if name in sys.modules])",
        )
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert told.stdout == "[]\n"
