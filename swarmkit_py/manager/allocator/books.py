"""Owns the allocator's memory: who holds which address and port. All of it can be had again from the tables.

It only ever follows objects: what an object shows is held, what it no longer shows is free. There is no second
source of truth to repair. No transactions here.
"""

from __future__ import annotations

from collections.abc import Iterator

from swarmkit_py.manager.allocator.ipam import Holder, Pool
from swarmkit_py.manager.allocator.ports import Ports
from swarmkit_py.manager.allocator.wants import holds_addresses
from swarmkit_py.model.objects import Network, Node, Object, Service, Task
from swarmkit_py.store.memory import Store

Place = tuple[str, str]
"""(network id, address with prefix)."""


class Books:
    """Pools by network id, and the mesh's ports."""

    def __init__(self, store: Store) -> None:
        self.pools: dict[str, Pool] = {}
        self.ports = Ports()
        for network in store.all(Network):
            self.follow_network(None, network)
        for kind in (Node, Service, Task):
            for obj in store.all(kind):
                self.follow(None, obj)

    def follow_network(self, old: Network | None, new: Network | None) -> None:
        """A network came, got its subnet, or went."""
        if new is None and old is not None:
            self.pools.pop(old.id, None)
        elif new is not None and new.subnet and new.id not in self.pools:
            self.pools[new.id] = Pool(new.subnet, new.gateway, new.spec.ipam4.ip_range or "",
                                     (new.spec.ipam4.auxiliary_addresses or {}).values())

    def follow(self, old: Object | None, new: Object | None) -> bool:
        """An object changed. True if something became free."""
        before, after = _places(old), _places(new)
        gone = before - after
        for network_id, address in gone:
            self._release(network_id, address, _holder(old))
        for network_id, address in after:
            if network_id in self.pools:
                self.pools[network_id].hold(address, _holder(new))
        return self._follow_ports(old, new) or bool(gone)

    def take(self, network_id: str, holder: Holder, asked: str = "") -> str | None:
        """An address on a network (`asked`: this one), None if it has none left (or no subnet yet)."""
        pool = self.pools.get(network_id)
        if pool is None:
            return None
        return pool.take_this(asked, holder) if asked else pool.take(holder)

    def give_back(self, places: list[Place], holder: Holder) -> None:
        """Undo `take`."""
        for network_id, address in places:
            self._release(network_id, address, holder)

    def _release(self, network_id: str, address: str, holder: Holder) -> None:
        if network_id in self.pools:
            self.pools[network_id].release(address, holder)

    def _follow_ports(self, old: Object | None, new: Object | None) -> bool:
        before, after = set(_mesh_ports(old)), set(_mesh_ports(new))
        for protocol, number in before - after:
            self.ports.release(protocol, number, _holder(old)[1])
        for protocol, number in after:
            self.ports.hold(protocol, number, _holder(new)[1])
        return bool(before - after)


def _holder(obj: Object | None) -> Holder:
    return (type(obj).__name__.lower(), obj.id if obj else "")


def _places(obj: Object | None) -> set[Place]:
    return set(_addresses(obj))


def _addresses(obj: Object | None) -> Iterator[Place]:
    if isinstance(obj, Service):
        for vip in (obj.endpoint.virtual_ips if obj.endpoint else None) or []:
            yield vip.network_id, vip.addr
    elif isinstance(obj, Node) or (isinstance(obj, Task) and holds_addresses(obj)):
        attachments = obj.attachments if isinstance(obj, Node) else obj.networks
        for attachment in attachments:
            for address in attachment.addresses:
                yield attachment.network_id, address


def _mesh_ports(obj: Object | None) -> Iterator[tuple[str, int]]:
    if isinstance(obj, Service) and obj.endpoint:
        for port in obj.endpoint.ports or []:
            if port.publish_mode == "ingress" and port.published_port:
                yield port.protocol or "tcp", port.published_port
