"""What every node's kernel has to carry, computed from nothing but the Engine API: services, tasks, networks, nodes,
containers.

Independent of `swarmkit_py.network.wanted` on purpose: that one is a suspect. `expected` gives plain values, in the
form in which `net_seen.seen` puts what `net_probe.py` found; `differences` compares the two in words.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from tests.engine.net_steps import ALIASES, CONTAINERS, SERVICES
from tests.engine.net_world import Json, World, all_on, container_of, host_ports, is_guest, networks_of, on

IPV6 = Path("/proc/sys/net/ipv6").exists()
KEEPS = {"swarmkit.ingress.source": "preserve"}


@dataclass(frozen=True)
class Inside:
    """What one container sees of networks: `networks` are overlays in its own order, `addresses` all of its own but
    that of docker_gwbridge (`ways_out`: one there or none)."""

    container: str
    name: str
    networks: tuple[str, ...]
    addresses: tuple[str, ...]
    ways_out: int
    returns: tuple[str, ...] = ()
    """By which nodes clients come in that it answers by there."""
    ordered: bool = True
    """False: the API does not tell which of its networks comes first."""


def insides(world: World, node_id: str) -> list[Inside]:
    """Of one node's containers: its tasks', and one's own."""
    tasks = [_task(world, task) for task in world.mine(node_id) if not is_guest(task)]
    return tasks + [_own(world, one) for one in world.containers.get(world.host(node_id), ())]


def _task(world: World, task: Json) -> Inside:
    ids = networks_of(task)
    service = next((s for s in world.services if s["ID"] == task["ServiceID"]), None)
    name = f"{service['Spec']['Name'] if service else task['ServiceID']}.{task.get('Slot') or 'everywhere'}"
    keeps = service is not None and _keeps(service) and world.ingress() in ids
    return Inside(
        container_of(task), f"{name}.{task['ID'][:5]}", tuple(id_ for id_ in ids if id_ != world.ingress()),
        tuple(sorted(address for id_ in ids for address in all_on(task, id_))),
        # Docker: a task whose own networks are all internal has none, but ingress counts as a way in and out.
        int(not ids or not all(map(world.internal, ids))),
        tuple(sorted(world.balancers[world.ingress()].values())) if keeps else ())


def _keeps(service: Json) -> bool:
    return KEEPS.items() <= (service["Spec"].get("Labels") or {}).items()


def _own(world: World, container: Json) -> Inside:
    """docker0 is its way out where it is on it, docker_gwbridge beside overlays with one."""
    places = container["NetworkSettings"]["Networks"]
    overlays = tuple(place["NetworkID"] for place in places.values() if place["NetworkID"] in world.networks)
    addresses = (place.get(key) for place in places.values() for key in ("IPAddress", "GlobalIPv6Address"))
    way_out = "bridge" not in places and overlays and not all(map(world.internal, overlays))
    return Inside(container["Id"], str(container["Names"][0][1:]), overlays, tuple(sorted(filter(None, addresses))),
                  int(bool(way_out)), ordered=len(overlays) < 2)


def expected(world: World, node_id: str) -> Json:
    """Of one node that is up."""
    mine, here = world.mine(node_id), insides(world, node_id)
    carried = sorted({id_ for task in mine for id_ in networks_of(task)} | {world.ingress()})
    facts: Json = {"networks": sorted(set(carried) - {world.ingress()}),
                   "containers": sorted(inside.container for inside in here)}
    for id_ in carried:
        facts |= {f"{world.networks[id_]['Name']}: {what}": value
                  for what, value in _network(world, node_id, id_, mine).items()}
    for inside in here:
        facts |= {f"{inside.name}: {what}": value for what, value in _inside(world, inside).items()}
    facts["ports of docker_gwbridge"] = sum(inside.ways_out for inside in here)
    return facts | _published(world, node_id)


def _network(world: World, node_id: str, id_: str, mine: list[Json]) -> Json:
    network = world.networks[id_]
    device, bridge = f"vx-{vni(network)}", "br-ingress" if network["Ingress"] else f"br-{vni(network)}"
    here = [address for task in mine for address in on(task, id_)]
    own = world.balancers[id_].get(world.underlay(node_id), "none")
    away = {address: world.underlay(task["NodeID"]) for task in world.living() if task["NodeID"] != node_id
            for address in on(task, id_)}
    away |= {address: node for node, address in world.balancers[id_].items() if node != world.underlay(node_id)}
    owns = world.both(id_, [own])
    prefixes = [subnet.partition("/")[2] for subnet in world.subnets(id_)]
    vips = {} if network["Ingress"] else _vips(world, id_)
    facts: Json = {
        "device": [device, vni(network), world.underlay(node_id), bridge, True],
        "nodes on it": sorted(world.balancers[id_]),
        "addresses": sorted([*(f"{address}/{prefix}" for address, prefix in zip(owns, prefixes, strict=False)),
                             *(f"{vip}/{128 if ':' in vip else 32}" for vip in vips)]),
        "forwarding to nodes": sorted([mac(address), device, node] for address, node in away.items()),
        "forwarding to the device": sorted([mac(address), device] for address in away),
        "forwarding to tasks": sorted(mac(address) for address in here),
        "neighbours": sorted([told, device, mac(address)] for address in away for told in world.both(id_, [address])),
        "ports of tasks": len(here),
        "answers come back to": sorted(owns),
    }
    if not network["Ingress"]:
        facts["virtual addresses"] = {vip: backends for vip, backends in sorted(vips.items()) if backends}
    return facts


