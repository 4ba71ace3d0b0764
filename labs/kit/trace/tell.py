"""Owns making a story of the evidence: the route over the links, the sightings on it, the rule that was met, who was
chosen, and where it ended. Pure but for one question, asked only of a task that does not answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from labs.kit.firewall_facts import backends
from labs.kit.trace import reasons
from labs.kit.trace.assemble import (
    Passage,
    Ports,
    Rule,
    Translation,
    answers_to,
    opening_packet,
    passage,
    request_packet,
)
from labs.kit.trace.kernels import Link, Place
from labs.kit.trace.packets import Heard, Packet
from labs.kit.trace.reasons import Scene
from labs.kit.trace.route import Route, backwards, way
from labs.kit.trace.story import Failure, Result, Target, Trace

TRACE_TABLE = "labtrace"


@dataclass(frozen=True)
class Evidence:
    """All that one request left behind. `rules`: the packet filter's trace messages, `texts`: its rules by "table
    chain handle" (None: it could not be asked); `entry`: conntrack's record."""

    target: Target
    result: Result
    heard: Heard
    ports: Ports
    nonce: bytes
    place: Place
    entry: Place | None
    rules: Sequence[Mapping[str, Any]]
    texts: Mapping[str, str] | None
    record: Mapping[str, Any] | None
    seconds: float
    processes: Callable[[Place], list[dict[str, Any]]]
    source: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    bound: Callable[[Place], list[int]] = lambda place: []
    """UDP ports that programs have there."""
    container: Callable[[str], str] = lambda id_: ""
    """A container's name."""


def tell(found: Evidence, scene: Scene) -> Trace:
    """The story."""
    first = _way_to_entry(found, scene)
    translation = _translation(found)
    ports = _ports(found, translation)
    packet = request_packet(found.heard, ports, found.nonce)
    before = passage(found.heard, first.steps, packet, ports, back=False)
    second = _way_to_task(found, scene, translation)
    after = passage(found.heard, second.steps, packet, ports, back=False)
    chosen = translation.after[2] if translation and translation.after else found.target.address
    end = second.end if translation else first.end
    if translation and not translation.after and not found.result.error:
        end = found.entry  # a program of the host itself
    answer = _answer(found, ports, packet, first, second, translation)
    parts = _Parts(before, translation, after, answer, end, packet)
    return Trace(
        target=found.target, source=found.source, result=found.result, before=before, translation=translation,
        after=after, answer=answer, served=_served(found, end, chosen),
        served_host=end.host if end else "", opened=_opened(found, ports), names=found.names,
        failure=_failure(found, scene, parts))


def _served(found: Evidence, end: Place | None, address: str) -> str:
    """By the address, or, where that is only its host's affair, by the container that lives there."""
    if end is None:
        return ""
    known = found.names.get(address, "")
    return known or (found.container(PurePath(end.path).name) if end.kind == "task" else "")


@dataclass(frozen=True)
class _Parts:
    before: Passage
    translation: Translation | None
    after: Passage
    answer: Passage
    end: Place | None
    packet: Packet | None


def _way_to_entry(found: Evidence, scene: Scene) -> Route:
    if found.entry is found.place:
        return Route((), found.place)
    return way(scene.kernels, found.place, found.target.address)


def _way_to_task(found: Evidence, scene: Scene, translation: Translation | None) -> Route:
    if translation is None or found.entry is None:
        return Route((), None)
    if translation.after is not None:
        return way(scene.kernels, found.entry, translation.after[2])
    if translation.choices and _changed(translation.met):  # chosen, but the record went with the packet
        return way(scene.kernels, found.entry, translation.choices[0])
    return Route((), None)


def _changed(met: Sequence[Rule]) -> bool:
    return any("dnat" in rule.text or "redirect" in rule.text for rule in met)


def _translation(found: Evidence) -> Translation | None:
    """What the node that was asked did. A container that was asked itself does nothing."""
    place = found.entry
    if place is None or place.kind == "task":
        return None
    target = found.target
    came = next((one.ends for one in found.heard.sightings
                 if one.inode == place.inode and one.ends[2:] == (target.address, target.port)), None)
    before = came or (found.place.host if found.entry is not found.place else target.address, found.ports.client,
                      target.address, target.port)
    choices = tuple(sorted(backends(place.tables.get("nft") or {}, target.port)))
    after = None
    if found.record:
        original, reply = found.record["original"], found.record["reply"]
        if (reply[0], reply[1]) != (original[2], original[3]):
            after = (reply[2], reply[3], reply[0], reply[1])
    return Translation(place.host, place.inode, tuple(before), after, _met(found), choices, found.texts is not None)


