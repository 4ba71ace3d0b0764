"""What every node's kernel has to carry, computed from nothing but the Engine API: services, tasks, networks, nodes.

Independent of `swarmkit_py.network.wanted` on purpose: that one is a suspect. `expected` gives plain values, in the
form in which `seen` puts what `net_probe.py` found; `differences` compares the two in words.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
ENDED = {"complete", "failed", "shutdown", "rejected", "orphaned", "remove"}
BASE_CHAINS = {"untracked_in", "untracked_out", "prerouting", "output", "sending", "input", "forward", "postrouting"}
GATEWAY = re.compile(r"172\.18\.\d+\.\d+/16")


@dataclass
class World:
    """What the API said. `balancers`: network id → host → the node's own address there, from `network inspect -v`."""

    services: list[Json]
    tasks: list[Json]
    networks: dict[str, Json]
    nodes: dict[str, Json]
    balancers: dict[str, dict[str, str]] = field(default_factory=dict)

    def host(self, node_id: str) -> str:
        return str(self.nodes[node_id]["Description"]["Hostname"]) if node_id in self.nodes else ""

    def underlay(self, node_id: str) -> str:
        return str(self.nodes[node_id]["Status"]["Addr"])

    def is_down(self, node_id: str) -> bool:
        return bool(self.nodes[node_id]["Status"]["State"] == "down")

    def living(self) -> list[Json]:
        """Tasks that have a place on a node and whose end nobody saw: their addresses are in use."""
        return [t for t in self.tasks if t.get("NodeID") in self.nodes and t["Status"]["State"] not in ENDED]

    def serving(self, service_id: str, network_id: str) -> list[str]:
        """The addresses on a network of the service's tasks that serve now."""
        return sorted(address for task in self.living() if task["ServiceID"] == service_id
                      and task["Status"]["State"] == "running" and task["DesiredState"] == "running"
                      and not self.is_down(task["NodeID"]) for address in on(task, network_id))

    def ingress(self) -> str:
        return next(id_ for id_, network in self.networks.items() if network["Ingress"])


def on(task: Json, network_id: str) -> list[str]:
    """A task's addresses on a network, without prefix."""
    return [address.partition("/")[0] for place in task.get("NetworksAttachments") or ()
            if place["Network"]["ID"] == network_id for address in place["Addresses"]]


def networks_of(task: Json) -> list[str]:
    """In the task's order; ingress has no names and comes first or last, as it likes."""
    return [place["Network"]["ID"] for place in task.get("NetworksAttachments") or ()]


def mac(address: str) -> str:
    return "02:42:" + ":".join(f"{int(part):02x}" for part in address.split("."))


def vni(network: Json) -> int:
    return int(network["Options"]["com.docker.network.driver.overlay.vxlanid_list"])


def expected(world: World, node_id: str) -> Json:
    """Of one node that is up."""
    mine = [task for task in world.living() if task["NodeID"] == node_id]
    carried = sorted({id_ for task in mine for id_ in networks_of(task)} | {world.ingress()})
    facts: Json = {"networks": sorted(set(carried) - {world.ingress()}),
                   "containers": sorted(container_of(task) for task in mine)}
    for id_ in carried:
        facts |= {f"{world.networks[id_]['Name']}: {what}": value
                  for what, value in _network(world, node_id, id_, mine).items()}
    for task in mine:
        facts |= {f"task {_name(world, task)}: {what}": value for what, value in _inside(world, task).items()}
    plain = [task for task in mine if _has_way_out(world, task)]
    facts["ports of docker_gwbridge"] = len(plain)
    facts |= _published(world)
    return facts


def container_of(task: Json) -> str:
    return str(task["Status"].get("ContainerStatus", {}).get("ContainerID", ""))


def _name(world: World, task: Json) -> str:
    service = next((s["Spec"]["Name"] for s in world.services if s["ID"] == task["ServiceID"]), task["ServiceID"])
    return f"{service}.{task.get('Slot') or world.host(task['NodeID'])}.{task['ID'][:5]}"


def _has_way_out(world: World, task: Json) -> bool:
    """Docker: a task whose own networks are all internal has none, but ingress counts as a way in and out."""
    ids = networks_of(task)
    return not ids or not all(world.networks[id_]["Internal"] for id_ in ids)


