"""What RESPONDER may name, and the message if it cannot answer."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from proxy_server.errors import ResponderUnusable
from proxy_server.responders.python.loading import load
from testbed.ports import free_port

OWN = "tests.responders.python.own"
FORM = "; a responder is an async generator function of one argument (async def with yield), "
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("attribute", ["answer", "shop", "shop.answer"])
def test_functions_and_objects_are_found(attribute: str) -> None:
    load(f"{OWN}:{attribute}")


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (OWN, "cannot be a responder: give package.module:attribute"),
        (f"{OWN}:", "cannot be a responder: give package.module:attribute"),
        ("no_such_package.thing:answer", "there is no module no_such_package, neither in "),
        (f"{OWN}.inner:answer", f"there is no module {OWN}.inner, neither in "),
        (f"{OWN}:anser", f"there is no anser in {OWN} ("),
        (f"{OWN}:shop.anser", f"there is no anser in {OWN} (Shop)"),
        (f"{OWN}:coroutine", f"{OWN}:coroutine is an async function without a yield{FORM}"),
        (f"{OWN}:plain", f"is a function that is not async, or without a yield{FORM}"),
        (f"{OWN}:text", f"is an object of the type str{FORM}"),
        (f"{OWN}:Shop", f"is a class: name an object of it{FORM}"),
        (f"{OWN}:two", "must take the turn as its only argument, not (_: "),
    ],
)
def test_what_is_wrong_is_said(place: str, sentence: str) -> None:
    with pytest.raises(ResponderUnusable) as unusable:
        load(place)
    assert sentence in str(unusable.value)
    assert "\n" not in str(unusable.value)


@pytest.mark.parametrize(
    ("source", "said", "line"),
    [
        ("import os\n1 / 0\n", "ZeroDivisionError: division by zero", 2),
        ("import no_such_thing\n", "ModuleNotFoundError: No module named 'no_such_thing'", 1),
        ("from os import nothing\n", "ImportError: cannot import name 'nothing'", 1),
        ("async def answer(turn)\n", "SyntaxError: expected ':'", 1),
        ("\nraise SystemExit('two\\nlines')\n", "SystemExit: two lines", 2),
    ],
)
def test_a_broken_module_is_named_with_its_line(
    source: str, said: str, line: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"broken_{uuid.uuid4().hex}"
    file = tmp_path / f"{name}.py"
    file.write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ResponderUnusable) as unusable:
        load(f"{name}:answer")
    assert f"the import of {name} failed with {said}" in str(unusable.value)
    assert f"{file}, line {line})" in str(unusable.value)
    assert "\n" not in str(unusable.value)


def test_the_folder_of_the_start_is_looked_in_and_the_server_says_the_sentence(
    tmp_path: Path,
) -> None:
    (tmp_path / "mine.py").write_text("answer = 7\n")
    done = subprocess.run(
        [sys.executable, "-P", "-c", "from proxy_server.__main__ import main; main()"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "SIGNING_SECRETS": "a-secret-of-these-tests",
            "GRPC_LISTEN": f"127.0.0.1:{free_port()}",
            "METRICS_LISTEN": "off",
            "RESPONDER": "mine:answer",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "The server cannot run: mine:answer is an object of the type int"
        f"{FORM}or an object with such a method named answer\n"
    )
    assert done.stdout == ""
