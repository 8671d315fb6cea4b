"""Who calls: the user, and the network address, as far as Centrifugo vouches for them."""

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from proxy_server.access.visitors import is_visitor

# A household or a server has a whole network of the newer addresses, so one address is no limit.
_IPV6_PREFIX = 64


class Caller(NamedTuple):
    """address: empty where it is not known; meta: of the connection, as JSON."""

    user: str
    address: str = ""
    meta: str | None = None

    @property
    def is_visitor(self) -> bool:
        """Whether the identity was given out here, to whoever asked."""
        return is_visitor(self.user)


def address_of(forwarded: Iterable[str], proxies: int) -> str:
    """The address that the outermost of our own proxies saw; IPv6 by its network.

    forwarded: the values of `X-Forwarded-For`, to which each proxy appends whom it has served.
    proxies: how many of them are ours. What stands further left may be anybody's invention.
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
