"""What the Engine API says there is, at one moment: `World`, the questions to it that facts are made of, and whether
all that was asked for has come about (`restless`, `bare`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Any

Json = dict[str, Any]
ENDED = {"complete", "failed", "shutdown", "rejected", "orphaned", "remove"}


@dataclass
class World:
    """What the API said. `tasks`: with those that stand for containers of one's own. `balancers`: network id → host →
    the node's own address there, from `network inspect -v`. `containers`: host → those of one's own that run."""

    services: list[Json]
    tasks: list[Json]
    networks: dict[str, Json]
    nodes: dict[str, Json]
    balancers: dict[str, dict[str, str]] = field(default_factory=dict)
    containers: dict[str, list[Json]] = field(default_factory=dict)

    def host(self, node_id: str) -> str:
        return str(self.nodes[node_id]["Description"]["Hostname"]) if node_id in self.nodes else ""

    def underlay(self, node_id: str) -> str:
        return str(self.nodes[node_id]["Status"]["Addr"])

    def is_down(self, node_id: str) -> bool:
        return bool(self.nodes[node_id]["Status"]["State"] == "down")

    def living(self) -> list[Json]:
        """Tasks that have a place on a node and whose end nobody saw: their addresses are in use."""
        return [t for t in self.tasks if t.get("NodeID") in self.nodes and t["Status"]["State"] not in ENDED]

    def mine(self, node_id: str) -> list[Json]:
        return [t for t in self.living() if t["NodeID"] == node_id]

    def guests(self) -> list[Json]:
        """Places of containers of one's own that can be reached now."""
        return [t for t in self.living() if is_guest(t) and self._serves(t)]

    def serving(self, service_id: str, network_id: str) -> list[str]:
        """The addresses on a network of the service's tasks that serve now."""
        return sorted(address for task in self.living() if task["ServiceID"] == service_id and not is_guest(task)
                      and self._serves(task) for address in on(task, network_id))

    def _serves(self, task: Json) -> bool:
        return bool(task["Status"]["State"] == task["DesiredState"] == "running" and not self.is_down(task["NodeID"]))

    def ingress(self) -> str:
        return next(id_ for id_, network in self.networks.items() if network["Ingress"])

    def internal(self, network_id: str) -> bool:
        return bool(self.networks[network_id]["Internal"])

    def twin(self, network_id: str, address: str) -> str:
        """The IPv6 address that goes with an IPv4 one: the same number; "" on a network without IPv6."""
        subnet, subnet6 = self.subnets(network_id)
        if not subnet6:
            return ""
        number = int(IPv4Address(address)) - int(IPv4Network(subnet).network_address)
        return str(IPv6Network(subnet6).network_address + number)

    def both(self, network_id: str, addresses: list[str]) -> list[str]:
        """Those, and the IPv6 addresses that go with them."""
        return [*addresses, *filter(None, (self.twin(network_id, address) for address in addresses))]

    def subnets(self, network_id: str) -> tuple[str, str]:
        """IPv4, and IPv6 or ""."""
        found = [config["Subnet"] for config in self.networks[network_id]["IPAM"]["Config"]]
        return next(s for s in found if ":" not in s), next((s for s in found if ":" in s), "")


def is_guest(task: Json) -> bool:
    """True for what stands for a place of a container of one's own."""
    return "NetworkAttachmentSpec" in task["Spec"]


def container_of(task: Json) -> str:
    if is_guest(task):
        return str(task["Spec"]["NetworkAttachmentSpec"]["ContainerID"])
    return str(task["Status"].get("ContainerStatus", {}).get("ContainerID", ""))


def on(task: Json, network_id: str) -> list[str]:
    """A task's IPv4 addresses on a network, without prefix."""
    return [address for address in all_on(task, network_id) if ":" not in address]


def all_on(task: Json, network_id: str) -> list[str]:
    """Of both kinds."""
    return [address.partition("/")[0] for place in task.get("NetworksAttachments") or ()
            if place["Network"]["ID"] == network_id for address in place["Addresses"]]


def networks_of(task: Json) -> list[str]:
    """In the task's order; ingress has no names and comes first or last, as it likes."""
    return [place["Network"]["ID"] for place in task.get("NetworksAttachments") or ()]


def host_ports(service: Json) -> list[Json]:
    return [port for port in service["Spec"].get("EndpointSpec", {}).get("Ports") or ()
            if port.get("PublishMode") == "host"]


def restless(world: World) -> list[str]:
    """Why the swarm is not quiet: what is still on its way to what was asked for."""
    found = [f"{node['Description']['Hostname']} is {node['Status']['State']}" for node in world.nodes.values()
             if node["Status"]["State"] not in ("ready", "down")]
    found += [reason for service in world.services for reason in _unfinished(world, service)]
    known = {service["ID"] for service in world.services}
    found += [f"task {t['ID']} is {t['Status']['State']}, to be {t['DesiredState']}" for t in world.living()
              if not world.is_down(t["NodeID"])
              and (t["DesiredState"] != t["Status"]["State"] or not (is_guest(t) or t["ServiceID"] in known))]
    return found + _unplaced(world)


def _unfinished(world: World, service: Json) -> list[str]:
    open_nodes = [id_ for id_, node in world.nodes.items()
                  if node["Spec"]["Availability"] == "active" and not world.is_down(id_)]
    mode, name = service["Spec"]["Mode"], service["Spec"]["Name"]
    wanted = mode["Replicated"]["Replicas"] if "Replicated" in mode else len(open_nodes)
    if host_ports(service):
        wanted = min(wanted, len(open_nodes))
    run = [t for t in world.tasks if t["ServiceID"] == service["ID"]
           and t["Status"]["State"] == t["DesiredState"] == "running"]
    found = []
    if open_nodes and len(run) != wanted:
        found.append(f"{name}: {len(run)} of {wanted} run")
    if (service.get("UpdateStatus") or {}).get("State") == "updating":
        found.append(f"{name} is being updated")
    asked = {place["Target"] for place in service["Spec"]["TaskTemplate"].get("Networks") or ()}
    return found + [f"{t['ID']} is not on the networks asked for" for t in run
                    if {id_ for id_ in networks_of(t) if not world.networks[id_]["Ingress"]} != asked]


def _unplaced(world: World) -> list[str]:
    """Containers of one's own and what stands for their places have to be one."""
    found = []
    for id_ in world.nodes:
        if world.is_down(id_):
            continue
        stand = {(container_of(t), place) for t in world.mine(id_) if is_guest(t) for place in networks_of(t)}
        have = {(one["Id"], place["NetworkID"]) for one in world.containers.get(world.host(id_), ())
                for place in one["NetworkSettings"]["Networks"].values() if place["NetworkID"] in world.networks}
        if stand != have:
            found.append(f"{world.host(id_)}: containers {sorted(have)} have places {sorted(stand)}")
    return found


def bare(world: World) -> list[str]:
    """Why a story cannot begin here: what is left of another one."""
    found = [f"service {service['Spec']['Name']}" for service in world.services]
    found += [f"task {task['ID']}" for task in world.tasks if task["Status"]["State"] not in ENDED]
    found += [f"network {n['Name']}" for n in world.networks.values() if not n["Ingress"]]
    found += [f"{host}: container {one['Names']}" for host, own in world.containers.items() for one in own]
    return found + [f"{n['Description']['Hostname']} is {n['Status']['State']}, {n['Spec']['Availability']}"
                    for n in world.nodes.values()
                    if (n["Status"]["State"], n["Spec"]["Availability"]) != ("ready", "active")]