def _met(found: Evidence) -> tuple[Rule, ...]:
    """The rules of the first packet: those that decided something. Ours comes first, and once more with each later
    packet."""
    met: list[Rule] = []
    begun = 0
    for one in found.rules:
        if one["table"].startswith(TRACE_TABLE):
            begun += one["type"] == "rule" and one["handle"] > 0
            if begun > 1:
                break
        elif one["type"] == "rule" and one["handle"]:
            text = (found.texts or {}).get(f"{one['table']} {one['chain']} {one['handle']}", "")
            verdict = f"{one['verdict']} {one['to']}".strip()
            element = _element(found, one["table"], text, verdict)
            met.append(Rule(one["table"], one["chain"], text, verdict, element))
    return tuple(met)


def _element(found: Evidence, table: str, text: str, verdict: str) -> str:
    """`@published { tcp . 80 : goto tcp_80 }`: the element of the named map that led on."""
    name = re.search(r"vmap @(\S+)", text)
    listing = (found.entry.tables.get("nft") or {}).get("nftables", ()) if found.entry else ()
    for item in listing if name else ():
        one = item.get("map", {})
        if name and (one.get("table"), one.get("name")) == (table, name.group(1)):
            for key, _ in one.get("elem", ()):
                parts = key.get("concat", [key]) if isinstance(key, dict) else [key]
                if found.target.port in parts:
                    return f"@{name.group(1)} {{ {' . '.join(map(str, parts))} : {verdict} }}"
    return ""


def _ports(found: Evidence, translation: Translation | None) -> Ports:
    servers = {found.target.port}
    if translation and translation.after:
        servers.add(translation.after[3])
    elif translation:
        servers |= {int(port) for rule in translation.met if "dnat" in rule.text
                    for port in re.findall(r"\. (\d+)[, }]", rule.text)}
    return Ports(found.ports.client, frozenset(servers))


def _answer(
    found: Evidence, ports: Ports, packet: Packet | None, first: Route, second: Route, met: Translation | None,
) -> Passage:
    """The first answer and its way, which is the request's, backwards."""
    asker = next((own for link in found.place.links.values() for own, _ in link.addresses if link.name != "lo"), "")
    middle = found.entry.towards(second.steps[-1].target) if found.entry and second.steps else None
    turn = _turn(middle, met) if middle else asker
    steps = (*backwards(second.steps, turn), *backwards(first.steps, asker))
    came = answers_to(found.heard, ports, packet) if packet else []
    return passage(found.heard, steps, came[0] if came else None, ports, back=True)


def _turn(middle: Link, met: Translation | None) -> str:
    """Where the answer is sent first: to whom the request came from after its change; where that was left as it was,
    to the entry node's own address there. Virtual addresses are there as well, and every node has them."""
    if met and met.after and middle.reaches(met.after[0]):
        return str(met.after[0])
    return next((own for own, prefix in middle.addresses if prefix < 32), "")


def _opened(found: Evidence, ports: Ports) -> int:
    """How long the connection took to open, in ns; 0 if it did not, or for UDP."""
    opening = opening_packet(found.heard, ports)
    if opening is None or found.target.protocol == "udp" or not found.result.connected:
        return 0
    return found.result.connected - found.result.began


def _failure(found: Evidence, scene: Scene, parts: _Parts) -> Failure | None:
    """The first thing that is missing, in the order of the way."""
    if not found.result.error:
        return None
    if (number := parts.before.broken) is not None:
        return reasons.of_hop(scene, parts.before, number, "request")
    met = parts.translation
    entry = found.entry
    if entry is None:
        return Failure("request", len(parts.before.hops), found.place.host, "", "nobody",
                       {"address": found.target.address})
    if met is not None and met.after is None and not parts.after.hops:
        refused = parts.answer.packet is not None
        return reasons.of_filter(scene, entry, found.target.port, found.target.protocol,
                                 found.target.address, refused)
    if (number := parts.after.broken) is not None:
        return reasons.of_hop(scene, parts.after, number, "after")
    if parts.end is None:
        address = met.after[2] if met and met.after else found.target.address
        return Failure("after", len(parts.after.hops), entry.host, "", "nobody", {"address": address})
    return _late_failure(found, scene, parts, parts.end)


def _late_failure(found: Evidence, scene: Scene, parts: _Parts, end: Place) -> Failure:
    """The request reached whoever has the address: did the answer leave, and where did it end?"""
    answer, met = parts.answer, parts.translation
    port = met.after[3] if met and met.after else found.target.port
    refused = answer.packet is not None and ("R" in answer.packet.flags or answer.packet.protocol == "icmp")
    number = answer.broken
    if answer.packet is not None and not refused and number is not None:
        return reasons.of_hop(scene, answer, number, "answer")
    listening = found.bound(end) if found.target.protocol == "udp" else (
        scene.kernels.hosts[end.host]["listening"].get(str(end.inode), []))
    return reasons.of_task(end, port, found.processes(end), listening, refused=refused, seconds=found.seconds)
