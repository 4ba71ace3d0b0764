"""Owns one dump of the links and addresses of the network namespace that the calling thread is in.

In the words of `ip -j -d addr`, but by two netlink dumps of our own: a process a namespace costs tens of milliseconds
(`ip -d addr` alone 50 on some kernels), and the graders look into a dozen of them at once. Knows nothing of hosts.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

NETLINK_ROUTE = 0
RTM_NEWLINK, RTM_GETLINK, RTM_NEWADDR, RTM_GETADDR = 16, 18, 20, 22
NLMSG_ERROR, NLMSG_DONE = 2, 3
REQUEST_DUMP = 0x301
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER, IFLA_LINKINFO = 1, 3, 4, 5, 10, 18
IFLA_OPERSTATE, IFLA_EXT_MASK, IFLA_LINK_NETNSID, SKIP_STATS = 16, 29, 37, 8
IFA_ADDRESS, IFA_LOCAL, IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2, 1, 2
IFLA_VXLAN_ID, IFLA_VXLAN_PORT = 1, 15
UP = 1
OPERSTATES = ("UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP")
HEADER = struct.Struct("=LHHLL")
LINK = struct.Struct("=BBHiII")
ADDRESS = struct.Struct("=BBBBI")
TYPE_MASK = 0x3FFF
FAMILIES = {socket.AF_INET: "inet", socket.AF_INET6: "inet6"}


def links() -> list[dict[str, Any]]:
    """Every link with its addresses. OSError where the kernel does not answer."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_ROUTE) as route:
        route.settimeout(2)
        route.bind((0, 0))
        mask = struct.pack("=HHI", 8, IFLA_EXT_MASK, SKIP_STATS)
        found = dict(_link(body) for body in _dump(route, RTM_GETLINK, LINK.pack(0, 0, 0, 0, 0, 0) + mask))
        for body in _dump(route, RTM_GETADDR, ADDRESS.pack(0, 0, 0, 0, 0)):
            index, address = _address(body)
            if index in found:
                found[index]["addr_info"].append(address)
    for link in found.values():
        if "master" in link:
            link["master"] = found.get(link["master"], {}).get("ifname", str(link["master"]))
    return list(found.values())


def _dump(route: socket.socket, kind: int, body: bytes) -> Iterator[bytes]:
    """The bodies of the answers to a dump request."""
    route.send(HEADER.pack(HEADER.size + len(body), kind, REQUEST_DUMP, 1, 0) + body)
    while True:
        data = route.recv(1 << 17)
        while data:
            length, type_, _, _, _ = HEADER.unpack_from(data)
            if type_ == NLMSG_DONE:
                return
            if type_ == NLMSG_ERROR:
                number = -struct.unpack_from("=i", data, HEADER.size)[0]
                raise OSError(number, os.strerror(number))
            yield data[HEADER.size:length]
            data = data[(length + 3) & ~3:]


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            return
        yield kind & TYPE_MASK, data[4:length]
        data = data[(length + 3) & ~3:]


def _link(body: bytes) -> tuple[int, dict[str, Any]]:
    index, flags = LINK.unpack_from(body)[3:5]
    values = dict(_attributes(body[LINK.size:]))
    link: dict[str, Any] = {
        "ifindex": index, "ifname": _text(values.get(IFLA_IFNAME, b"")), "addr_info": [],
        "address": values.get(IFLA_ADDRESS, b"").hex(":"), "flags": ["UP"] if flags & UP else [],
        "operstate": OPERSTATES[values.get(IFLA_OPERSTATE, b"\0")[0]],
    }
    numbers = {"mtu": IFLA_MTU, "link_index": IFLA_LINK, "master": IFLA_MASTER, "link_netnsid": IFLA_LINK_NETNSID}
    link |= {name: struct.unpack("=i", values[kind])[0] for name, kind in numbers.items() if kind in values}
    info = dict(_attributes(values.get(IFLA_LINKINFO, b"")))
    kind = _text(info.get(IFLA_INFO_KIND, b""))
    if kind:
        link["linkinfo"] = {"info_kind": kind}
    if kind == "vxlan":
        link["linkinfo"]["info_data"] = _vxlan(dict(_attributes(info.get(IFLA_INFO_DATA, b""))))
    return index, link


def _vxlan(values: dict[int, bytes]) -> dict[str, int]:
    """The network's number and the UDP port (in network order) of a VXLAN device."""
    layouts = {"id": (IFLA_VXLAN_ID, "=I"), "port": (IFLA_VXLAN_PORT, "!H")}
    return {name: struct.unpack_from(layout, values[kind])[0] for name, (kind, layout) in layouts.items()
            if kind in values}


def _address(body: bytes) -> tuple[int, dict[str, Any]]:
    family, prefix, _, _, index = ADDRESS.unpack_from(body)
    values = dict(_attributes(body[ADDRESS.size:]))
    raw = values.get(IFA_LOCAL) or values.get(IFA_ADDRESS, b"")
    text = socket.inet_ntop(family, raw) if family in FAMILIES and raw else ""
    return index, {"family": FAMILIES.get(family, str(family)), "local": text, "prefixlen": prefix}


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode(errors="replace")
