"""Owns the conversation with the kernel over rtnetlink: requests in batches, answers, errors by name. Must not know
what is asked (`requests` makes the messages) nor why.

pyroute2's message classes encode and decode; the socket is ours, for two measured reasons: a request through
pyroute2's IPRoute costs 0.5 to 2 ms (it runs an event loop for each), and one `send` of a whole batch is processed by
the kernel before a signal can end the sender, so a link and its alias appear together even under kill -9.
A socket belongs to the network namespace of the thread that opened it.
Counterpart: github.com/vishvananda/netlink, as libnetwork uses it.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from swarmkit_py import errors

NLM_REQUEST, NLM_ACK, NLM_REPLACE, NLM_EXCL, NLM_CREATE, NLM_DUMP = 0x1, 0x4, 0x100, 0x200, 0x400, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
MAIN_TABLE = 254
UNIVERSE = 0
NETFILTER = 12
"""The netlink family of connection tracking and nftables."""
SKIP_STATISTICS = 8
BATCH = 64
"""Requests sent at once: their answers must fit the socket's receive buffer."""
_HEADER = struct.Struct("=IHHII")
_NEIGHBOUR = struct.Struct("=iHB")
_PORT_TIMERS = re.compile(rb"\x0c\x00[\x14-\x16]\x00.{8}", re.DOTALL)
"""IFLA_BRPORT_{MESSAGE_AGE,FORWARD_DELAY,HOLD}_TIMER: all of a bridge port that changes by itself."""


class Bare:
    """A netfilter message of ready-made attributes, with as much of pyroute2's interface as Netlink needs."""

    def __init__(self, attributes: bytes = b"", family: int = socket.AF_UNSPEC) -> None:
        self.header: dict[str, int] = {}
        self.data = b""
        self._body = struct.pack("=BBH", family, 0, 0) + attributes

    def __getitem__(self, key: str) -> dict[str, int]:
        return self.header

    def encode(self) -> None:
        header = self.header
        self.data = struct.pack("=IHHII", 16 + len(self._body), header["type"], header["flags"],
                                header["sequence_number"], 0) + self._body


@dataclass
class Request:
    """One message to the kernel; `what` names operation and device for the reader of an error. Answers in `fine`
    (errno numbers) count as success."""

    type: int
    flags: int
    message: Any
    what: str
    fine: frozenset[int] = frozenset()


