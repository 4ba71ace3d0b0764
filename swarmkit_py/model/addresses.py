"""Owns the relation of the two addresses that an endpoint has on a network with IPv4 and IPv6. Pure.

Counterpart: none: libnetwork's address management chooses the two apart from each other.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Network


@lru_cache(maxsize=4096)
def twin(address: str, subnet: str, subnet6: str) -> str:
    """The IPv6 address that goes with an IPv4 one (with prefix or without, as it is) on a network that has both: the
    same number in the other subnet. "" where there is no IPv6. So addresses are given out, and told, once."""
    if not subnet6 or not address:
        return ""
    host, slash, _ = address.partition("/")
    number = int(IPv4Address(host)) - int(IPv4Network(subnet, strict=False).network_address)
    six = IPv6Network(subnet6)
    return f"{six.network_address + number}" + (f"/{six.prefixlen}" if slash else "")
