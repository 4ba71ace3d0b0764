"""Owns how each change is spelled as an rtnetlink message. Makes `netlink.Request` values; sends nothing. Must not
know the wanted state's keys beyond the values it is given.

Links are named, never numbered, so a link and what is set on it travel in one batch.
Counterpart: github.com/vishvananda/netlink (link_linux.go, neigh_linux.go).
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from swarmkit_py.network.netlink import (
    NLM_CREATE,
    NLM_EXCL,
    NLM_REPLACE,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELNEIGH,
    RTM_DELROUTE,
    RTM_DELRULE,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWNEIGH,
    RTM_NEWROUTE,
    RTM_NEWRULE,
    Request,
)

UP = 1
SELF, MASTER = 0x2, 0x4
"""Which forwarding database: the device's own (VXLAN), or that of the bridge it is a port of."""
NOARP, PERMANENT = 0x40, 0x80
GONE = frozenset({errno.ENODEV, errno.ENOENT, errno.ESRCH, errno.EADDRNOTAVAIL})
THERE = frozenset({errno.EEXIST})
UNIVERSE, UNICAST, MAIN, BOOT = 0, 1, 254, 3
NO_DUPLICATES = 0x02
"""IFA_F_NODAD: no search for another that has the address."""
TO_TABLE, ON_LINK, RULE_PRIORITY = 1, 4, 100
"""A rule's action, a gateway's flag, and before which other rules ours are asked."""


def _link(attributes: list[tuple[str, Any]], what: str, flags: int = 0, *, up: bool | None = None) -> Request:
    message = ifinfmsg()
    if up is not None:
        message["flags"], message["change"] = (UP if up else 0), UP
    message["attrs"] = attributes
    return Request(RTM_NEWLINK, flags, message, what)


def _info(kind: str, data: list[tuple[str, Any]]) -> tuple[str, Any]:
    return "IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", kind), ("IFLA_INFO_DATA", {"attrs": data})]}


def add_bridge(name: str, mtu: int, mac: str) -> Request:
    """A bridge without spanning tree; without VLANs, which would show every forwarding entry twice."""
    data = [("IFLA_BR_STP_STATE", 0), ("IFLA_BR_VLAN_DEFAULT_PVID", 0)]
    attributes = [("IFLA_IFNAME", name), ("IFLA_MTU", mtu), ("IFLA_ADDRESS", mac), _info("bridge", data)]
    return _link(attributes, f"add bridge {name}", NLM_CREATE | NLM_EXCL)


def add_vxlan(name: str, mtu: int, vni: int, local: str, port: int) -> Request:
    """A VXLAN device that learns nothing and answers ARP itself, from its neighbour entries."""
    data = [("IFLA_VXLAN_ID", vni), ("IFLA_VXLAN_LOCAL", local), ("IFLA_VXLAN_PORT", port),
            ("IFLA_VXLAN_LEARNING", 0), ("IFLA_VXLAN_PROXY", 1)]
    attributes = [("IFLA_IFNAME", name), ("IFLA_MTU", mtu), _info("vxlan", data)]
    return _link(attributes, f"add vxlan {name} (VNI {vni}, local {local}, port {port})", NLM_CREATE | NLM_EXCL)


def into(request: Request, namespace_fd: int) -> Request:
    """The same, but the new link appears in that namespace."""
    request.message["attrs"].append(("IFLA_NET_NS_FD", namespace_fd))
    return request


def add_veth(name: str, mtu: int, peer: str, peer_mac: str, namespace_fd: int) -> Request:
    """A pair whose other end is `peer`, at once in the namespace open as `namespace_fd`."""
    inner = [("IFLA_IFNAME", peer), ("IFLA_MTU", mtu), ("IFLA_ADDRESS", peer_mac), ("IFLA_NET_NS_FD", namespace_fd)]
    attributes = [("IFLA_IFNAME", name), ("IFLA_MTU", mtu), _info("veth", [("VETH_INFO_PEER", {"attrs": inner})])]
    return _link(attributes, f"add veth {name}", NLM_CREATE | NLM_EXCL)


def set_link(name: str, *, up: bool | None = None, alias: str | None = None, mtu: int | None = None,
             mac: str | None = None, master_index: int | None = None) -> Request:
    """Change what is given. `master_index` 0 takes the link off its bridge."""
    attributes: list[tuple[str, Any]] = [("IFLA_IFNAME", name)]
    for key, value in (("IFLA_IFALIAS", alias), ("IFLA_MTU", mtu), ("IFLA_ADDRESS", mac),
                       ("IFLA_MASTER", master_index)):
        if value is not None:
            attributes.append((key, value))
    return _link(attributes, f"set link {name}", up=up)


