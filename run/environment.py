"""The file `.env`: settings and secrets shared by `make run` and docker compose."""

import os
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

FILE = Path(__file__).parent.parent / ".env"
SECRETS = ("SIGNING_SECRETS", "GRPC_CREDENTIAL", "CENTRIFUGO_API_KEY")
# as docker compose reads it: a value in quotes, or one that ends before a comment
_LINE = re.compile(
    r"""\s*(?:export\s+)?(\w+)\s*=\s*(?:'([^']*)'|"([^"]*)"|(.*?))\s*(?:(?<=\s)\#.*)?"""
)

Settings = dict[str, str]


def settings(file: Path = FILE) -> Settings:
    """The environment, then the file for what is missing; missing secrets are added to the file."""
    given = read(file) | dict(os.environ)
    return given | _made(file, given)


def complete(file: Path = FILE) -> None:
    """Adds missing secrets to the file, regardless of the current environment."""
    _made(file, read(file))


def read(file: Path) -> Settings:
    if not file.exists():
        return {}
    found = (_LINE.fullmatch(line) for line in file.read_text().splitlines())
    return {line[1]: line[2] or line[3] or line[4] or "" for line in found if line}


def wants_local_model(given: Mapping[str, str]) -> bool:
    """Whether a weights file is named, or no other model is."""
    return bool(given.get("LOCAL_MODEL")) or not (
        given.get("OPENAI_API_KEY") or given.get("OPENAI_BASE_URL")
    )


def _made(file: Path, given: Mapping[str, str]) -> Settings:
    missing = [name for name in SECRETS if not given.get(name)]
    made = {name: secrets.token_urlsafe(24) for name in missing}
    if made:
        _append(file, made)
    return made


def _append(file: Path, made: Settings) -> None:
    text = file.read_text() if file.exists() else ""
    file.touch()
    # before it contains any secret
    file.chmod(0o600)
    if text and not text.endswith("\n"):
        text += "\n"
    file.write_text(text + "".join(f"{name}={value}\n" for name, value in made.items()))


def main(arguments: list[str]) -> None:
    if arguments == ["--wants-local-model"]:
        sys.exit(not wants_local_model(read(FILE) | dict(os.environ)))
    complete()
    print(f"{FILE.name} holds the secrets; settings go there too, one NAME=value per line.")


if __name__ == "__main__":
    main(sys.argv[1:])
