"""Owns which address a node tells others to reach it at. The choice is pure; asking the kernel stands beside it.

Counterpart: moby/daemon/cluster/listen_addr.go.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import closing
from ipaddress import IPv4Address

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.network import netlink

Local = tuple[str, str]
"""(interface, IPv4 address)."""

_OURS = ("docker0", "docker_gwbridge")
"""Bridges that the daemon itself makes are no way to other machines."""


def split_port(text: str, default: int) -> tuple[str, int]:
    """`host:port` or `host` apart. Raises InvalidArgument for a port that is none."""
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, default
    if not (port.isdigit() and 0 < int(port) < 65536):
        raise InvalidArgument(f"invalid address {text!r}: {port!r} is no port number (1 to 65535)")
    return host, int(port)


def choose_advertise(wanted: str, locals_: Sequence[Local], is_local: bool) -> str:
    """The IPv4 address to advertise. `wanted`: an address (`is_local`: some interface has it), an interface, or ""
    for the only candidate. Raises InvalidArgument, naming the addresses there are."""
    candidates = [at for at in locals_ if at[0] not in _OURS and not IPv4Address(at[1]).is_loopback]
    if not wanted:
        return _only(candidates)
    mine = [at for at in locals_ if at[0] == wanted]
    if mine:
        return _only(mine)
    if not _is_address(wanted):
        raise InvalidArgument("advertise address must be a non-zero IP address or network interface "
                              f"(with optional port number): {wanted} is neither; {_list(candidates)}")
    if not is_local:
        raise InvalidArgument(f"no interface of this host has the advertise address {wanted}; {_list(candidates)}")
    return wanted


def _only(candidates: Sequence[Local]) -> str:
    if not candidates:
        raise InvalidArgument("could not find the system's IP address - specify one with --advertise-addr")
    if len(candidates) == 1:
        return candidates[0][1]
    (one, first), (other, second) = candidates[:2]
    if one == other:
        where = f"interface {one} ({first} and {second})"
    else:
        where = f"different interfaces ({first} on {one} and {second} on {other})"
    raise InvalidArgument("could not choose an IP address to advertise since this system has multiple addresses on "
                          f"{where} - specify one with --advertise-addr")


def _is_address(text: str) -> bool:
    try:
        return not IPv4Address(text).is_unspecified
    except ValueError:
        return False


def _list(candidates: Sequence[Local]) -> str:
    if not candidates:
        return "this host has no address but loopback"
    return "there are " + ", ".join(f"{address} on {name}" for name, address in candidates)


def local_addresses() -> list[Local]:
    """All IPv4 addresses of this host's interfaces."""
    return [(name, address.partition("/")[0]) for name, address in netlink.local_addresses()]


def has_address(address: str) -> bool:
    """True if this host may use the address as its own."""
    try:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
            probe.bind((address, 0))
            return True
    except (OSError, ValueError):
        return False


def address_towards(host: str, port: int) -> str:
    """The address this host uses to reach `host`; sends nothing. Raises InvalidArgument if there is no way."""
    try:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
            probe.connect((host, port))
            return str(probe.getsockname()[0])
    except OSError as error:
        raise InvalidArgument(f"no way from this host to {host}: {error.strerror or error}") from None
