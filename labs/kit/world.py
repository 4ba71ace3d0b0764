"""Owns one look at a cluster: what the kernel says (evidence) beside what the swarm says (Docker API), as facts.

Pure: built from two decoded answers, it asks nobody. Liveness, start times, namespaces, links and balancers come
from the kernel; the swarm is only asked which container belongs to which task.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labs.kit.checks import GraderError
from labs.kit.firewall_facts import backends

SERVICE_LABEL = "com.docker.swarm.service.name"


@dataclass(frozen=True)
class Identity:
    """What makes a process this very process: the same three numbers mean it was never restarted."""

    host: str
    pid: int
    start: int
    netns: int


@dataclass(frozen=True)
class LiveTask:
    """A task whose process the kernel shows."""

    id: str
    slot: int
    service: str
    container: str
    address: str
    """On ingress; "" without a place there."""
    identity: Identity
    image: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict, compare=False)
    """By the name of the network, ingress among them."""

    @property
    def host(self) -> str:
        return self.identity.host


@dataclass(frozen=True)
class Node:
    id: str
    name: str
    manager: bool
    leader: bool
    ready: bool
    active: bool
    availability: str = "active"
    labels: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Service:
    """`wanted`: tasks asked for; of a global service, as many as the swarm has made. `spec`: as the API shows it."""

    id: str
    name: str
    wanted: int
    image: str
    ports: tuple[int, ...]
    force: int
    mode: str = "replicated"
    spec: Mapping[str, Any] = field(default_factory=dict, compare=False)
    update: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """UpdateStatus; empty before the first update."""

    @property
    def networks(self) -> frozenset[str]:
        """What it asks for besides ingress, as the API names them (ids)."""
        asked = self.spec.get("TaskTemplate", {}).get("Networks") or self.spec.get("Networks") or []
        return frozenset(str(one.get("Target")) for one in asked)


@dataclass(frozen=True)
class Stranger:
    """A running container that belongs to no service."""

    host: str
    id: str
    image: str
    name: str


@dataclass
class World:
    """`taken`: monotonic seconds. `errors`: hosts that did not answer, with what they said. `leaderless`: the
    managers that live agree on no leader; nodes, services and tasks are then as they were last known."""

    taken: float
    nodes: list[Node] = field(default_factory=list)
    services: dict[str, Service] = field(default_factory=dict)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    containers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    clients: tuple[str, ...] = ("client",)
    leaderless: bool = False

    def __post_init__(self) -> None:
        self._processes = {
            (name, process["pid"]): process for name, host in self.hosts.items() for process in host["processes"]}
        self._node_names = {node.id: node.name for node in self.nodes}

    def tasks_of(self, service: str) -> list[dict[str, Any]]:
        """The swarm's records of the service's tasks."""
        known = self.services.get(service)
        return [task for task in self.tasks if known and task.get("ServiceID") == known.id]

    def live(self, service: str) -> list[LiveTask]:
        """Tasks of the service that should run and whose process really lives, in a namespace of its own."""
        found = [self._live_task(task, service) for task in self.tasks_of(service)
                 if task.get("DesiredState") == "running"]
        return sorted((task for task in found if task), key=lambda task: task.slot)

    def _live_task(self, task: Mapping[str, Any], service: str) -> LiveTask | None:
        status = task.get("Status", {}).get("ContainerStatus") or {}
        host = self._node_names.get(task.get("NodeID", ""), "")
        process = self._processes.get((host, int(status.get("PID") or 0)))
        if process is None or not process["init"] or process["netns"] == self.hosts[host]["netns"]:
            return None
        identity = Identity(host, process["pid"], process["start"], process["netns"])
        image = (task.get("Spec", {}).get("ContainerSpec") or {}).get("Image", "")
        return LiveTask(task["ID"], int(task.get("Slot") or 0), service, status.get("ContainerID", ""),
                        _ingress_address(task), identity, image, _addresses(task))

    def alive(self, identity: Identity) -> bool:
        """Does this very process still live?"""
        process = self._processes.get((identity.host, identity.pid))
        return process is not None and process["start"] == identity.start and process["netns"] == identity.netns

    def processes_of(self, service: str) -> list[Identity]:
        """First processes of all the service's containers that the kernel shows, wanted or not: a host that nobody
        hears goes on with those it has."""
        found = set()
        for task in self.tasks_of(service):
            status = task.get("Status", {}).get("ContainerStatus") or {}
            host = self._node_names.get(task.get("NodeID", ""), "")
            process = self._processes.get((host, int(status.get("PID") or 0)))
            if process is None or not process["init"] or process["netns"] == self.hosts[host]["netns"]:
                continue
            if container_of(process) in ("", status.get("ContainerID")):
                found.add(Identity(host, process["pid"], process["start"], process["netns"]))
        return sorted(found, key=lambda identity: (identity.host, identity.pid))

    def node_state(self, host: str) -> str:
        """`Ready, active`, as the manager has it; – where it knows no such node."""
        node = next((node for node in self.nodes if node.name == host), None)
        return "–" if node is None else f"{'Ready' if node.ready else 'Down'}, {node.availability}"

    def up(self, host: str) -> bool:
        """Has it power?"""
        return bool(self.hosts.get(host, {}).get("up"))

    def namespace_exists(self, identity: Identity) -> bool:
        """Is the task's network namespace still there, with or without a process?"""
        return str(identity.netns) in self.hosts.get(identity.host, {}).get("namespaces", {})

    def strangers(self) -> list[Stranger]:
        """Running containers without a service, whose process the kernel shows."""
        return [
            Stranger(host, item["Id"], item.get("Image", ""), (item.get("Names") or ["/?"])[0].lstrip("/"))
            for host, items in self.containers.items() for item in items
            if SERVICE_LABEL not in (item.get("Labels") or {}) and item.get("State") == "running"
        ]

    def by_hand(self) -> list[str]:
        """The strangers, in words: `name (host)`."""
        return [f"{one.name} ({one.host})" for one in self.strangers()]

    def per_node(self, service: str) -> dict[str, int]:
        """Live processes of the service on every Ready and Active node, zeros included."""
        counts = Counter(task.host for task in self.live(service))
        return {node.name: counts[node.name] for node in self.nodes if node.ready and node.active}

    def backends(self, host: str, port: int) -> set[str]:
        """The addresses this host's packet filter sends connections for a published port to. GraderError where
        the filter could not be read: no rules and no answer are not the same."""
        evidence = self.hosts[host]
        if evidence["namespaces"].get(str(evidence["netns"]), {}).get("nft") is None:
            raise GraderError(f"the packet filter of {host} could not be read")
        found: set[str] = set()
        for namespace in evidence["namespaces"].values():
            found |= backends(namespace.get("nft") or {}, port)
        return found

    def links(self, host: str, netns: int | None = None) -> list[dict[str, Any]]:
        """Links with addresses in a namespace (None: the host's own). GraderError where they could not be read."""
        evidence = self.hosts.get(host, {})
        inode = netns if netns is not None else evidence.get("netns")
        found = evidence.get("namespaces", {}).get(str(inode), {}).get("links")
        if found is None:
            raise GraderError(f"the links of {host} (namespace {inode}) could not be read")
        return list(found)

    def wire(self, host: str) -> str:
        """The host's address on the cable, as its kernel has it; "" without one."""
        return next((str(one["local"]) for link in self.links(host) if link["ifname"] == f"{host}-eth0"
                     for one in link.get("addr_info", []) if one.get("family") == "inet"), "")

    @property
    def swarm_hosts(self) -> list[str]:
        """All but the clients, with power or without."""
        return [name for name in self.hosts if name not in self.clients]

    def settled(self, service: str) -> bool:
        """As many live as wanted, and nothing else of it on its way up or down."""
        known = self.services.get(service)
        if known is None:
            return True
        if known.mode == "global":
            return not self.moving(service)
        return len(self.live(service)) == known.wanted and not self.moving(service)

    def moving(self, service: str) -> list[str]:
        """Ids of tasks whose observed state has not reached the desired one."""
        return [task["ID"] for task in self.tasks_of(service) if _moves(task)]

    def fingerprint(self, service: str) -> tuple[Any, ...]:
        """Changes whenever something that could change an answer has changed."""
        known = self.services.get(service)
        tables = tuple(sorted((host, *sorted(self.backends(host, port)))
                              for host in self.swarm_hosts if self.up(host)
                              for port in (known.ports if known else ())))
        return (known, tuple(task.identity for task in self.live(service)), tables,
                tuple((node.name, node.ready, node.active) for node in self.nodes), len(self.strangers()))


