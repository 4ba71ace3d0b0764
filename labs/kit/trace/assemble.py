"""Owns putting together what should be passed (`route`) and what was seen (`packets`): the hops of a request and of
its answer, and the first that is missing. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from labs.kit.trace.packets import Heard, Packet, Sighting, same
from labs.kit.trace.route import Step

SEEN, ASKED, MISSING = "seen", "asked", "missing"


@dataclass(frozen=True)
class Hop:
    """A step, and what was seen there. `asked`: not the packet, but the question for its next hop's hardware
    address, which must be answered first."""

    step: Step
    state: str
    sighting: Sighting | None = None


@dataclass(frozen=True)
class Rule:
    """A rule of a packet filter that the first packet met. `element`: which one of the map that it looks into."""

    table: str
    chain: str
    text: str
    verdict: str
    element: str = ""


@dataclass(frozen=True)
class Translation:
    """What the node that was asked made of the request. `met`: the rules, in their order, as its kernel told;
    `after`: the ends from then on, None if nothing was changed; `choices`: among how many."""

    host: str
    place: int
    before: tuple[Any, ...]
    after: tuple[Any, ...] | None
    met: tuple[Rule, ...] = ()
    choices: tuple[str, ...] = ()
    told: bool = True


@dataclass(frozen=True)
class Passage:
    """A packet's way: the hops it should make, as far as it made them."""

    packet: Packet | None
    hops: tuple[Hop, ...]
    sent: int = 1

    @property
    def broken(self) -> int | None:
        """Which hop it did not make: the one after the last that it reached; None if it reached all."""
        reached = [number for number, hop in enumerate(self.hops) if hop.state != MISSING]
        last = reached[-1] if reached else -1
        if last == len(self.hops) - 1:
            return last if self.hops and self.hops[last].state == ASKED else None
        return last + 1

    @property
    def began(self) -> int:
        return next((hop.sighting.when for hop in self.hops if hop.sighting), 0)


@dataclass(frozen=True)
class Ports:
    """How the two directions are told apart: the client's port is fresh, the servers' are these."""

    client: int
    servers: frozenset[int] = field(default_factory=frozenset)

    def forward(self, one: Sighting) -> bool:
        return one.ends[3] in self.servers and one.packet.protocol != "icmp"

    def answer(self, one: Sighting) -> bool:
        """An answer, or an error that speaks of the request."""
        return one.ends[1] in self.servers or one.about is not None and one.about[1] == self.client


def request_packet(heard: Heard, ports: Ports, nonce: bytes) -> Packet | None:
    """The packet that carries the nonce; before there is one, the connection's first."""
    sent = [one.packet for one in heard.sightings if ports.forward(one)]
    return next((packet for packet in sent if nonce in packet.said), sent[0] if sent else None)


def opening_packet(heard: Heard, ports: Ports) -> Packet | None:
    """The first of all."""
    return next((one.packet for one in heard.sightings if ports.forward(one)), None)


def answers_to(heard: Heard, ports: Ports, packet: Packet) -> list[Packet]:
    """What came back: for a request that carried something, what carries something, or refuses; else what opens the
    connection, or refuses. In the order of time."""
    found: list[Packet] = []
    for one in heard.sightings:
        packet_back = one.packet
        says = packet_back.length > 0 if packet.length else "S" in packet_back.flags
        if not ports.answer(one) or any(same(packet_back, each) for each in found):
            continue
        if packet_back.protocol in ("icmp", "udp") or "R" in packet_back.flags or (
                says and _acknowledges(packet_back, packet)):
            found.append(packet_back)
    return found


def _acknowledges(back: Packet, packet: Packet) -> bool:
    return (back.ack - packet.next_seq) % (1 << 32) < 1 << 31


def passage(heard: Heard, steps: Sequence[Step], packet: Packet | None, ports: Ports, *, back: bool) -> Passage:
    """The packet over the steps. Sent several times, the attempt counts that came furthest, the first of these."""
    right = ports.answer if back else ports.forward
    mine = [one for one in heard.sightings if packet and same(one.packet, packet) and right(one)]
    best: list[Hop] = []
    starts = _attempts(mine, steps)
    for begin, end in zip(starts, [*starts[1:], 1 << 63], strict=True):
        window = [one for one in mine if begin <= one.when < end]
        hops = _honest([_hop(heard, step, window) for step in steps])
        if not best or _reached(hops) > _reached(best):
            best = hops
    return Passage(packet, tuple(best), len(starts))


def _honest(hops: Sequence[Hop]) -> list[Hop]:
    """Once the packet itself is on a stretch, a question seen further on was an earlier one, and answered."""
    on_its_way: set[str] = set()
    found = []
    for hop in hops:
        if hop.state == SEEN:
            on_its_way.add(hop.step.target)
        stale = hop.state == ASKED and hop.step.target in on_its_way
        found.append(Hop(hop.step, MISSING) if stale else hop)
    return found


def _attempts(mine: Sequence[Sighting], steps: Sequence[Step]) -> list[int]:
    """When it was sent: each time it is seen on the first interface on which it is seen at all."""
    for step in steps:
        times = [one.when for one in mine if _fits(one, step)]
        if times:
            return [0, *times[1:]]
    return [0]


def _reached(hops: Sequence[Hop]) -> int:
    return sum(hop.state == SEEN for hop in hops)


def _hop(heard: Heard, step: Step, window: Sequence[Sighting]) -> Hop:
    for one in window:
        if _fits(one, step):
            return Hop(step, SEEN, one)
    asked = any((q.inode, q.interface, q.direction, q.target) == (step.inode, step.interface, step.direction,
                                                                 step.target) and q.vni in (0, step.vni)
                for q in heard.questions)
    return Hop(step, ASKED if asked and step.target else MISSING)


def _fits(one: Sighting, step: Step) -> bool:
    return (one.inode, one.interface, one.direction, one.vni) == (
        step.inode, step.interface, step.direction, step.vni)
