"""Owns forgetting connections that lead to a task that is gone. Must not know why it is gone.

The kernel chooses a backend once, for the first packet of a connection, and remembers it. A UDP client that goes on
asking from the same port would ask a dead task for ever; a TCP client would wait instead of being told. Once the
kernel has forgotten, the next packet is balanced anew. Best effort: where the kernel cannot list connections, they
end by their own timers.
Counterpart: moby/libnetwork/iptables/conntrack.go, DeleteConntrackEntries.
"""

from __future__ import annotations

import errno
import logging
import socket
import struct
from collections.abc import Collection, Iterator

from swarmkit_py import errors
from swarmkit_py.network import namespaces
from swarmkit_py.network.netlink import NETFILTER, Bare, Netlink, Request

CT_GET, CT_DELETE = 0x101, 0x102
TUPLE_ORIGINAL, TUPLE_REPLY = 1, 2
TUPLE_IP, TUPLE_PROTOCOL, IP_SOURCE, PROTOCOL_NUMBER = 1, 2, 1, 1
"""What is nested in a tuple, and in that."""
_NESTED = 0x7FFF
"""Masks the flags that a nested attribute's type carries."""
log = logging.getLogger(__name__)


def forget(addresses: Collection[str], protocols: Collection[int] | None = None, namespace: str = "") -> int:
    """Make the kernel forget the connections of a namespace that are answered by one of `addresses`, of these IP
    protocols (None: all). Returns how many."""
    wanted = {socket.inet_aton(address) for address in addresses}
    try:
        return namespaces.inside(namespace, lambda: _forget(wanted, protocols))
    except (errors.Internal, errors.NotFound, OSError) as error:
        log.info("connections to gone tasks are left to time out: %s", error)
        return 0


def _forget(wanted: set[bytes], protocols: Collection[int] | None) -> int:
    with Netlink(NETFILTER) as netlink:
        doomed = [original for packet in netlink.packets(CT_GET, Bare(family=socket.AF_INET))
                  if (original := _original(packet, wanted, protocols))]
        gone = frozenset({errno.ENOENT})
        netlink.run([Request(CT_DELETE, 0, Bare(o, socket.AF_INET), "forget a connection", gone) for o in doomed])
    return len(doomed)


def _original(packet: bytes, wanted: set[bytes], protocols: Collection[int] | None) -> bytes:
    """The attribute that names this connection, if it is one of those; else nothing."""
    if not any(address in packet for address in wanted):  # nearly all end here, unparsed: tables can be long
        return b""
    parts = dict(_attributes(packet[20:]))
    reply = dict(_attributes(parts.get(TUPLE_REPLY, b"")[4:]))
    source = dict(_attributes(reply.get(TUPLE_IP, b"")[4:])).get(IP_SOURCE, b"")[4:]
    protocol = dict(_attributes(reply.get(TUPLE_PROTOCOL, b"")[4:])).get(PROTOCOL_NUMBER, b"\0" * 5)[4]
    if source in wanted and (protocols is None or protocol in protocols):
        return parts[TUPLE_ORIGINAL]
    return b""


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, the attribute with its header and padding) of each attribute in a row."""
    offset = 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        if length < 4:
            return
        whole = data[offset:offset + length]
        yield kind & _NESTED, whole + b"\0" * (-length % 4)
        offset += (length + 3) & ~3
