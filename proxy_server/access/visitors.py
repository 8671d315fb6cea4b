"""The lasting identity of an anonymous visitor: a signed token that the page stores."""

import secrets
from dataclasses import dataclass

from proxy_server.access.signatures import Signer

_PREFIX = "visitor-"


def is_visitor(user: str) -> bool:
    """Whether a user id was made by `Visitors`."""
    return user.startswith(_PREFIX)


@dataclass(frozen=True, slots=True)
class Visitor:
    user: str
    token: str


class Visitors:
    """Creates visitors and recognizes them again.

    A token contains its user and proves that this service issued it: `<user>.<signature>`. It never
    expires: it protects only what its holder has written, and whoever loses it loses access to
    that.
    """

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def known(self, token: str) -> Visitor | None:
        """The visitor of a token; None if this service did not issue it."""
        user, _, signature = token.rpartition(".")
        if not self._signer.verify(signature, "visitor", user):
            return None
        # Signed again, so that after a rotation of secrets the page gets the newer signature.
        return Visitor(user, f"{user}.{self._signer.sign('visitor', user)}")

    def new(self) -> Visitor:
        user = f"{_PREFIX}{secrets.token_urlsafe(15)}"
        return Visitor(user, f"{user}.{self._signer.sign('visitor', user)}")
