"""Owns what was heard, as sightings: one packet on one interface. Pure. The headers are read by `lab tap`'s decoder.

That two sightings are of one packet is told by what no translation changes: TCP's numbers, flags and length; of UDP,
the bytes carried.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labs.kit.tap_script import OUTGOING, about, decode

Ends = tuple[str, int, str, int]
"""Source address and port, destination address and port."""


@dataclass(frozen=True)
class Packet:
    """What stays the same of a packet on its way."""

    protocol: str
    seq: int
    ack: int
    flags: str
    length: int
    said: bytes

    @property
    def next_seq(self) -> int:
        """What its receiver acknowledges."""
        return (self.seq + self.length + ("S" in self.flags) + ("F" in self.flags)) % (1 << 32)


@dataclass(frozen=True)
class Sighting:
    """`when`: ns, by the kernel. `outer` and `vni`: inside of VXLAN, between which nodes. `about`: an ICMP error's,
    whose own ends have no ports."""

    when: int
    host: str
    inode: int
    interface: str
    direction: str
    packet: Packet
    ends: Ends
    outer: Ends | None = None
    vni: int = 0
    about: Ends | None = None


@dataclass(frozen=True)
class Question:
    """An ARP request: who asks, and for whom."""

    when: int
    inode: int
    interface: str
    direction: str
    asker: str
    target: str
    vni: int


@dataclass(frozen=True)
class Heard:
    """Everything, in the order of time."""

    sightings: tuple[Sighting, ...]
    questions: tuple[Question, ...]


def read(frames: Mapping[str, Iterable[Sequence[Any]]]) -> Heard:
    """Of frames as the hosts' scripts tell them, by host: [ns, inode, interface, kind of packet, hex]."""
    sightings: list[Sighting] = []
    questions: list[Question] = []
    for host, told in frames.items():
        for when, inode, interface, kind, data in told:
            at = (when, host, inode, interface, "out" if kind == OUTGOING else "in")
            found = _one(at, decode(bytes.fromhex(data)))
            if isinstance(found, Sighting):
                sightings.append(found)
            elif found is not None:
                questions.append(found)
    return Heard(tuple(sorted(sightings, key=lambda one: one.when)), tuple(sorted(questions, key=lambda o: o.when)))


def _one(at: tuple[int, str, int, str, str], headers: list[dict[str, Any]]) -> Sighting | Question | None:
    outer: Ends | None = None
    vni, ip = 0, {"src": "", "dst": ""}
    for header in headers:
        if header["kind"] == "ip":
            ip = header
        elif header["kind"] == "vxlan":
            vni = header["vni"]
        elif header["kind"] == "arp" and header["op"] == 1:
            when, _, inode, interface, direction = at
            return Question(when, inode, interface, direction, header["src"], header["dst"], vni)
        elif header["kind"] == "udp" and any(each["kind"] == "vxlan" for each in headers) and not vni:
            outer = _ends(ip, header)
        elif header["kind"] in ("tcp", "udp"):
            return Sighting(*at, _packet(header), _ends(ip, header), outer, vni)
        elif header["kind"] == "icmp" and header["type"] in (3, 11):
            return _error(at, ip, header, outer, vni)
    return None


def _error(
    at: tuple[int, str, int, str, str], ip: Mapping[str, Any], header: dict[str, Any], outer: Ends | None, vni: int,
) -> Sighting | None:
    inner = about(header)
    if len(inner) < 2 or "sport" not in inner[1]:
        return None
    packet = Packet("icmp", inner[1].get("seq", 0), 0, f"{header['type']}/{header['code']}", 0, b"")
    return Sighting(*at, packet, (ip["src"], 0, ip["dst"], 0), outer, vni, _ends(inner[0], inner[1]))


def _packet(header: Mapping[str, Any]) -> Packet:
    return Packet(header["kind"], header.get("seq", 0), header.get("ack", 0), header.get("flags", ""),
                  header["length"], header["payload"])


def _ends(ip: Mapping[str, Any], header: Mapping[str, Any]) -> Ends:
    return ip["src"], header["sport"], ip["dst"], header["dport"]


def same(one: Packet, other: Packet) -> bool:
    """One packet, seen twice. A large one may be cut into several on its way: the first of these is it. Of what UDP
    carries only the beginning may have been kept, and not equally much."""
    if one.protocol == "tcp":
        return _numbers(one) == _numbers(other)
    size = min(len(one.said), len(other.said))
    return (one.protocol, one.seq, one.flags, one.length, one.said[:size]) == (
        other.protocol, other.seq, other.flags, other.length, other.said[:size])


def _numbers(one: Packet) -> tuple[object, ...]:
    signs = "SRA" if one.length else "SRAF"
    return one.protocol, one.seq, one.ack, one.length > 0, [sign for sign in signs if sign in one.flags]


@dataclass(frozen=True)
class Connection:
    """By what every packet of one connection is known, whatever its addresses are where it is seen: TCP's numbers as
    far as its beginning shows them, the client's fresh port, and what only this request carries."""

    port: int
    nonce: bytes
    numbers: frozenset[int] = frozenset()

    @property
    def keys(self) -> list[bytes]:
        """One of these is in each of its packets (and by chance in others)."""
        return [self.port.to_bytes(2, "big"), self.nonce, *(number.to_bytes(4, "big") for number in self.numbers)]

    def learn(self, heard: Heard) -> Connection:
        """With the numbers of what was heard where it began."""
        mine = [one.packet for one in heard.sightings if one.packet.protocol == "tcp" and self.port in one.ends]
        numbers = {number for packet in mine for number in (packet.seq, packet.ack, packet.next_seq)} - {0}
        return Connection(self.port, self.nonce, frozenset(numbers))

    def only(self, heard: Heard, since: int) -> Heard:
        """Its packets, and all questions; nothing older than `since`."""
        return Heard(tuple(one for one in heard.sightings if one.when >= since and self._owns(one)),
                     tuple(one for one in heard.questions if one.when >= since))

    def _owns(self, one: Sighting) -> bool:
        packet = one.packet
        if packet.protocol == "udp":
            return self.nonce in packet.said or self.port in one.ends
        if packet.protocol == "icmp":
            return packet.seq in self.numbers or one.about is not None and self.port in one.about
        return packet.seq in self.numbers or packet.ack in self.numbers
