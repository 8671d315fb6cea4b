"""Turns failures of an agent's model into the same sentences that direct models give."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import openai

from proxy_server.errors import ResponderFailed
from proxy_server.responders.model.failures import BROKEN_OFF, refused

_BROKEN = (httpx2.ReadError, httpx2.RemoteProtocolError)


@contextmanager
def as_failures(model: str) -> Iterator[None]:
    """Raises ResponderFailed for failures of the model's server; other errors are the agent's."""
    try:
        yield
    except Exception as error:
        causes = list(_causes(error))
        for cause in causes:
            if isinstance(cause, _BROKEN):
                details = f"{type(cause).__name__} within the agent"
                raise ResponderFailed("broken_off", BROKEN_OFF, details) from error
        for cause in causes:
            if isinstance(cause, openai.APIError):
                raise refused(cause, model) from error
        raise


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
