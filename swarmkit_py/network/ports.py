"""Owns which ports of this machine containers have, and which address on a gateway bridge is free. Pure but for one
question to the kernel: does a program of the machine itself listen there?

Counterpart: moby/libnetwork/portallocator, moby/libnetwork/ipam.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable

import msgspec

from swarmkit_py import errors
from swarmkit_py.runtime.base import PortMapping

FIRST_DYNAMIC = 32768
LAST_DYNAMIC = 60999
PortKey = tuple[str, int]


def place_ports(
    sandbox_id: str, asked: Iterable[PortMapping], taken: set[PortKey], listens: Callable[[PortKey], bool]
) -> list[PortMapping]:
    """The mappings with published numbers filled in (0: the lowest free one from 32768). Raises errors.Conflict
    with Docker's text for a port that is taken, errors.InvalidArgument for one that cannot be."""
    taken = set(taken)
    placed = []
    for mapping in asked:
        _check(mapping)
        key = (mapping.protocol, _number(mapping, taken, listens))
        if key in taken or (mapping.published_port and listens(key)):
            raise errors.Conflict(
                f"driver failed programming external connectivity on endpoint {sandbox_id[:12]}: "
                f"Bind for {mapping.host or '0.0.0.0'}:{key[1]} failed: port is already allocated"
            )
        taken.add(key)
        placed.append(msgspec.structs.replace(mapping, published_port=key[1], last_port=0))
    return placed


def _number(mapping: PortMapping, taken: set[PortKey], listens: Callable[[PortKey], bool]) -> int:
    """The one asked for, the first free one of a range (its last where none is), or any."""
    if not mapping.published_port:
        return _free_port(mapping.protocol, taken, listens)
    keys = [(mapping.protocol, number) for number in range(mapping.published_port, mapping.last_port + 1)]
    free = (number for _, number in keys if (mapping.protocol, number) not in taken)
    found = (number for number in free if not listens((mapping.protocol, number)))
    return next(found, mapping.last_port or mapping.published_port)


def _check(mapping: PortMapping) -> None:
    if mapping.protocol not in ("tcp", "udp"):
        raise errors.InvalidArgument(f"a port's protocol is tcp or udp here, not {mapping.protocol}")
    if not (0 <= mapping.published_port <= 65535 and 1 <= mapping.target_port <= 65535):
        raise errors.InvalidArgument(f"no such port: {mapping.published_port}:{mapping.target_port}")


def _free_port(protocol: str, taken: set[PortKey], listens: Callable[[PortKey], bool]) -> int:
    for number in range(FIRST_DYNAMIC, LAST_DYNAMIC + 1):
        if (protocol, number) not in taken and not listens((protocol, number)):
            return number
    raise errors.Conflict(f"all {protocol} ports from {FIRST_DYNAMIC} to {LAST_DYNAMIC} are taken")


def listens_here(key: PortKey) -> bool:
    """True if some program of this namespace has the port: it could not be bound."""
    protocol, number = key
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as probe:
        if protocol == "tcp":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", number))
            if protocol == "tcp":
                probe.listen(1)
        except OSError:
            return True
    return False


def lowest_free(bridge: str, taken: Iterable[str]) -> str:
    """The lowest address with prefix on a bridge's subnet that neither the bridge (whose own `bridge` is) nor any of
    `taken` has. Raises errors.Unavailable when there is none."""
    network = ipaddress.ip_interface(bridge).network
    used = {address.partition("/")[0] for address in (bridge, *taken)}
    for host in map(str, network.hosts()):
        if host not in used:
            return f"{host}/{network.prefixlen}"
    raise errors.Unavailable(f"no free address is left on {network}")