class Netlink:
    """A conversation with the namespace this thread is in now. Use it `with`, from one thread at a time. `family` is
    the netlink family, 0 for rtnetlink."""

    def __init__(self, family: int = 0) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.settimeout(30)
        self._socket.bind((0, 0))
        self._sequence = 0
        self._links: dict[bytes, Any] = {}

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def run(self, requests: Sequence[Request]) -> None:
        """Do them all, in order. Raises errors.Internal for the first that failed, once all were tried."""
        failures: list[str] = []
        for start in range(0, len(requests), BATCH):
            failures += self._run_batch(requests[start:start + BATCH])
        if failures:
            raise errors.Internal(failures[0])

    def _run_batch(self, requests: Sequence[Request]) -> list[str]:
        pending = {}
        data = bytearray()
        for request in requests:
            self._sequence += 1
            pending[self._sequence] = request
            data += self._encode(request, request.flags | NLM_REQUEST | NLM_ACK)
        self._send(data)
        failures = []
        while pending:
            for kind, sequence, packet in self._receive():
                request_ = pending.pop(sequence, None) if kind == NLMSG_ERROR else None
                code = -struct.unpack_from("=i", packet, 16)[0] if request_ else 0
                if request_ and code and code not in request_.fine:
                    failures.append(f"{request_.what}: {os.strerror(code)}")
        return failures

    def dump(self, type_: int, message: Any) -> Iterator[Any]:
        """All objects of a kind, decoded into the class of `message`, which carries the family."""
        for packet in self.packets(type_, message):
            found = type(message)(packet)
            found.decode()
            yield found

    def ask(self, type_: int, message: Any) -> bytes:
        """The one answer to a question, as the kernel sent it. Raises errors.Internal."""
        self._sequence += 1
        self._send(self._encode(Request(type_, 0, message, ""), NLM_REQUEST))
        while True:
            for kind, sequence, packet in self._receive():
                if sequence == self._sequence:
                    if kind == NLMSG_ERROR:
                        code = -struct.unpack_from("=i", packet, 16)[0]
                        raise errors.Internal(f"netlink {type_}: {os.strerror(code)}")
                    return packet

    def packets(self, type_: int, message: Any) -> Iterator[bytes]:
        """The same, each as the kernel sent it."""
        self._sequence += 1
        self._send(self._encode(Request(type_, 0, message, ""), NLM_REQUEST | NLM_DUMP))
        while True:
            for kind, sequence, packet in self._receive():
                if sequence != self._sequence:
                    continue
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    code = -struct.unpack_from("=i", packet, 16)[0]
                    raise errors.Internal(f"netlink dump {type_}: {os.strerror(code)}")
                yield packet

    def links(self) -> list[Any]:
        """All links. Decoding one takes 0.5 ms, so one that is as at the last call, byte for byte, is not decoded."""
        request = ifinfmsg()
        request["attrs"] = [("IFLA_EXT_MASK", SKIP_STATISTICS)]
        seen, self._links = self._links, {}
        for packet in self.packets(RTM_GETLINK, request):
            body = _PORT_TIMERS.sub(b"", packet[16:])
            if body not in seen:
                seen[body] = ifinfmsg(packet)
                seen[body].decode()
            self._links[body] = seen[body]
        return list(self._links.values())

    def addresses(self, family: int = socket.AF_INET) -> list[Any]:
        """Addresses; of IPv6 not those that each link gives itself."""
        found = self.dump(RTM_GETADDR, _of_family(ifaddrmsg(), family))
        return [address for address in found if family == socket.AF_INET or address["scope"] == UNIVERSE]

    def default_gateways(self) -> set[tuple[int, str]]:
        """(interface index, gateway) of every IPv4 default route."""
        found = (route for route in self.dump(RTM_GETROUTE, _of_family(rtmsg(), socket.AF_INET))
                 if route["dst_len"] == 0 and route.get_attr("RTA_GATEWAY") and route["table"] == MAIN_TABLE)
        return {(route.get_attr("RTA_OIF"), route.get_attr("RTA_GATEWAY")) for route in found}

    def marked_routes(self) -> set[tuple[int, str, int]]:
        """(interface index, gateway, number) of every IPv4 default route in a table that a rule leads to by the mark
        of its own number."""
        rules = {rule.get_attr("FRA_FWMARK") for rule in self.dump(RTM_GETRULE, _of_family(fibmsg(), socket.AF_INET))
                 if rule.get_attr("FRA_FWMARK") and rule.get_attr("FRA_FWMARK") == rule.get_attr("FRA_TABLE")}
        routes = self.dump(RTM_GETROUTE, _of_family(rtmsg(), socket.AF_INET)) if rules else ()
        return {(route.get_attr("RTA_OIF"), route.get_attr("RTA_GATEWAY"), route.get_attr("RTA_TABLE"))
                for route in routes if route["dst_len"] == 0 and route.get_attr("RTA_TABLE") in rules}

    def neighbours(self, family: int, wanted: Callable[[int, int, int], bool]) -> Iterator[Any]:
        """AF_INET: the neighbour table. AF_BRIDGE: the forwarding databases of bridges and VXLAN devices. Only those
        are decoded (0.1 ms each) whose interface index, state and flags are `wanted`."""
        for packet in self.packets(RTM_GETNEIGH, _of_family(ndmsg(), family)):
            if wanted(*_NEIGHBOUR.unpack_from(packet, 20)):
                found = ndmsg(packet)
                found.decode()
                yield found

    def _encode(self, request: Request, flags: int) -> bytes:
        header = request.message["header"]
        header["type"], header["flags"], header["sequence_number"] = request.type, flags, self._sequence
        request.message.encode()
        data = bytes(request.message.data)
        return data + b"\0" * (-len(data) % 4)

    def _send(self, data: bytes | bytearray) -> None:
        try:
            self._socket.sendto(data, (0, 0))
        except OSError as error:
            raise errors.Internal(f"netlink: {error.strerror}") from error

    def _receive(self) -> list[tuple[int, int, bytes]]:
        """(type, sequence, whole message) of each message in the next datagram."""
        try:
            data = self._socket.recv(1 << 17)
        except OSError as error:
            reason = os.strerror(error.errno or errno.ETIMEDOUT)
            raise errors.Internal(f"netlink: {reason}") from error
        found, offset = [], 0
        while offset + 16 <= len(data):
            length, kind, _, sequence, _ = _HEADER.unpack_from(data, offset)
            found.append((kind, sequence, data[offset:offset + length]))
            offset += (length + 3) & ~3
        return found


def _of_family(message: Any, family: int) -> Any:
    message["family"] = family
    return message


def local_addresses() -> list[tuple[str, str]]:
    """(interface, address with prefix) of every IPv4 address of this namespace, in the kernel's order."""
    with Netlink() as netlink:
        names = {link["index"]: link.get_attr("IFLA_IFNAME") for link in netlink.links()}
        return [
            (names.get(a["index"], "?"), f"{a.get_attr('IFA_LOCAL') or a.get_attr('IFA_ADDRESS')}/{a['prefixlen']}")
            for a in netlink.addresses()
        ]


def underlay_mtu(address: str) -> int:
    """The MTU of the interface that has this address. Raises errors.NotFound if none has."""
    wanted = ipaddress.ip_address(address.partition("/")[0])
    with Netlink() as netlink:
        mtus = {link["index"]: int(link.get_attr("IFLA_MTU")) for link in netlink.links()}
        for found in netlink.addresses():
            if ipaddress.ip_address(found.get_attr("IFA_LOCAL") or found.get_attr("IFA_ADDRESS")) == wanted:
                return mtus[found["index"]]
    raise errors.NotFound(f"no interface of this machine has the address {wanted}")
