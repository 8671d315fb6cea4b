"""The lasting identity of an anonymous visitor: a signed token that the page keeps."""

import secrets
from dataclasses import dataclass

from proxy_server.access.signatures import Signer

_PREFIX = "visitor-"


def is_visitor(user: str) -> bool:
    """Whether a user's name was given out by `Visitors`."""
    return user.startswith(_PREFIX)


@dataclass(frozen=True, slots=True)
class Visitor:
    user: str
    token: str


class Visitors:
    """Makes visitors and knows them again.

    A token names its user and proves that it was given out here: `<user>.<signature>`. It does
    not expire: it guards what its holder alone has written, and losing it loses that.
    """

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def known(self, token: str) -> Visitor | None:
        """The visitor of that token; None where it is not ours."""
        user, _, signature = token.rpartition(".")
        if not self._signer.verify(signature, "visitor", user):
            return None
        # Signed again, so that after a rotation of secrets the page keeps the newer signature.
        return Visitor(user, f"{user}.{self._signer.sign('visitor', user)}")

    def new(self) -> Visitor:
        user = f"{_PREFIX}{secrets.token_urlsafe(15)}"
        return Visitor(user, f"{user}.{self._signer.sign('visitor', user)}")
