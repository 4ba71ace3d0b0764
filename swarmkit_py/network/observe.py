"""Owns reading the kernel into a `KernelState`: only what is ours. Changes nothing. Must not know what is wanted, but
for which sysctls to read.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from swarmkit_py.network import namespaces, sysctl
from swarmkit_py.network.netlink import Netlink
from swarmkit_py.network.reconcile import UNPLUGGED
from swarmkit_py.network.requests import NOARP, PERMANENT, SELF, UP
from swarmkit_py.network.state import (
    ALIAS_PREFIX,
    AddressKey,
    FdbKey,
    KernelState,
    Link,
    LinkKey,
    NeighbourKey,
    Plug,
    ReturnKey,
    SettingKey,
)


def observe(netlink: Netlink, namespace: str, settings: Mapping[SettingKey, str]) -> KernelState:
    """What this thread's namespace, called `namespace`, carries of ours. In a network's own, all is ours but `lo`."""
    messages = {message["index"]: message for message in netlink.links()}
    names = {index: str(message.get_attr("IFLA_IFNAME")) for index, message in messages.items()}

    def our(index: int) -> bool:
        alias = messages[index].get_attr("IFLA_IFALIAS") or ""
        return alias.startswith(ALIAS_PREFIX) or bool(namespace) and names[index] != "lo"

    ours = {index: message for index, message in messages.items() if our(index)}
    links = {LinkKey(namespace, names[i]): _link(message, names) for i, message in ours.items()}
    devices = {index: (names[index], links[LinkKey(namespace, names[index])].kind) for index in ours}
    return KernelState(
        links=links,
        addresses=frozenset(_addresses(netlink, namespace, devices)),
        fdb=_forwarding(netlink, namespace, devices),
        neighbours=dict(_neighbours(netlink, namespace, devices)),
        settings=dict(_settings(namespace, settings)),
        foreign=frozenset() if namespace else frozenset(names[index] for index in messages.keys() - ours.keys()),
    )


def inside_faults(plugs: Mapping[LinkKey, Plug]) -> dict[LinkKey, str]:
    """What is amiss in this thread's sandbox, by the host ends of the plugs it should have."""
    with Netlink() as netlink:
        links = {message.get_attr("IFLA_IFNAME"): message for message in netlink.links()}
        addresses = {(m["index"], f"{m.get_attr('IFA_LOCAL') or m.get_attr('IFA_ADDRESS')}/{m['prefixlen']}")
                     for family in (socket.AF_INET, socket.AF_INET6) for m in netlink.addresses(family)}
        gateways = netlink.default_gateways()
    found = {}
    for key, plug in plugs.items():
        link = links.get(plug.name)
        if link is None:
            found[key] = UNPLUGGED
        elif not link["flags"] & UP:
            found[key] = "is down"
        elif (link["index"], plug.address) not in addresses:
            found[key] = f"has lost its address {plug.address}"
        elif plug.address6 and (link["index"], plug.address6) not in addresses:
            found[key] = f"has lost its address {plug.address6}"
        elif plug.gateway and (link["index"], plug.gateway) not in gateways:
            found[key] = f"has lost its default route via {plug.gateway}"
    return found


def ways_back(path: str) -> frozenset[ReturnKey]:
    """Those of this thread's sandbox, which is at `path`."""
    with Netlink() as netlink:
        marked = netlink.marked_routes()
        names = {message["index"]: str(message.get_attr("IFLA_IFNAME")) for message in netlink.links()}
    found = (ReturnKey(path, names.get(index, "?"), gateway) for index, gateway, number in marked
             if gateway and number == int(IPv4Address(gateway)))
    return frozenset(found)


def pins(directory: Path) -> dict[str, str]:
    """Name to path of each file in `directory`, a namespace or what is left of one."""
    return {path.name: str(path) for path in directory.iterdir() if path.is_file()}


def unpinned(paths: Iterable[str]) -> list[str]:
    """Those that are no namespace (any more)."""
    return [path for path in paths if not namespaces.pinned(Path(path))]


def _settings(namespace: str, wanted: Mapping[SettingKey, str]) -> Iterator[tuple[SettingKey, str]]:
    for key, value in wanted.items():
        if key.namespace != namespace:
            continue
        found = sysctl.read(key.path)
        if found is not None or key.optional:
            yield key, value if found is None else found


def _link(message: Any, names: dict[int, str]) -> Link:
    info = message.get_attr("IFLA_LINKINFO")
    kind = info.get_attr("IFLA_INFO_KIND") if info else ""
    vxlan = info.get_attr("IFLA_INFO_DATA") if kind == "vxlan" else None
    port = info.get_attr("IFLA_INFO_SLAVE_DATA") if info else None
    return Link(
        kind=kind,
        alias=message.get_attr("IFLA_IFALIAS") or "",
        mtu=message.get_attr("IFLA_MTU"),
        mac=message.get_attr("IFLA_ADDRESS") or "",
        master=names.get(message.get_attr("IFLA_MASTER") or 0, ""),
        vni=vxlan.get_attr("IFLA_VXLAN_ID") if vxlan else 0,
        local=vxlan.get_attr("IFLA_VXLAN_LOCAL") or "" if vxlan else "",
        port=vxlan.get_attr("IFLA_VXLAN_PORT") if vxlan else 0,
        learning=bool(port and port.get_attr("IFLA_BRPORT_LEARNING")),
        flooding=bool(port and port.get_attr("IFLA_BRPORT_UNICAST_FLOOD")),
        isolated=bool(port and port.get_attr("IFLA_BRPORT_ISOLATED")),
        up=bool(message["flags"] & UP),
    )


def _addresses(netlink: Netlink, namespace: str, devices: dict[int, tuple[str, str]]) -> Iterator[AddressKey]:
    for message in (*netlink.addresses(), *netlink.addresses(socket.AF_INET6)):
        if message["index"] in devices:
            host = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
            yield AddressKey(namespace, devices[message["index"]][0], f"{host}/{message['prefixlen']}")


def _forwarding(netlink: Netlink, namespace: str, devices: dict[int, tuple[str, str]]) -> dict[FdbKey, str]:
    """Static entries. A bridge's own (PERMANENT) and the multicast filters of devices are not ours."""

    def told(index: int, flags: int) -> bool:
        return bool(flags & SELF) and devices[index][1] == "vxlan"

    def wanted(index: int, state: int, flags: int) -> bool:
        return index in devices and (told(index, flags) or state & (NOARP | PERMANENT) == NOARP)

    found: dict[FdbKey, list[str]] = {}
    for message in netlink.neighbours(socket.AF_BRIDGE, wanted):
        name, mac = devices[message["ifindex"]][0], message.get_attr("NDA_LLADDR")
        if told(message["ifindex"], message["flags"]):
            destination = message.get_attr("NDA_DST") or "nowhere"
            found.setdefault(FdbKey(namespace, name, mac, "vxlan"), []).append(destination)
        else:
            found.setdefault(FdbKey(namespace, name, mac, "bridge"), [])
    return {key: " and ".join(sorted(destinations)) for key, destinations in found.items()}


def _neighbours(
    netlink: Netlink, namespace: str, devices: dict[int, tuple[str, str]]
) -> Iterator[tuple[NeighbourKey, str]]:
    def wanted(index: int, state: int, _: int) -> bool:
        return index in devices and bool(state & PERMANENT)

    for family in (socket.AF_INET, socket.AF_INET6):
        for message in netlink.neighbours(family, wanted):
            name = devices[message["ifindex"]][0]
            yield NeighbourKey(namespace, name, message.get_attr("NDA_DST")), message.get_attr("NDA_LLADDR")
