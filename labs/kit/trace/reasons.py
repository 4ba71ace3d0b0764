"""Owns why a hop is missing: what the kernels have there, and should have. Pure.

A code stands for a sentence (words.*.toml, [trace.why]); its facts fill that, what should be, and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labs.kit.trace.assemble import ASKED, Hop, Passage
from labs.kit.trace.kernels import Kernels, Link, Place
from labs.kit.trace.route import Step
from labs.kit.trace.story import Failure

RESOLVER_PORT = 61053
"""swarmd's own resolver listens there in each container: it is no program of the container's."""


@dataclass(frozen=True)
class Scene:
    """What is known besides the hops. `machines`: what was done to the hosts on purpose; `published`: the services of
    the asked port in the mesh with their tasks' addresses; `hosted`: those that publish it on their tasks' hosts,
    with the tasks by host; `virtual`: the service whose virtual address was asked, with its tasks' addresses;
    `silent`: hosts whose swarmd does not answer."""

    kernels: Kernels
    machines: Mapping[str, Any]
    published: Mapping[str, Sequence[str]] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    hosted: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    virtual: tuple[str, Sequence[str]] = ("", ())


def of_hop(scene: Scene, passage: Passage, number: int, way: str) -> Failure:
    """Why the packet did not make this hop, though it made the one before."""
    step = passage.hops[number].step
    before = passage.hops[number - 1] if number else None
    if passage.hops[number].state == ASKED:
        code, where, facts = "unanswered", step, {"address": step.target}
    else:
        code, where, facts = _why(scene, step, before)
    return Failure(way, number, where.host, where.interface, code, facts)


def _why(scene: Scene, step: Step, before: Hop | None) -> tuple[str, Step, dict[str, str]]:
    crossing = before is not None and before.step.host != step.host
    if crossing and before is not None and (found := _cable(scene, before.step.host, step.host)):
        return found[0], step, found[1]
    at = before.step if step.vni and before is not None and not crossing and not before.step.vni else None
    if at is not None and before is not None and (entry := _entries(scene, before)):
        return entry[0], at, entry[1]
    place = scene.kernels.places.get(step.inode)
    link = place.links.get(step.interface) if place else None
    if place is None or link is None:
        return "gone", step, {}
    if (wrong := _link(scene, place, link)) is not None:
        return wrong[0], wrong[2] or step, wrong[1]
    return "unsent" if before is None else "lost", step, {}


def _link(scene: Scene, place: Place, link: Link) -> tuple[str, dict[str, str], Step | None] | None:
    if not link.up:
        return _down(place, link)
    if not link.carrier:
        far = scene.kernels.other_end(place, link)
        if far is not None and not far[1].up:
            return _down(*far)
        dead = [port for port in place.ports(link.name) if not port.up]
        if dead:  # a bridge has carrier while a port of it has; the way out of its subnet is the VXLAN device
            return _down(place, min(dead, key=lambda port: port.kind != "vxlan"))
        if scene.machines.get(place.host, {}).get("cut"):
            return "cut", {"host": place.host, "do": f"lab heal {place.host}"}, None
        return "carrier", {}, None
    bridge = place.links.get(link.master)
    return _down(place, bridge) if bridge is not None and not bridge.up else None


def _down(place: Place, link: Link) -> tuple[str, dict[str, str], Step]:
    where = Step(place.host, place.inode, link.name, "in", "")
    return "down", {"do": command(place, f"ip link set {link.name} up")}, where


def _cable(scene: Scene, *hosts: str) -> tuple[str, dict[str, str]] | None:
    for host in hosts:
        state = scene.machines.get(host, {})
        if state.get("on") is False:
            return "off", {"host": host, "do": f"lab host {host} start"}
        if state.get("cut"):
            return "cut", {"host": host, "do": f"lab heal {host}"}
    return None


def _entries(scene: Scene, before: Hop) -> tuple[str, dict[str, str]] | None:
    """What a VXLAN device needs to know of a destination: its hardware address, and the node it is on."""
    step = before.step
    place = scene.kernels.places[step.inode]
    if not _is_tunnel(place, step.interface):
        return None
    owner = scene.kernels.owner(step.target, place)
    mac = owner[1].mac if owner else ""
    node = _node_address(scene.kernels, owner[0].host) if owner else ""
    facts = {"address": step.target, "mac": mac, "node": node}
    if before.state == ASKED:
        known = [one for one in place.tables.get("neighbours") or ()
                 if (one.get("dev"), one.get("dst")) == (step.interface, step.target)]
        if not known:
            return "neighbour", facts | {"do": command(
                place, f"ip neigh replace {step.target} lladdr {mac} dev {step.interface}")}
    targets = [one.get("dst", "") for one in place.tables.get("fdb") or ()
               if (one.get("ifname"), one.get("mac")) == (step.interface, mac) and "dst" in one]
    do = command(place, f"bridge fdb replace {mac} dev {step.interface} dst {node} self")
    if mac and not targets:
        return "fdb", facts | {"do": do}
    if node and node not in targets:
        return "fdb-wrong", facts | {"found": ", ".join(targets), "do": do}
    return None


def _is_tunnel(place: Place, interface: str) -> bool:
    link = place.links.get(interface)
    return link is not None and link.kind == "vxlan"


def _node_address(kernels: Kernels, host: str) -> str:
    own = kernels.own(host)
    for link in own.links.values() if own else ():
        if link.kind != "bridge" and link.name != "lo" and link.addresses:
            return link.addresses[0][0]
    return ""


def of_filter(scene: Scene, place: Place, port: int, protocol: str, address: str, refused: bool) -> Failure:
    """Why the node that was asked led the request nowhere. `refused`: by a rule."""
    services, tasks, code = _offered(scene, place)
    hosts = sorted({host for found in scene.hosted.values() for host in found})
    facts = {"port": str(port), "protocol": protocol, "services": ", ".join(services), "tasks": ", ".join(tasks),
             "tables": ", ".join(_tables(place)) or "–", "host": place.host, "address": address,
             "hosts": ", ".join(hosts)}
    return Failure("filter", 0, place.host, "nft", code, facts | {"refused": str(refused)})


def _offered(scene: Scene, place: Place) -> tuple[list[str], list[str], str]:
    """Which services should answer there, by which tasks, and what is wrong with that."""
    silent = place.host in scene.silent
    service, behind = scene.virtual
    if place.kind == "network" and service:
        wrong = "vip-no-rule-silent" if silent else "vip-no-rule"
        return [service], sorted(behind), wrong if behind else "vip-no-task"
    here = {name: found[place.host] for name, found in scene.hosted.items() if place.host in found}
    if here:
        return sorted(here), sorted(here.values()), "no-rule-silent" if silent else "no-rule"
    services = sorted(scene.published) or sorted(scene.hosted)
    tasks = sorted({address for found in scene.published.values() for address in found})
    if not services:
        return [], [], "unpublished"
    if not scene.published and any(scene.hosted.values()):
        return services, [], "host-mode"
    if not tasks:
        return services, [], "no-task"
    return services, tasks, "no-rule-silent" if silent else "no-rule"


def _tables(place: Place) -> list[str]:
    answer = place.tables.get("nft") or {}
    return [f"{item['table']['family']} {item['table']['name']}" for item in answer.get("nftables", ())
            if "table" in item]


def of_task(place: Place, port: int, processes: Sequence[Mapping[str, Any]], listening: Sequence[int], *,
            refused: bool, seconds: float) -> Failure:
    """Why whoever has the address did not answer."""
    listening = [number for number in listening if number != RESOLVER_PORT]
    names = ", ".join(sorted({str(one["comm"]) for one in processes})) or "–"
    facts = {"port": str(port), "processes": names, "seconds": f"{seconds:g}",
             "listening": ", ".join(map(str, listening)) or "–", "host": place.host,
             "pids": " ".join(str(one["pid"]) for one in processes)}
    stopped = [one for one in processes if one["state"] in "Tt"]
    frozen = [one for one in processes if one["frozen"]]
    if not processes:
        code = "no-process"
    elif refused or port not in listening:
        code = "not-listening"
    elif len(frozen) == len(processes):
        code = "frozen"
    elif stopped:
        code, facts["pids"] = "stopped", " ".join(str(one["pid"]) for one in stopped)
    else:
        code = "mute"
    return Failure("task", 0, place.host, _first(place), code, facts)


def _first(place: Place) -> str:
    return next((name for name in place.links if name != "lo"), "lo")


def command(place: Place, line: str) -> str:
    """How one types `line` in that place, from outside."""
    inside = f"nsenter --net={place.path} " if place.path else ""
    return f"lab exec {place.host} -- {inside}{line}"
