"""Settings from given variables alone."""

from collections.abc import Callable

import pytest

from proxy_server.settings import Settings

SECRET = "a-secret-of-the-settings"
Make = Callable[..., Settings]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    """Settings only from these variables, plus the one that has no default."""

    def made(**variables: str) -> Settings:
        for name in Settings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in ({"SIGNING_SECRETS": SECRET} | variables).items():
            monkeypatch.setenv(name, value)
        return Settings()  # type: ignore[call-arg]

    return made