def _network(world: World, node_id: str, id_: str, mine: list[Json]) -> Json:
    network = world.networks[id_]
    device, bridge = f"vx-{vni(network)}", "br-ingress" if network["Ingress"] else f"br-{vni(network)}"
    here = [address for task in mine for address in on(task, id_)]
    own = world.balancers[id_].get(world.underlay(node_id), "none")
    away = {address: world.underlay(task["NodeID"]) for task in world.living() if task["NodeID"] != node_id
            for address in on(task, id_)}
    away |= {address: node for node, address in world.balancers[id_].items() if node != world.underlay(node_id)}
    prefix = network["IPAM"]["Config"][0]["Subnet"].partition("/")[2]
    vips = {} if network["Ingress"] else _vips(world, id_)
    facts: Json = {
        "device": [device, vni(network), world.underlay(node_id), bridge, True],
        "nodes on it": sorted(world.balancers[id_]),
        "addresses": sorted([f"{own}/{prefix}", *(f"{vip}/32" for vip in vips)]),
        "forwarding to nodes": sorted([mac(address), device, node] for address, node in away.items()),
        "forwarding to the device": sorted([mac(address), device] for address in away),
        "forwarding to tasks": sorted(mac(address) for address in here),
        "neighbours": sorted([address, device, mac(address)] for address in away),
        "ports of tasks": len(here),
        "answers come back to": [own],
    }
    if not network["Ingress"]:
        facts["virtual addresses"] = {vip: backends for vip, backends in sorted(vips.items()) if backends}
    return facts


def _vips(world: World, network_id: str) -> dict[str, list[str]]:
    """Virtual address → who serves behind it."""
    return {place["Addr"].partition("/")[0]: world.serving(service["ID"], network_id)
            for service in world.services for place in service["Endpoint"].get("VirtualIPs") or ()
            if place["NetworkID"] == network_id}


def _published(world: World) -> Json:
    found: dict[str, list[str]] = {}
    for service in world.services:
        for port in service["Endpoint"].get("Ports") or ():
            served = world.serving(service["ID"], world.ingress())
            found[f"{port['Protocol']} . {port['PublishedPort']}"] = [f"{a} . {port['TargetPort']}" for a in served]
    return {"published ports": {key: value for key, value in sorted(found.items()) if value},
            "refused ports": sorted(key for key, value in found.items() if not value)}


def _inside(world: World, task: Json) -> Json:
    return {
        "addresses": sorted(address for id_ in networks_of(task) for address in on(task, id_)),
        "ways out": int(_has_way_out(world, task)),
        "names": {name: _leads_to(world, task, name) for name in names(world)},
    }


def names(world: World) -> list[str]:
    """All that could be known somewhere: of services that are there and that were, and aliases."""
    words = {f"s{n}" for n in range(6)} | {"db", "api"}
    return sorted(words | {f"tasks.{word}" for word in words})


def _leads_to(world: World, task: Json, name: str) -> list[str] | None:
    """The first network of the task's that knows the name decides."""
    for id_ in networks_of(task):
        if not world.networks[id_]["Ingress"] and (found := _zone(world, id_).get(name)) is not None:
            return sorted(set(found))
    return None


def _zone(world: World, network_id: str) -> dict[str, list[str]]:
    zone: dict[str, list[str]] = defaultdict(list)
    for service in world.services:
        for place in service["Spec"]["TaskTemplate"].get("Networks") or ():
            if place["Target"] != network_id:
                continue
            backends = world.serving(service["ID"], network_id)
            vip = [p["Addr"].partition("/")[0] for p in service["Endpoint"].get("VirtualIPs") or ()
                   if p["NetworkID"] == network_id]
            for word in (service["Spec"]["Name"], *(place.get("Aliases") or ())):
                zone[word] += vip or backends
                zone[f"tasks.{word}"] += backends
    return zone


