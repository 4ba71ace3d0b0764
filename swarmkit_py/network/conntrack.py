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
TUPLE_REPLY, STATUS, PROTOCOL_INFO = 2, 3, 4
TUPLE_IP, TUPLE_PROTOCOL, IP_SOURCE, PROTOCOL_NUMBER = 1, 2, 1, 1
"""What is nested in a tuple, and in that."""
INFO_TCP, TCP_STATE = 1, 1
"""What is nested in PROTOCOL_INFO, and in that."""
TIME_WAIT, CLOSED = 7, 8
"""TCP_CONNTRACK_*, values of TCP_STATE."""
SEEN_REPLY = 2
"""IPS_SEEN_REPLY, a bit of STATUS."""
_NESTED = 0x7FFF
"""Masks the flags that a nested attribute's type carries."""
log = logging.getLogger(__name__)


def forget(
    addresses: Collection[str], protocols: Collection[int] | None = None, namespace: str = "", *,
    idle: bool = False,
) -> int:
    """Make the kernel forget the connections of a namespace that are answered by one of `addresses`, of these IP
    protocols (None: all), or of these only those that were never answered or are over. Returns how many."""
    wanted = {socket.inet_aton(address) for address in addresses}

    def work() -> int:
        with Netlink(NETFILTER) as netlink:
            doomed = find(netlink, wanted, protocols, idle=idle)
            return delete(netlink, doomed, idle=idle)

    try:
        return namespaces.inside(namespace, work)
    except (errors.Internal, errors.NotFound, OSError) as error:
        log.info("connections to gone tasks are left to time out: %s", error)
        return 0


def find(
    netlink: Netlink, wanted: Collection[bytes], protocols: Collection[int] | None, *, idle: bool
) -> list[bytes]:
    """Those connections, by the packets that answer them. Not by those that ask: by the time one is deleted, its
    client may have begun another from the same port, which leads to a living task (seen at 200 requests a second)."""
    return [reply for packet in netlink.packets(CT_GET, Bare(family=socket.AF_INET))
            if any(address in packet for address in wanted)  # nearly all end here, unparsed: tables can be long
            and (reply := _reply(packet, wanted, protocols)) and not (idle and _open(packet))]


def delete(netlink: Netlink, doomed: Collection[bytes], *, idle: bool) -> int:
    """Delete what `find` found; `idle`: unless it has come to life since."""
    gone = frozenset({errno.ENOENT})
    for reply in doomed:
        if not (idle and _open_by_now(netlink, reply)):
            netlink.run([Request(CT_DELETE, 0, Bare(reply, socket.AF_INET), "forget a connection", gone)])
    return len(doomed)


def _open_by_now(netlink: Netlink, reply: bytes) -> bool:
    try:
        return _open(netlink.ask(CT_GET, Bare(reply, socket.AF_INET)))
    except errors.Internal:
        return False  # it is gone


def _open(packet: bytes) -> bool:
    """True if it was answered, and goes on. One that is over must not be met by a client that uses its port again."""
    parts = dict(_attributes(packet[20:]))
    info = dict(_attributes(parts.get(PROTOCOL_INFO, b"")[4:])).get(INFO_TCP, b"")
    state = dict(_attributes(info[4:])).get(TCP_STATE, b"\0" * 5)[4]
    return bool(int.from_bytes(parts[STATUS][4:8], "big") & SEEN_REPLY) and state not in (TIME_WAIT, CLOSED)


def _reply(packet: bytes, wanted: Collection[bytes], protocols: Collection[int] | None) -> bytes:
    """The attribute that names this connection by its answers, if it is one of those; else nothing."""
    whole = dict(_attributes(packet[20:])).get(TUPLE_REPLY, b"")
    reply = dict(_attributes(whole[4:]))
    source = dict(_attributes(reply.get(TUPLE_IP, b"")[4:])).get(IP_SOURCE, b"")[4:]
    protocol = dict(_attributes(reply.get(TUPLE_PROTOCOL, b"")[4:])).get(PROTOCOL_NUMBER, b"\0" * 5)[4]
    return whole if source in wanted and (protocols is None or protocol in protocols) else b""


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
