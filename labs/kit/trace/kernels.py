"""Owns the hosts' kernels as `lab trace` needs them: places (network namespaces), links, and who is wired to whom.
Pure, over the evidence (`topologies.evidence`). Knows no packets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any


@dataclass(frozen=True)
class Link:
    """An interface. `carrier`: its other end is up as well; `peer`: the index of a veth's other end, in its place."""

    name: str
    index: int
    kind: str
    up: bool
    carrier: bool
    mac: str
    master: str
    peer: int
    vni: int
    addresses: tuple[tuple[str, int], ...]

    def reaches(self, address: str) -> bool:
        """Is the address on its subnet?"""
        return any(IPv4Address(address) in IPv4Network(f"{own}/{prefix}", strict=False)
                   for own, prefix in self.addresses)


@dataclass(frozen=True)
class Place:
    """A network namespace. `kind`: host (a host's own), network (an overlay's) or task (a container's)."""

    host: str
    inode: int
    kind: str
    path: str
    links: Mapping[str, Link]
    tables: Mapping[str, Any] = field(default_factory=dict)

    def has(self, address: str) -> Link | None:
        """The interface with this address."""
        return next((link for link in self.links.values() if any(own == address for own, _ in link.addresses)), None)

    def towards(self, address: str) -> Link | None:
        """The interface on whose subnet the address is; a longer prefix first, never one with the prefix 32 alone."""
        found = [(max(prefix for _, prefix in link.addresses if prefix < 32), link)
                 for link in self.links.values()
                 if any(prefix < 32 for _, prefix in link.addresses) and link.reaches(address)]
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def ports(self, bridge: str) -> Iterator[Link]:
        """What is plugged into a bridge here."""
        return (link for link in self.links.values() if link.master == bridge)


class Kernels:
    """All places of all hosts. `paths`: where a place's namespace is pinned, by inode."""

    def __init__(self, hosts: Mapping[str, Any], paths: Mapping[int, str]) -> None:
        self.hosts = hosts
        self.places: dict[int, Place] = {}
        for name, host in hosts.items():
            for inode, tables in host["namespaces"].items():
                number = int(inode)
                path = paths.get(number, "")
                links = {link.name: link for link in map(_link, tables.get("links") or ())}
                kind = "host" if number == host["netns"] else "network" if "/networks/" in path else "task"
                self.places[number] = Place(name, number, kind, path, links, tables)

    def own(self, host: str) -> Place | None:
        """A host's own place; None for one that is off."""
        return self.places.get(self.hosts[host]["netns"])

    def on(self, host: str) -> list[Place]:
        return [place for place in self.places.values() if place.host == host]

    def owner(self, address: str, near: Place | None = None) -> tuple[Place, Link] | None:
        """Who has the address. Several may (overlays of the same subnet): those wired to `near` first."""
        found = [(place, link) for place in self.places.values()
                 if (link := place.has(address)) and link.name != "lo"]
        if len(found) > 1 and near is not None:
            found.sort(key=lambda pair: not self.same_network(near, pair[0], address))
        return found[0] if found else None

    def same_network(self, near: Place, other: Place, address: str) -> bool:
        """Do both places have to do with one overlay: by VXLAN id, of the bridges that lead to the address?"""
        return near.inode == other.inode or bool(self._vnis(near, address) & self._vnis(other, address))

    def _vnis(self, place: Place, address: str) -> set[int]:
        link = place.towards(address)
        if link is None:
            return set()
        if link.kind == "bridge":
            return {port.vni for port in place.ports(link.name) if port.vni}
        found = self.other_end(place, link)
        return {port.vni for port in found[0].ports(found[1].master) if port.vni} if found else set()

    def other_end(self, place: Place, link: Link) -> tuple[Place, Link] | None:
        """The other end of a veth pair on the same host. Indexes repeat among places: where two fit, the bridge's
        subnet decides."""
        if link.kind != "veth" or not link.peer:
            return None
        found = [(other, end) for other in self.on(place.host) if other is not place
                 for end in other.links.values()
                 if end.kind == "veth" and (end.index, end.peer) == (link.peer, link.index)]
        found.sort(key=lambda pair: not _one_subnet(place, link, *pair))
        return found[0] if found else None


def _one_subnet(place: Place, link: Link, other: Place, end: Link) -> bool:
    """Does the bridge at one end lead to an address of the other?"""
    for here, near, far in ((other, end, link), (place, link, end)):
        bridge = here.links.get(near.master)
        if bridge is not None and any(bridge.reaches(address) for address, _ in far.addresses):
            return True
    return False


def _link(found: Mapping[str, Any]) -> Link:
    info = found.get("linkinfo", {})
    return Link(
        name=found["ifname"], index=found["ifindex"], kind=info.get("info_kind", ""), up="UP" in found["flags"],
        carrier=found["operstate"] in ("UP", "UNKNOWN"), mac=found["address"], master=found.get("master", ""),
        peer=found.get("link_index", 0), vni=info.get("info_data", {}).get("id", 0),
        addresses=tuple((one["local"], one["prefixlen"]) for one in found["addr_info"] if one["family"] == "inet"))
