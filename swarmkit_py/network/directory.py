"""Owns which name leads where: one table for each network, derived from the node's service records. Pure. Must not
know DNS's wire format (`answers`) nor sockets (`resolver`).

A name is known only to those that share its network. On one network a name may lead to several things (an alias that
two services have): then to all of them.
Counterpart: moby/libnetwork/network.go (svcRecords, ResolveName, ResolveIP), filled from gossip there.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from swarmkit_py.model.assignment import NetworkAssignment, ServiceRecord
from swarmkit_py.model.local import LocalAddress, LocalNetwork

TASKS = "tasks."


@dataclass
class Zone:
    """One network's names. `names`: lower-case name to addresses; `pointers`: address to name."""

    label: str
    subnets: list[ipaddress.IPv4Network | ipaddress.IPv6Network]
    names: dict[str, list[str]] = field(default_factory=dict)
    pointers: dict[str, str] = field(default_factory=dict)
    twin: Callable[[str], str] = lambda address: ""
    """The IPv6 address that goes with an address of the network."""

    def add(self, name: str, addresses: Iterable[str]) -> None:
        found = self.names.setdefault(name.lower(), [])
        found.extend(each for address in addresses for each in (address, self.twin(address))
                     if each and each not in found)

    def point(self, address: str, name: str) -> None:
        for each in filter(None, (address, self.twin(address))):
            self.pointers[each] = name


class Directory:
    """All names of this node's networks: those of services, and on its own bridges containers' (`plugged`)."""

    def __init__(
        self, networks: Mapping[str, NetworkAssignment] | None = None, services: Iterable[ServiceRecord] = (),
        bridges: Iterable[LocalNetwork] = (), plugged: Iterable[LocalAddress] = (),
    ) -> None:
        self._zones = {
            network.id: Zone(network.name.lower(), [
                ipaddress.ip_network(subnet, strict=False) for subnet in (network.subnet, network.subnet6) if subnet
            ], twin=network.twin)
            for network in (networks or {}).values() if not network.ingress
        }
        self._zones.update({
            bridge.id: Zone(bridge.name.lower(), [ipaddress.ip_network(bridge.subnet)]) for bridge in bridges})
        for place in plugged:
            if zone := self._zones.get(place.network_id):
                _enter_place(zone, place)
        for record in services:
            if zone := self._zones.get(record.network_id):
                _enter(zone, record)

    def addresses(self, name: str, networks: Sequence[str]) -> list[str] | None:
        """Where a name (no trailing dot) leads for one that is on these networks: the first that knows it decides.
        `name.NETWORK` asks one of them. None: no such name; an empty list: known, but nobody serves."""
        name = name.lower()
        for zone in self._of(networks):
            for known in (name, name.removesuffix("." + zone.label)):
                if known in zone.names:
                    return list(zone.names[known])
        return None

    def pointer(self, address: str, networks: Sequence[str]) -> str | None:
        """The name of an address, with its network's after it; None if nobody there has it."""
        for zone in self._of(networks):
            if address in zone.pointers:
                return f"{zone.pointers[address]}.{zone.label}"
        return None

    def covers(self, address: str, networks: Sequence[str]) -> bool:
        """True if the address belongs to one of these networks, so that nobody else could know its name."""
        asked = ipaddress.ip_address(address)
        return any(asked in subnet for zone in self._of(networks) for subnet in zone.subnets)

    def _of(self, networks: Sequence[str]) -> list[Zone]:
        return [self._zones[id_] for id_ in networks if id_ in self._zones]


def _enter_place(zone: Zone, place: LocalAddress) -> None:
    address = place.address.partition("/")[0]
    for name in place.names:
        zone.add(name, [address])
    if place.names:
        zone.point(address, place.names[0])


def _enter(zone: Zone, record: ServiceRecord) -> None:
    backends = [backend.address for backend in record.backends]
    service = [record.vip] if record.mode == "vip" and record.vip else backends
    for name in (record.service_name, *record.aliases):
        zone.add(name, service)
        if record.mode != "attached":
            zone.add(TASKS + name, backends)
    if record.mode == "vip" and record.vip:
        zone.point(record.vip, record.service_name)
    for backend in record.backends:
        zone.add(backend.task_name, [backend.address])
        zone.point(backend.address, backend.task_name)
