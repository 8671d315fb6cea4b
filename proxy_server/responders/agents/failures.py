"""What an agent's model refused, in the sentences of the model edge."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import openai

from proxy_server.errors import ResponderFailed
from proxy_server.responders.model.failures import BROKEN_OFF, refused

_BROKEN = (httpx2.ReadError, httpx2.RemoteProtocolError)


@contextmanager
def as_failures(model: str) -> Iterator[None]:
    """Raises ResponderFailed for what the model's server did; the rest is the agent's own fault."""
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
