"""The environment without a developer's settings for the parts under test."""

import os

from proxy_server.settings import Settings

_SETTINGS = frozenset(name.upper() for name in Settings.model_fields)
_PREFIXES = ("CENTRIFUGO_", "OPENAI_", "PAGE_")
# which program to start, not how it behaves
_KEPT = ("CENTRIFUGO_BIN",)


def inherited() -> dict[str, str]:
    """The part of the present environment that the parts may see."""
    return {name: value for name, value in os.environ.items() if not _configures(name)}


def forget() -> None:
    """Removes the rest from the present environment, for clients in this process."""
    for name in [*os.environ]:
        if _configures(name):
            del os.environ[name]


def _configures(name: str) -> bool:
    upper = name.upper()
    if upper in _KEPT:
        return False
    return upper in _SETTINGS or upper.startswith(_PREFIXES) or upper.endswith("_PROXY")