def seen(world: World, node_id: str, probe: Json) -> Json:
    """What the probe found on a node, in the same words."""
    by_container = {container_of(task): task for task in world.living()}
    host = probe["places"][""]
    facts: Json = {"networks": sorted(set(probe["places"]) - {""}), "containers": sorted(probe["insides"])}
    for id_, place in probe["places"].items():
        network = world.networks.get(id_ or world.ingress())
        if network:
            facts |= {f"{network['Name']}: {what}": value for what, value in _seen_network(network, place).items()}
            facts[f"{network['Name']}: nodes on it"] = _carriers(world, network["Id"])
        else:
            facts[f"network {id_}"] = "is known to nobody"
    for container, inside in probe["insides"].items():
        task = by_container.get(container)
        name = _name(world, task) if task else container
        ways = [address for address in inside["addresses"] if GATEWAY.fullmatch(address)]
        own = sorted(a.partition("/")[0] for a in inside["addresses"] if a not in ways)
        facts |= {f"task {name}: addresses": own,
                  f"task {name}: ways out": len(ways), f"task {name}: names": inside["names"]}
    facts["ports of docker_gwbridge"] = sum(link["master"] == "docker_gwbridge" for link in host["links"].values())
    facts["published ports"] = _balanced(host["rules"], "published")
    facts["refused ports"] = _members(host["rules"], "refused")
    return facts


def _carriers(world: World, network_id: str) -> list[str]:
    """The nodes with a task on the network; on ingress all of them."""
    ids = {t["NodeID"] for t in world.living() if network_id in networks_of(t)}
    return sorted(map(world.underlay, world.nodes if world.networks[network_id]["Ingress"] else ids))


def _seen_network(network: Json, place: Json) -> Json:
    """A namespace of a network's (ingress: the host's own, where other things are)."""
    bridge = "br-ingress" if network["Ingress"] else f"br-{vni(network)}"
    devices = [[name, link["data"].get("id"), link["data"].get("local"), link["master"], link["up"]]
               for name, link in place["links"].items() if link["kind"] == "vxlan"]
    ports = [name for name, link in place["links"].items() if link["kind"] == "veth" and link["master"] == bridge]
    facts: Json = {
        "device": devices[0] if len(devices) == 1 else devices,
        "addresses": place["addresses"].get(bridge),
        "forwarding to nodes": [entry for entry in place["fdb"] if entry[2]],
        "forwarding to the device": [[m, d] for m, d, node in place["fdb"] if not node and d.startswith("vx-")],
        "forwarding to tasks": sorted(m for m, d, _ in place["fdb"] if d in ports),
        "neighbours": place["neighbours"],
        "ports of tasks": len(ports),
        "answers come back to": re.findall(r"snat ip to (\S+)", place["rules"]),
    }
    chains = set(re.findall(r"chain (\S+) \{", place["rules"])) - BASE_CHAINS
    map_ = "published" if network["Ingress"] else "vips"
    balanced = _balanced(place["rules"], map_)
    if not network["Ingress"]:
        facts["virtual addresses"] = balanced
        strange = set(place["links"]) - {"lo", bridge, f"vx-{vni(network)}", *ports}
        facts |= {"strange links": sorted(strange)} if strange else {}
    loose = chains - set(_elements(place["rules"], map_).values())
    facts |= {"chains that nothing leads to": sorted(loose)} if loose else {}
    if _members(place["rules"], "served") != sorted(balanced):
        facts["guarded"] = _members(place["rules"], "served")
    return facts


def _block(rules: str, kind: str, name: str) -> str:
    found = re.search(rf"\t{kind} {name} \{{\n(.*?)\n\t\}}", rules, re.DOTALL)
    return found.group(1) if found else ""


def _elements(rules: str, map_: str) -> dict[str, str]:
    """Key → the chain it leads to."""
    return dict(re.findall(r"([\w.]+(?: \. \w+)?) : goto (\w+)", _block(rules, "map", map_)))


def _members(rules: str, set_: str) -> list[str]:
    found = re.search(r"elements = \{(.*?)\}", _block(rules, "set", set_), re.DOTALL)
    return sorted(re.sub(r"\s+", " ", one).strip() for one in found.group(1).split(",")) if found else []


def _balanced(rules: str, map_: str) -> dict[str, list[str]]:
    """Key → where the chain's choices lead; a modulus that is not their number is part of it."""
    found = {}
    for key, chain in sorted(_elements(rules, map_).items()):
        text = re.sub(r"\s+", " ", _block(rules, "chain", chain))
        choices = re.findall(r"\d+ : ([\d.]+(?: \. \d+)?)", text)
        modulus = re.findall(r"mod (\d+)", text)
        found[key] = sorted(choices) if modulus == [str(len(choices))] else [f"modulus {modulus}", *sorted(choices)]
    return found


def differences(wanted: Json, there: Json) -> list[str]:
    return [f"{key}: wanted {wanted.get(key)!r}, there is {there.get(key)!r}"
            for key in sorted(wanted.keys() | there.keys()) if wanted.get(key) != there.get(key)]
