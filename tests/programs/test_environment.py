"""The file `.env`: secrets created once and kept private, settings read as docker compose does."""

import subprocess
import sys
from pathlib import Path

import pytest

from run import environment
from run.environment import SECRETS, complete, read, settings

GIVEN = {
    "SIGNING_SECRETS": "given-1",
    "GRPC_CREDENTIAL": "given-2",
    "CENTRIFUGO_API_KEY": "given-3",
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (*SECRETS, "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / ".env"


def test_secrets_are_made_once_and_differ(file: Path) -> None:
    first = settings(file)
    made = [first[name] for name in SECRETS]
    assert len(set(made)) == len(made)
    assert all(len(secret) >= 32 for secret in made)
    written = file.read_text()
    again = settings(file)
    assert [again[name] for name in SECRETS] == made
    assert file.read_text() == written


def test_secrets_are_for_their_owner_alone(file: Path) -> None:
    file.write_text("PAGE_PORT=9001")
    file.chmod(0o644)
    settings(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().startswith("PAGE_PORT=9001\n")
    assert read(file)["PAGE_PORT"] == "9001"


def test_the_environment_goes_before_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("OPENAI_MODEL=of-the-file\nMODELS=of-the-file\n")
    monkeypatch.setenv("OPENAI_MODEL", "of-the-environment")
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)
    given = settings(file)
    assert (given["OPENAI_MODEL"], given["MODELS"]) == ("of-the-environment", "of-the-file")
    assert {name: given[name] for name in SECRETS} == GIVEN
    assert "GRPC_CREDENTIAL" not in read(file)


def test_the_file_for_compose_is_complete_whatever_the_environment_says(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRPC_CREDENTIAL", "of-the-environment")
    complete(file)
    assert set(read(file)) == set(SECRETS)
    assert read(file)["GRPC_CREDENTIAL"] != "of-the-environment"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=plain", "plain"),
        ("  export NAME = spaced  ", "spaced"),
        ("NAME=cut # a note", "cut"),
        ("NAME=a#b", "a#b"),
        ("NAME= # a note", ""),
        ("NAME=", ""),
        ('NAME=""', ""),
        ('NAME="two words" # a note', "two words"),
        ("NAME='a # b'", "a # b"),
        ("NAME=key=with=signs", "key=with=signs"),
        ("# NAME=none", None),
        ("NAME", None),
        ("", None),
    ],
)
def test_a_line_is_read_as_docker_compose_reads_it(
    file: Path, line: str, value: str | None
) -> None:
    file.write_text(line + "\n")
    assert read(file).get("NAME") == value


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", True),
        ('OPENAI_API_KEY=""', True),
        ("OPENAI_API_KEY= # none yet", True),
        ("export OPENAI_API_KEY=a-key", False),
        ("OPENAI_BASE_URL=http://127.0.0.1:1/v1", False),
    ],
)
def test_make_asks_whether_the_local_model_is_wanted(
    file: Path, monkeypatch: pytest.MonkeyPatch, text: str, wanted: bool
) -> None:
    file.write_text(text)
    monkeypatch.setattr(environment, "FILE", file)
    with pytest.raises(SystemExit) as asked:
        environment.main(["--wants-local-model"])
    assert asked.value.code == (not wanted)
    assert file.read_text() == text


def test_git_ignores_the_file() -> None:
    ignored = subprocess.run(
        ["git", "check-ignore", "--quiet", "--no-index", ".env"], cwd=environment.FILE.parent
    )
    assert ignored.returncode == 0


def test_it_runs_on_its_own(file: Path) -> None:
    """As `python3 -m run.environment`, before anything is installed."""
    package = file.parent / "run"
    package.mkdir()
    for name in ("__init__.py", "environment.py"):
        source = Path(environment.__file__).parent / name
        (package / name).write_text(source.read_text())
    command = [sys.executable, "-I", "-S", "-c"]
    code = f"import sys; sys.path.insert(0, {str(file.parent)!r}); import runpy; "
    code += "runpy.run_module('run.environment', run_name='__main__')"
    subprocess.run([*command, code], check=True, stdout=subprocess.DEVNULL)
    assert set(read(file)) == set(SECRETS)
