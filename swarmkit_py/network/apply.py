"""Owns doing operations: the one place that changes the kernel. Decides nothing (`reconcile` did).

What belongs to one sandbox or network fails for that one alone. Counterpart: moby/libnetwork/osl and drivers' `Join`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from swarmkit_py import errors
from swarmkit_py.network import namespaces, requests, sysctl
from swarmkit_py.network.doors import Doors
from swarmkit_py.network.netlink import Netlink, Request
from swarmkit_py.network.reconcile import (
    AddLink,
    ChangeLink,
    DeleteLinks,
    Drop,
    MakeNetwork,
    MakeSandbox,
    Operation,
    Put,
    PutRuleset,
    RemoveNetwork,
    RemoveSandbox,
    Replug,
)
from swarmkit_py.network.state import HOST, AddressKey, FdbKey, Link, NeighbourKey, Plug, ReturnKey, SettingKey

_DOOMED_GROUP = 0x5741524D
"""The link group in which links are deleted together."""
SHARED = ""


def apply(operations: Sequence[Operation], doors: Doors) -> dict[str, errors.SwarmError]:
    """Do them in order; go on after a failure. Returns failures by what they belong to: a sandbox's id, the path of a
    network's namespace, or SHARED."""
    failures: dict[str, errors.SwarmError] = {}
    for (owner, namespace), group in groupby(operations, key=_place):
        if owner and owner in failures:
            continue
        steps = list(group)
        try:
            namespaces.inside(namespace, lambda: _do(steps, namespace, doors))  # noqa: B023 - done before the next
        except errors.SwarmError as error:
            failures.setdefault(owner, error)
        except OSError as error:
            failures.setdefault(owner, errors.Internal(f"network of {owner or 'this node'}: {error}"))
    return failures


def owner_of(operation: Operation) -> str:
    """What an operation's failure is noted under."""
    return _place(operation)[0]


def _place(operation: Operation) -> tuple[str, str]:
    """(what it belongs to, namespace it happens in): what a group of operations has in common."""
    if isinstance(operation, (MakeSandbox, RemoveSandbox)):
        return operation.sandbox_id, HOST
    if isinstance(operation, (MakeNetwork, RemoveNetwork)):
        return operation.path, HOST
    if isinstance(operation, Replug):
        return operation.plug.sandbox_id, HOST
    if isinstance(operation, PutRuleset):
        return operation.owner or operation.namespace, operation.namespace
    namespace = operation.namespace if isinstance(operation, DeleteLinks) else operation.key.namespace
    owner = operation.owner if isinstance(operation, Put) else ""
    if isinstance(operation, AddLink) and operation.plug:
        owner = operation.plug.sandbox_id
    return owner or namespace, namespace


def _do(operations: list[Operation], namespace: str, doors: Doors) -> None:
    """Runs in the namespace."""
    facts: list[Request] = []
    for operation in operations:
        if isinstance(operation, (Put, Drop)):
            facts += _fact(operation)
            continue
        _run(facts, namespace, doors)
        facts = []
        if isinstance(operation, PutRuleset):
            doors.table(namespace, shared=bool(operation.owner)).put(operation.ruleset)
        else:
            _do_one(operation, doors.netlink(namespace), doors)
    _run(facts, namespace, doors)


def _run(facts: list[Request], namespace: str, doors: Doors) -> None:
    if facts:  # no conversation is opened, and kept, where there is nothing to say: with a sandbox
        doors.netlink(namespace).run(facts)


def _do_one(operation: Operation, netlink: Netlink, doors: Doors) -> None:
    if isinstance(operation, (MakeSandbox, MakeNetwork, RemoveSandbox, RemoveNetwork)):
        doors.drop(operation.path)
        namespaces.remove(Path(operation.path))
        if isinstance(operation, MakeSandbox):
            namespaces.make(Path(operation.path), _prepare_sandbox)
        elif isinstance(operation, MakeNetwork):
            namespaces.make(Path(operation.path), _prepare_network)
    elif isinstance(operation, AddLink):
        _add_link(operation, netlink, doors)
    elif isinstance(operation, ChangeLink):
        netlink.run([_settle(operation.key.name, operation.link), _finish(operation.key.name, operation.link)])
    elif isinstance(operation, Replug):
        namespaces.inside(operation.plug.path, lambda: _plug_in(operation.plug))
    elif isinstance(operation, DeleteLinks):
        netlink.run([*(requests.set_group(name, _DOOMED_GROUP) for name in operation.names),
                     requests.delete_group(_DOOMED_GROUP)])


