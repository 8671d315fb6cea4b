"""The file `.env`: settings and secrets that `make run` and docker compose share."""

import os
import secrets
from pathlib import Path

FILE = Path(__file__).parent.parent / ".env"
SECRETS = ("SIGNING_SECRETS", "GRPC_CREDENTIAL", "CENTRIFUGO_API_KEY")

Settings = dict[str, str]


def settings() -> Settings:
    """What the environment says, and beneath it the file, which gets the secrets nobody gave."""
    given = _read() | dict(os.environ)
    missing = [name for name in SECRETS if not given.get(name)]
    if missing:
        made = {name: secrets.token_urlsafe(24) for name in missing}
        _append(made)
        given |= made
    return given


def _read() -> Settings:
    if not FILE.exists():
        return {}
    lines = (line.strip() for line in FILE.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line[:1] != "#")
    return {name.strip(): _unquoted(value.strip()) for name, sign, value in pairs if sign}


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def _append(made: Settings) -> None:
    text = FILE.read_text() if FILE.exists() else ""
    FILE.touch(mode=0o600)
    if text and not text.endswith("\n"):
        text += "\n"
    FILE.write_text(text + "".join(f"{name}={value}\n" for name, value in made.items()))


if __name__ == "__main__":
    settings()
    print(f"{FILE.name} holds the secrets; settings go there too, one NAME=value a line.")
