"""The caller: user and network address, as Centrifugo reports them."""

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from proxy_server.access.visitors import is_visitor

# A household or a server has a whole IPv6 network, so a limit per address would limit nothing.
_IPV6_PREFIX = 64


class Caller(NamedTuple):
    """The user, network address and metadata of a connection.

    address: empty if unknown.
    meta: JSON, or None.
    """

    user: str
    address: str = ""
    meta: str | None = None

    @property
    def is_visitor(self) -> bool:
        """Whether this service made up the identity for an anonymous visitor."""
        return is_visitor(self.user)


def address_of(forwarded: Iterable[str], proxies: int) -> str:
    """The address seen by the outermost trusted proxy; for IPv6, its network.

    forwarded: the values of `X-Forwarded-For`, to which each proxy appends its client's address.
    proxies: how many proxies are trusted. Entries further left may be forged.
    """
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    if not 0 < proxies <= len(hops):
        return ""
    try:
        address = ipaddress.ip_address(hops[-proxies].strip("[]"))
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address)
