"""The address of a route: told apart from a Python name, and checked."""

import ipaddress
from typing import NamedTuple, Self
from urllib.parse import SplitResult, urlsplit

from proxy_server.errors import ResponderUnusable


class RouteAddress(NamedTuple):
    """The address of a route.

    url: where requests go.
    for_log: the same without parts that may be secret.
    """

    url: str
    for_log: str

    @classmethod
    def of(cls, place: str, *, has_secret: bool) -> Self:
        """Raises ResponderUnusable."""
        try:
            parts = urlsplit(place)
            host, _ = parts.hostname or "", parts.port
        except ValueError as error:
            raise ResponderUnusable(f"RESPONDER is not a valid address: {error}") from error
        for_log = _without_secrets(parts)
        if parts.scheme not in ("https", "http") or not host:
            raise ResponderUnusable(f"{for_log} cannot be a responder: give https://host/path")
        is_here = _is_loopback(host)
        if parts.scheme == "http" and not is_here:
            raise ResponderUnusable(
                f"{for_log} cannot be a responder: use https; http is only for routes on this "
                "machine"
            )
        if not has_secret and not is_here:
            raise ResponderUnusable(
                f"{for_log} needs RESPONDER_SECRETS: without a signature anyone who finds the "
                "route could call it as any user"
            )
        return cls(place, for_log)


def is_route(place: str) -> bool:
    """Whether it is an address rather than the name of a Python object."""
    return "://" in place


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _without_secrets(parts: SplitResult) -> str:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