_CONTAINER = re.compile(r"[0-9a-f]{64}")


def container_of(process: Mapping[str, Any]) -> str:
    """The id of the container this process belongs to, by who keeps it, else by its cgroup; "" where neither says."""
    found = _CONTAINER.search(process.get("cgroup", ""))
    return process.get("container") or (found.group() if found else "")


def first_processes(hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Of the kernel's evidence, what matters later: each host's containers, by their first process."""
    return {
        name: [{"pid": process["pid"], "start": process["start"], "netns": process["netns"],
                "container": container_of(process)}
               for process in host["processes"] if process["init"] and process["netns"] != host["netns"]]
        for name, host in hosts.items()
    }


def _moves(task: Mapping[str, Any]) -> bool:
    desired, state = task.get("DesiredState"), str(task.get("Status", {}).get("State"))
    if desired == "running":
        return state != "running"
    return state in ("running", "starting", "preparing", "ready", "assigned", "accepted")


def _ingress_address(task: Mapping[str, Any]) -> str:
    for attachment in task.get("NetworksAttachments") or []:
        if attachment.get("Network", {}).get("Spec", {}).get("Ingress"):
            return str((attachment.get("Addresses") or [""])[0]).partition("/")[0]
    return ""


def _addresses(task: Mapping[str, Any]) -> dict[str, str]:
    return {
        attachment.get("Network", {}).get("Spec", {}).get("Name", ""):
            str((attachment.get("Addresses") or [""])[0]).partition("/")[0]
        for attachment in task.get("NetworksAttachments") or []
    }


def read_nodes(answer: list[dict[str, Any]]) -> list[Node]:
    """`GET /nodes`, by name. One that has just joined has not said what its name is: it has nothing to do so far."""
    nodes = [
        Node(item["ID"], item["Description"]["Hostname"], item["Spec"]["Role"] == "manager",
             bool((item.get("ManagerStatus") or {}).get("Leader")), item["Status"]["State"] == "ready",
             item["Spec"]["Availability"] == "active", item["Spec"]["Availability"],
             dict(item["Spec"].get("Labels") or {}))
        for item in answer if item["Description"].get("Hostname")
    ]
    return sorted(nodes, key=lambda node: (not node.manager, node.name))


_MODES = {
    "Replicated": "replicated", "Global": "global", "ReplicatedJob": "replicated-job", "GlobalJob": "global-job",
}


def read_services(answer: list[dict[str, Any]]) -> dict[str, Service]:
    """`GET /services?status=true`, by name."""
    found = {}
    for item in answer:
        spec = item["Spec"]
        mode = next((name for name in _MODES if (spec.get("Mode") or {}).get(name) is not None), "Replicated")
        asked = (spec["Mode"].get("Replicated") or {}).get("Replicas") if mode == "Replicated" else (
            (item.get("ServiceStatus") or {}).get("DesiredTasks"))
        ports = (item.get("Endpoint") or {}).get("Ports") or []
        found[spec["Name"]] = Service(
            item["ID"], spec["Name"], int(asked or 0),
            spec["TaskTemplate"]["ContainerSpec"].get("Image", ""),
            tuple(int(port["PublishedPort"]) for port in ports if port.get("PublishedPort")),
            int(spec["TaskTemplate"].get("ForceUpdate") or 0), _MODES[mode], spec, item.get("UpdateStatus") or {})
    return found