def set_port(name: str, *, learning: bool, flooding: bool, isolated: bool, up: bool) -> Request:
    """Change a bridge port, then its state."""
    data = [("IFLA_BRPORT_LEARNING", int(learning)), ("IFLA_BRPORT_UNICAST_FLOOD", int(flooding)),
            ("IFLA_BRPORT_ISOLATED", int(isolated))]
    info = {"attrs": [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", {"attrs": data})]}
    return _link([("IFLA_IFNAME", name), ("IFLA_LINKINFO", info)], f"set bridge port {name}", up=up)


def set_group(name: str, group: int) -> Request:
    """Put a link into a group, for `delete_group`."""
    request = _link([("IFLA_IFNAME", name), ("IFLA_GROUP", group)], f"set group of {name}")
    request.fine = GONE
    return request


def delete_link(name: str) -> Request:
    message = ifinfmsg()
    message["attrs"] = [("IFLA_IFNAME", name)]
    return Request(RTM_DELLINK, 0, message, f"delete link {name}", GONE)


def delete_group(group: int) -> Request:
    """Delete all links of a group: for ten links as fast as for one, since the kernel waits for its readers once."""
    message = ifinfmsg()
    message["attrs"] = [("IFLA_GROUP", group)]
    return Request(RTM_DELLINK, 0, message, "delete links", GONE)


def address(index: int, value: str, what: str, *, remove: bool = False) -> Request:
    """`value` is an address with prefix. An IPv6 one counts at once: it is nobody else's."""
    host, _, prefix = value.partition("/")
    message = ifaddrmsg()
    message["family"], message["prefixlen"], message["index"] = _family(host), int(prefix), index
    message["attrs"] = [("IFA_LOCAL", host), ("IFA_ADDRESS", host)]
    if ":" in host:
        message["flags"] = NO_DUPLICATES
    if remove:
        return Request(RTM_DELADDR, 0, message, f"remove address {value} from {what}", GONE)
    return Request(RTM_NEWADDR, NLM_CREATE | NLM_REPLACE, message, f"add address {value} to {what}", THERE)


def _family(host: str) -> int:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def default_route(index: int, gateway: str, what: str) -> Request:
    message = rtmsg()
    message["family"], message["table"], message["proto"] = socket.AF_INET, MAIN, BOOT
    message["scope"], message["type"] = UNIVERSE, UNICAST
    message["attrs"] = [("RTA_GATEWAY", gateway), ("RTA_OIF", index)]
    return Request(RTM_NEWROUTE, NLM_CREATE | NLM_REPLACE, message, f"default route via {gateway} on {what}")


def way_back(index: int, gateway: str, number: int, what: str, *, remove: bool = False) -> list[Request]:
    """What is marked with this number leaves by that gateway. The rule comes first and goes last: without its table
    it says nothing."""
    rule, route = fibmsg(), rtmsg()
    rule["family"], rule["action"] = socket.AF_INET, TO_TABLE
    rule["attrs"] = [("FRA_TABLE", number), ("FRA_FWMARK", number), ("FRA_FWMASK", 0xFFFFFFFF),
                     ("FRA_PRIORITY", RULE_PRIORITY)]
    route["family"], route["proto"], route["scope"], route["type"] = socket.AF_INET, BOOT, UNIVERSE, UNICAST
    route["flags"] = ON_LINK
    route["attrs"] = [("RTA_TABLE", number), ("RTA_GATEWAY", gateway), ("RTA_OIF", index)]
    if remove:
        return [Request(RTM_DELROUTE, 0, route, f"remove the way back to {gateway} from {what}", GONE),
                Request(RTM_DELRULE, 0, rule, f"remove the rule for {gateway} from {what}", GONE)]
    return [Request(RTM_NEWRULE, NLM_CREATE | NLM_EXCL, rule, f"a rule for {gateway} on {what}", THERE),
            Request(RTM_NEWROUTE, NLM_CREATE | NLM_REPLACE, route, f"a way back to {gateway} on {what}")]


def _neighbour(family: int, index: int, state: int, flags: int, attributes: list[tuple[str, Any]]) -> Any:
    message = ndmsg()
    message["family"], message["ifindex"], message["state"], message["flags"] = family, index, state, flags
    message["attrs"] = attributes
    return message


def forward(index: int, mac: str, node: str, what: str, *, remove: bool = False) -> Request:
    """A forwarding entry: with `node`, in the VXLAN device's own table; without, in that of its bridge."""
    own = bool(node)
    attributes: list[tuple[str, Any]] = [("NDA_LLADDR", mac)]
    if own and not remove:
        attributes.append(("NDA_DST", node))
    message = _neighbour(socket.AF_BRIDGE, index, PERMANENT if own else NOARP, SELF if own else MASTER, attributes)
    if remove:
        return Request(RTM_DELNEIGH, 0, message, f"remove forwarding of {mac} from {what}", GONE)
    return Request(RTM_NEWNEIGH, NLM_CREATE | NLM_REPLACE, message, f"forward {mac} on {what}")


def neighbour(index: int, host: str, mac: str, what: str, *, remove: bool = False) -> Request:
    """A permanent neighbour entry."""
    attributes = [("NDA_DST", host)] + ([] if remove else [("NDA_LLADDR", mac)])
    message = _neighbour(_family(host), index, PERMANENT, 0, attributes)
    if remove:
        return Request(RTM_DELNEIGH, 0, message, f"remove neighbour {host} from {what}", GONE)
    return Request(RTM_NEWNEIGH, NLM_CREATE | NLM_REPLACE, message, f"add neighbour {host} on {what}")
