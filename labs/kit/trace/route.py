"""Owns which interfaces a request should pass, one after the other, by the kernels' links alone. Pure.

A step is one interface in one direction. What the route cannot know (nobody has the address) ends it early.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from labs.kit.trace.kernels import Kernels, Link, Place

OUT, IN = "out", "in"


@dataclass(frozen=True)
class Step:
    """`vni`: the packet is inside of VXLAN here. `target`: whom ARP would ask for on this stretch; `origin`: who
    would ask, where it is not the sender."""

    host: str
    inode: int
    interface: str
    direction: str
    target: str
    vni: int = 0
    origin: str = ""

    def back(self, target: str) -> Step:
        """The same interface on the way of the answer."""
        turned = IN if self.direction == OUT else OUT
        return replace(self, direction=turned, target=self.origin or target, origin="")


@dataclass(frozen=True)
class Route:
    """A way from a place to an address. `end` is who has it, None if nobody was found."""

    steps: tuple[Step, ...]
    end: Place | None


def way(kernels: Kernels, source: Place, address: str) -> Route:
    """From `source` to whoever has `address`."""
    if source.has(address):
        return Route((), source)
    link = source.towards(address)
    if link is not None:
        return _on_subnet(kernels, source, link, address)
    return _by_gateway(kernels, source, address)


def _by_gateway(kernels: Kernels, source: Place, address: str) -> Route:
    """A container's way out: over its host, which routes."""
    own = kernels.own(source.host)
    for link in source.links.values() if own is not None and own is not source else ():
        far = kernels.other_end(source, link)
        if far is None or far[0] is not own or not (bridge := own.links.get(far[1].master)):
            continue
        if own.has(address) or own.towards(address):
            gateway = bridge.addresses[0][0] if bridge.addresses else address
            first = (_step(source, link, OUT, gateway), _step(own, far[1], IN, gateway),
                     _step(own, bridge, IN, gateway))
            rest = way(kernels, own, address)
            return Route((*first, *rest.steps), rest.end)
    return Route((), None)


def _on_subnet(kernels: Kernels, source: Place, link: Link, address: str) -> Route:
    first = _step(source, link, OUT, address)
    if link.kind == "bridge":
        rest = _across(kernels, source, link.name, "", address)
        return Route((first, *rest.steps), rest.end)
    far = kernels.other_end(source, link)
    if far is not None and far[1].master:
        place, port = far
        rest = _across(kernels, place, port.master, port.name, address)
        return Route((first, _step(place, port, IN, address), *rest.steps), rest.end)
    owner = kernels.owner(address)  # the underlay: what is between is the switch's
    if owner is None:
        return Route((first,), None)
    return Route((first, _step(*owner, IN, address)), owner[0])


def _across(kernels: Kernels, place: Place, bridge: str, entered: str, address: str) -> Route:
    """Over a bridge, which was entered by a port of it (or by itself, ""), to whoever has the address."""
    if entered and (own := place.links.get(bridge)) and any(each == address for each, _ in own.addresses):
        return Route((_step(place, own, IN, address),), place)
    for port in place.ports(bridge):
        far = kernels.other_end(place, port)
        if far is not None and port.name != entered and far[0].has(address):
            return Route((_step(place, port, OUT, address), _step(*far, IN, address)), far[0])
    for port in place.ports(bridge):
        if port.kind == "vxlan" and port.name != entered:
            rest = _tunnel(kernels, place, port, address)
            return Route((_step(place, port, OUT, address), *rest.steps), rest.end)
    return Route((), None)


def _tunnel(kernels: Kernels, place: Place, tunnel: Link, address: str) -> Route:
    """From a VXLAN device over the underlay to the one of whoever has the address."""
    here, owner = kernels.own(place.host), kernels.owner(address, place)
    if here is None or owner is None or owner[0].host == place.host:
        return Route((), None)
    there = kernels.own(owner[0].host)
    wires = _underlay(here, there) if there else None
    if wires is None or there is None:
        return Route((), None)
    out, into, outer = wires
    origin = next(own for own, _ in out.addresses)
    steps = [replace(_step(here, out, OUT, outer), vni=tunnel.vni, origin=origin),
             replace(_step(there, into, IN, outer), vni=tunnel.vni, origin=origin)]
    for far in kernels.on(owner[0].host):
        for port in far.links.values():
            if port.vni == tunnel.vni and port.master:
                rest = _across(kernels, far, port.master, port.name, address)
                return Route((*steps, _step(far, port, IN, address), *rest.steps), rest.end)
    return Route(tuple(steps), None)


def _underlay(here: Place, there: Place) -> tuple[Link, Link, str] | None:
    """The two hosts' interfaces on one subnet, and the address of the second."""
    for into in there.links.values():
        for outer, _ in into.addresses if into.kind != "bridge" and into.name != "lo" else ():
            out = here.towards(outer)
            if out is not None and out.kind != "bridge":
                return out, into, outer
    return None


def _step(place: Place, link: Link, direction: str, target: str) -> Step:
    return Step(place.host, place.inode, link.name, direction, target)


def backwards(steps: Sequence[Step], source: str) -> tuple[Step, ...]:
    """The answer's way over the same interfaces, to `source`."""
    return tuple(step.back(source) for step in reversed(steps))