def mac(address: str) -> str:
    return "02:42:" + ":".join(f"{int(part):02x}" for part in address.split("."))


def vni(network: Json) -> int:
    return int(network["Options"]["com.docker.network.driver.overlay.vxlanid_list"])


def _vips(world: World, network_id: str) -> dict[str, list[str]]:
    """Virtual address → who serves behind it, with addresses of its kind."""
    found = {}
    for service in world.services:
        serving = world.serving(service["ID"], network_id)
        for vip in virtual_ips(service, network_id):
            found[vip] = sorted(world.twin(network_id, a) for a in serving) if ":" in vip else serving
    return found


def virtual_ips(service: Json, network_id: str) -> list[str]:
    return [place["Addr"].partition("/")[0] for place in service["Endpoint"].get("VirtualIPs") or ()
            if place["NetworkID"] == network_id]


def _published(world: World, node_id: str) -> Json:
    """The mesh's, the same on every node, and those of this node's own tasks."""
    found: dict[str, list[str]] = {}
    kept = set()
    for service in world.services:
        served = world.serving(service["ID"], world.ingress())
        kept |= set(served) if _keeps(service) else set()
        for port in service["Endpoint"].get("Ports") or ():
            if port.get("PublishMode", "ingress") == "ingress":
                found[_key(port)] = [f"{a} . {port['TargetPort']}" for a in served]
        for task in world.mine(node_id):
            inside = _task(world, task)
            for port in host_ports(service) if task["ServiceID"] == service["ID"] and inside.ways_out else ():
                found[_key(port)] = [f"{inside.name} . {port['TargetPort']}"]
    return {"published ports": {key: value for key, value in sorted(found.items()) if value},
            "refused ports": sorted(key for key, value in found.items() if not value),
            "open on IPv6": sorted(key for key, value in found.items() if value) if IPV6 else [],
            "who sees clients": sorted(kept)}


def _key(port: Json) -> str:
    return f"{port['Protocol']} . {port['PublishedPort']}"


def _inside(world: World, inside: Inside) -> Json:
    marks = sorted(f"{int(IPv4Address(entry)):#x} by {entry}" for entry in inside.returns)
    return {
        "addresses": list(inside.addresses), "ways out": inside.ways_out, "ways back": marks,
        "names": {name: found for name in names(inside) if (found := _leads_to(world, inside, name)) != "unsure"},
    }


def names(inside: Inside) -> list[str]:
    """All that could be known somewhere: of services and containers that are there and that were, and aliases.
    `NAME/6` asks for its IPv6 addresses. Nobody is asked where only the machine's bridge is."""
    words = {*SERVICES, *CONTAINERS, *ALIASES}
    words |= {f"tasks.{word}" for word in words}
    return sorted(words | {f"{word}/6" for word in words}) if inside.networks else []


def _leads_to(world: World, inside: Inside, name: str) -> list[str] | str | None:
    """The first network of the container's that knows the name decides; "unsure" where nobody says which is."""
    name, _, six = name.partition("/")
    known = [found for id_ in inside.networks if (found := _zone(world, id_).get(name)) is not None]
    if len(known) > 1 and not inside.ordered:
        return "unsure"
    return sorted({address for address in known[0] if (":" in address) == bool(six)}) if known else None


def _zone(world: World, network_id: str) -> dict[str, list[str]]:
    zone: dict[str, list[str]] = defaultdict(list)
    for service in world.services:
        backends = world.both(network_id, world.serving(service["ID"], network_id))
        vip = virtual_ips(service, network_id)
        places = service["Spec"]["TaskTemplate"].get("Networks") or ()
        for place in (place for place in places if place["Target"] == network_id):
            for word in (service["Spec"]["Name"], *(place.get("Aliases") or ())):
                zone[word] += vip or backends
                zone[f"tasks.{word}"] += backends
    for guest in world.guests():
        for place in guest["Spec"].get("Networks") or () if network_id in networks_of(guest) else ():
            for word in place.get("Aliases") or ():
                zone[word] += world.both(network_id, on(guest, network_id))
    return zone


def differences(wanted: Json, there: Json) -> list[str]:
    """Names that nothing is expected of are nothing."""
    found = []
    for key in sorted(wanted.keys() | there.keys()):
        one, other = wanted.get(key), there.get(key)
        if key.endswith(": names") and isinstance(one, dict) and isinstance(other, dict):
            other = {name: value for name, value in other.items() if name in one}
            one, other = ({n: v for n, v in side.items() if one.get(n) != other.get(n)} for side in (one, other))
        if one != other:
            found.append(f"{key}: wanted {one!r}, there is {other!r}")
    return found
