"""The lasting identity of an anonymous visitor: a signed token that the page keeps."""

import secrets
from dataclasses import dataclass

from proxy_server.access.signatures import Signer


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

    def welcome(self, token: str | None) -> Visitor:
        """The visitor of that token; a new one where there is none or it is not ours."""
        return (token and self._known(token)) or self._new()

    def _known(self, token: str) -> Visitor | None:
        user, _, signature = token.rpartition(".")
        if not self._signer.verify(signature, "visitor", user):
            return None
        # Signed again, so that after a rotation of secrets the page keeps the newer signature.
        return Visitor(user, f"{user}.{self._signer.sign('visitor', user)}")

    def _new(self) -> Visitor:
        user = f"visitor-{secrets.token_urlsafe(15)}"
        return Visitor(user, f"{user}.{self._signer.sign('visitor', user)}")
