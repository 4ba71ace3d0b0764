"""Owns doing operations: the one place that changes the kernel. Decides nothing (`reconcile` did).

What belongs to one sandbox fails for that sandbox alone. Counterpart: moby/libnetwork/osl and drivers' `Join`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from swarmkit_py import errors
from swarmkit_py.network import namespaces, requests, sysctl
from swarmkit_py.network.netlink import Netlink, Request
from swarmkit_py.network.reconcile import (
    AddLink,
    ChangeLink,
    DeleteLinks,
    Drop,
    MakeSandbox,
    Operation,
    Put,
    PutRuleset,
    RemoveSandbox,
)
from swarmkit_py.network.state import HOST, AddressKey, FdbKey, Link, NeighbourKey, Plug, SettingKey
from swarmkit_py.network.table import Table

_DOOMED_GROUP = 0x5741524D
"""The link group in which links are deleted together."""
SHARED = ""


def apply(operations: Sequence[Operation], netlink: Netlink, table: Table) -> dict[str, errors.SwarmError]:
    """Do them in order; go on after a failure. Returns failures by sandbox id, SHARED for all that is not of one."""
    failures: dict[str, errors.SwarmError] = {}
    for (owner, namespace), group in groupby(operations, key=_place):
        if owner and owner in failures:
            continue
        try:
            if namespace == HOST:
                _do(list(group), netlink, table)
            else:
                _do_elsewhere(namespace, list(group), table)
        except errors.SwarmError as error:
            failures.setdefault(owner, error)
        except OSError as error:
            failures.setdefault(owner, errors.Internal(f"network of {owner or 'this node'}: {error}"))
    return failures


def _place(operation: Operation) -> tuple[str, str]:
    """(sandbox it belongs to, namespace it happens in): what a group of operations has in common."""
    if isinstance(operation, (MakeSandbox, RemoveSandbox)):
        return operation.sandbox_id, HOST
    if isinstance(operation, (AddLink, ChangeLink)):
        plug = operation.plug if isinstance(operation, AddLink) else None
        return plug.sandbox_id if plug else SHARED, operation.key.namespace
    if isinstance(operation, Put):
        return operation.owner, operation.key.namespace
    if isinstance(operation, Drop):
        return SHARED, operation.key.namespace
    return SHARED, operation.namespace if isinstance(operation, DeleteLinks) else HOST


def _do_elsewhere(namespace: str, operations: list[Operation], table: Table) -> None:
    def visit() -> None:
        with Netlink() as netlink:
            _do(operations, netlink, table)

    namespaces.inside(namespace, visit)


def _do(operations: list[Operation], netlink: Netlink, table: Table) -> None:
    facts: list[Request] = []
    for operation in operations:
        if isinstance(operation, (Put, Drop)):
            facts += _fact(operation)
            continue
        netlink.run(facts)
        facts = []
        _do_one(operation, netlink, table)
    netlink.run(facts)


def _do_one(operation: Operation, netlink: Netlink, table: Table) -> None:
    if isinstance(operation, MakeSandbox):
        namespaces.remove(Path(operation.path))
        namespaces.make(Path(operation.path), _prepare_sandbox)
    elif isinstance(operation, RemoveSandbox):
        namespaces.remove(Path(operation.path))
    elif isinstance(operation, AddLink):
        _add_link(operation, netlink)
    elif isinstance(operation, ChangeLink):
        netlink.run([_settle(operation.key.name, operation.link), _finish(operation.key.name, operation.link)])
    elif isinstance(operation, DeleteLinks):
        netlink.run([*(requests.set_group(name, _DOOMED_GROUP) for name in operation.names),
                     requests.delete_group(_DOOMED_GROUP)])
    elif isinstance(operation, PutRuleset):
        table.put(operation.ruleset)


def _prepare_sandbox() -> None:
    """What every sandbox starts with, as Docker's does: lo up, no IPv6, low ports open to any user (moby
    daemon/oci_linux.go, WithSysctls)."""
    sysctl.disable_ipv6("all")
    sysctl.disable_ipv6("default")
    sysctl.write("net/ipv4/ip_unprivileged_port_start", "0")
    with Netlink() as netlink:
        netlink.run([requests.set_link("lo", up=True)])


def _add_link(operation: AddLink, netlink: Netlink) -> None:
    name, link, plug = operation.key.name, operation.link, operation.plug
    settled = _settle(name, link)
    if link.kind == "veth":
        if plug is None:
            raise errors.Internal(f"add veth {name}: it has no other end")
        _add_pair(name, link, plug, settled, netlink)
    elif link.kind == "vxlan":
        netlink.run([requests.add_vxlan(name, link.mtu, link.vni, link.local, link.port), settled])
    else:
        netlink.run([requests.add_bridge(name, link.mtu, link.mac), settled])
    sysctl.disable_ipv6(name)
    netlink.run([_finish(name, link)])
    if plug:
        namespaces.inside(plug.path, lambda: _plug_in(plug))


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