def _prepare_sandbox() -> None:
    """What every sandbox starts with, as Docker's does: lo up, no IPv6, low ports open to any user (moby
    daemon/oci_linux.go, WithSysctls)."""
    sysctl.disable_ipv6("all")
    sysctl.disable_ipv6("default")
    sysctl.write("net/ipv4/ip_unprivileged_port_start", "0")
    for each in ("all", "default"):  # a client of the mesh may come in by another way than answers usually take
        sysctl.write(f"net/ipv4/conf/{each}/rp_filter", "0")
    with Netlink() as netlink:
        netlink.run([requests.set_link("lo", up=True)])


def _prepare_network() -> None:
    """What a network's namespace starts with."""
    sysctl.disable_ipv6("all")
    sysctl.disable_ipv6("default")
    with Netlink() as netlink:
        netlink.run([requests.set_link("lo", up=True)])


def _add_link(operation: AddLink, netlink: Netlink, doors: Doors) -> None:
    name, link, plug = operation.key.name, operation.link, operation.plug
    settled = _settle(name, link)
    if link.kind == "veth":
        if plug is None:
            raise errors.Internal(f"add veth {name}: it has no other end")
        _add_pair(name, link, plug, settled, netlink)
    elif link.kind == "vxlan":
        _add_vxlan(operation, settled, netlink, doors.netlink(HOST))
    else:
        netlink.run([requests.add_bridge(name, link.mtu, link.mac), settled])
    sysctl.disable_ipv6(name)
    netlink.run([_finish(name, link)])
    if plug:
        namespaces.inside(plug.path, lambda: _plug_in(plug))


def _add_vxlan(operation: AddLink, settled: Request, netlink: Netlink, host: Netlink) -> None:
    """Asked of the machine's own namespace, since that is where its outer packets go; it appears in this thread's."""
    name, link = operation.key.name, operation.link
    add = requests.add_vxlan(name, link.mtu, link.vni, link.local, link.port)
    if operation.key.namespace == HOST:
        netlink.run([add, settled])
        return
    here = namespaces.open_namespace("/proc/thread-self/ns/net")
    try:
        host.run([requests.into(add, here)])
    finally:
        os.close(here)
    netlink.run([settled])


def _add_pair(name: str, link: Link, plug: Plug, settled: Request, netlink: Netlink) -> None:
    fd = namespaces.open_namespace(plug.path)
    try:
        netlink.run([requests.add_veth(name, link.mtu, plug.name, plug.mac, fd), settled])
    finally:
        os.close(fd)


def _settle(name: str, link: Link) -> Request:
    """All that can be set before the link is a port. Sent along with the making: no link of ours is ever nameless."""
    master = _index(link.master) if link.master else 0
    return requests.set_link(name, alias=link.alias, mtu=link.mtu, mac=link.mac or None, master_index=master)


def _finish(name: str, link: Link) -> Request:
    """The rest; up comes last."""
    if not link.master:
        return requests.set_link(name, up=link.up)
    return requests.set_port(name, learning=link.learning, flooding=link.flooding, isolated=link.isolated, up=link.up)


def _plug_in(plug: Plug) -> None:
    """The inside of a veth pair; runs in the sandbox."""
    index = _index(plug.name)
    steps = [requests.address(index, plug.address, plug.name), requests.set_link(plug.name, up=True)]
    if plug.address6:
        for name in ("lo", plug.name):  # lo carries what it says to itself
            sysctl.write(f"net/ipv6/conf/{name}/disable_ipv6", "0")
        steps.append(requests.address(index, plug.address6, plug.name))
    if plug.gateway:
        steps.append(requests.default_route(index, plug.gateway, plug.name))
    with Netlink() as netlink:
        netlink.run(steps)


def _fact(operation: Put | Drop) -> list[Request]:
    key, value, remove = operation.key, operation.value, isinstance(operation, Drop)
    if isinstance(key, SettingKey):
        sysctl.write(key.path, value)
        return []
    try:
        index = _index(key.link)
    except errors.Internal:
        if remove:
            return []
        raise
    if isinstance(key, ReturnKey):
        return requests.way_back(index, key.gateway, key.mark, key.link, remove=remove)
    if isinstance(key, AddressKey):
        return [requests.address(index, key.address, key.link, remove=remove)]
    if isinstance(key, NeighbourKey):
        return [requests.neighbour(index, key.address, value, key.link, remove=remove)]
    return [_forwarding(index, key, value, remove)]


def _forwarding(index: int, key: FdbKey, node: str, remove: bool) -> Request:
    node = node if key.table == "vxlan" else ""
    return requests.forward(index, key.mac, node, key.link, remove=remove)


def _index(name: str) -> int:
    try:
        return socket.if_nametoindex(name)
    except OSError as error:
        raise errors.Internal(f"link {name} is not there") from error
