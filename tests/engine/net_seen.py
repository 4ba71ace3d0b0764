"""What `net_probe.py` found on a node, in the words of `net_facts.expected`."""

from __future__ import annotations

import re

from tests.engine.net_facts import insides, vni
from tests.engine.net_world import Json, World, networks_of

BASE_CHAINS = {"untracked_in", "untracked_out", "prerouting", "output", "sending", "input", "forward", "postrouting"}
GATEWAY = re.compile(r"172\.18\.\d+\.\d+/16")


def seen(world: World, node_id: str, probe: Json) -> Json:
    known = {inside.container: inside for inside in insides(world, node_id)}
    host = probe["places"][""]
    facts: Json = {"networks": sorted(set(probe["places"]) - {""}), "containers": sorted(probe["insides"])}
    for id_, place in probe["places"].items():
        network = world.networks.get(id_ or world.ingress())
        if network:
            facts |= {f"{network['Name']}: {what}": value for what, value in _network(network, place).items()}
            facts[f"{network['Name']}: nodes on it"] = _carriers(world, network["Id"])
        else:
            facts[f"network {id_}"] = "is known to nobody"
    gateways: dict[str, str] = {}
    for container, inside in probe["insides"].items():
        name = known[container].name if container in known else container
        ways = [address for address in inside["addresses"] if GATEWAY.fullmatch(address)]
        gateways |= {address.partition("/")[0]: name for address in ways}
        own = sorted(a.partition("/")[0] for a in inside["addresses"] if a not in ways)
        facts |= {f"{name}: addresses": own, f"{name}: ways out": len(ways), f"{name}: names": inside["names"],
                  f"{name}: ways back": inside["ways back"]}
    facts["ports of docker_gwbridge"] = sum(link["master"] == "docker_gwbridge" for link in host["links"].values())
    facts["published ports"] = {key: [_named(where, gateways) for where in places]
                                for key, places in _balanced(host["rules"], "published").items()}
    facts["refused ports"] = _members(host["rules"], "refused")
    facts["open on IPv6"] = probe["open on IPv6"]
    facts["who sees clients"] = _members(host["rules"], "kept")
    return facts


def _named(where: str, gateways: dict[str, str]) -> str:
    """A container's address on docker_gwbridge is in no answer of the API: its name stands for it."""
    address, _, port = where.partition(" . ")
    return f"{gateways.get(address, address)} . {port}"


def _carriers(world: World, network_id: str) -> list[str]:
    """The nodes with a task on the network; on ingress all of them."""
    ids = {t["NodeID"] for t in world.living() if network_id in networks_of(t)}
    return sorted(map(world.underlay, world.nodes if world.networks[network_id]["Ingress"] else ids))


def _network(network: Json, place: Json) -> Json:
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
        "answers come back to": sorted(re.findall(r"snat ip6? to (\S+)", place["rules"])),
    }
    chains = set(re.findall(r"chain (\S+) \{", place["rules"])) - BASE_CHAINS
    maps = ("published",) if network["Ingress"] else ("vips", "vips6")
    balanced = {key: value for map_ in maps for key, value in _balanced(place["rules"], map_).items()}
    if not network["Ingress"]:
        facts["virtual addresses"] = dict(sorted(balanced.items()))
        strange = set(place["links"]) - {"lo", bridge, f"vx-{vni(network)}", *ports}
        facts |= {"strange links": sorted(strange)} if strange else {}
    led = {chain for map_ in maps for chain in _elements(place["rules"], map_).values()}
    facts |= {"chains that nothing leads to": sorted(chains - led)} if chains - led else {}
    guarded = sorted(_members(place["rules"], "served") + _members(place["rules"], "served6"))
    facts |= {"guarded": guarded} if guarded != sorted(balanced) else {}
    return facts


def _block(rules: str, kind: str, name: str) -> str:
    found = re.search(rf"\t{kind} {name} \{{\n(.*?)\n\t\}}", rules, re.DOTALL)
    return found.group(1) if found else ""


def _elements(rules: str, map_: str) -> dict[str, str]:
    """Key → the chain it leads to."""
    return dict(re.findall(r"([\w.:]+(?: \. \w+)?) : goto (\w+)", _block(rules, "map", map_)))


def _members(rules: str, set_: str) -> list[str]:
    found = re.search(r"elements = \{(.*?)\}", _block(rules, "set", set_), re.DOTALL)
    return sorted(re.sub(r"\s+", " ", one).strip() for one in found.group(1).split(",")) if found else []


def _balanced(rules: str, map_: str) -> dict[str, list[str]]:
    """Key → where the chain's choices lead; a modulus that is not their number is part of it."""
    found = {}
    for key, chain in sorted(_elements(rules, map_).items()):
        text = re.sub(r"\s+", " ", _block(rules, "chain", chain))
        choices = re.findall(r"[{,] \d+ : ([0-9a-f.:]+(?: \. \d+)?)", text)
        modulus = re.findall(r"mod (\d+)", text)
        found[key] = sorted(choices) if modulus == [str(len(choices))] else [f"modulus {modulus}", *sorted(choices)]
    return found
