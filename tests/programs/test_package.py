"""The package as others install it: the wheel has all that it needs, and its command starts."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [made] = folder.glob("*.whl")
    return made


def test_the_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    ours = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "proxy_server").rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }
    assert any(name.endswith(".mako") for name in ours)
    assert ours <= set(zipfile.ZipFile(wheel).namelist())


def test_the_command_starts(wheel: Path, tmp_path: Path) -> None:
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--target", str(tmp_path), str(wheel)], check=True)
    ended = subprocess.run(
        [tmp_path / "bin" / "centrifugo-llm"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "SIGNING_SECRETS" in ended.stderr
    assert "Traceback" not in ended.stderr
