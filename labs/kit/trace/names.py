"""Owns what the Docker API says for a trace: which task has an address, which service a port, whose container a name
means. Only names come from here, and what should be; what is, the kernels say."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from labs.kit.cluster_port import Cluster
from labs.kit.engine_client import Engine, EngineError

SECONDS, MANAGERS_SECONDS = 1.0, 5.0
"""A swarmd that hangs shall not hold a trace up; what should be, only a manager knows."""


@dataclass(frozen=True)
class Names:
    """`by_address`: tasks' names. `published`: by (protocol, port), services in the mesh with their running tasks'
    addresses there; `hosted`: the same for ports of the tasks' own hosts, with the tasks by host. `virtual`: by
    virtual address, the service and its running tasks' addresses on that network. `containers`: (host, container id)
    by names and ids. `silent`: hosts whose Docker does not answer."""

    by_address: Mapping[str, str] = field(default_factory=dict)
    published: Mapping[tuple[str, int], Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    hosted: Mapping[tuple[str, int], Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    virtual: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    containers: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()

    def of_container(self, container: str) -> str:
        """A container's name by its full id: its task's, if it is one's; "" if nobody knows it."""
        names = [name for name, (_, id_) in self.containers.items() if id_ == container]
        return min((name for name in names if not container.startswith(name)), key=len, default="")


def ask(cluster: Cluster) -> Names:
    """Of every host's Docker at once."""
    engines = {host.name: Engine(cluster.socket(host.name), MANAGERS_SECONDS if host.role == "manager" else SECONDS)
               for host in cluster.hosts if host.role != "client"}
    with ThreadPoolExecutor(max_workers=2 * len(engines) or 1) as pool:
        listings = {name: pool.submit(_get, engine, "/containers/json") for name, engine in engines.items()}
        swarms = {name: pool.submit(_swarm, engine) for name, engine in engines.items()}
        found = {name: listing.result() for name, listing in listings.items()}
        services, tasks, nodes = next((told for swarm in swarms.values() if (told := swarm.result())), ([], [], []))
    silent = frozenset(name for name, listing in found.items() if listing is None)
    return read(services, tasks, {name: listing or [] for name, listing in found.items()}, nodes, silent)


def _get(engine: Engine, path: str) -> Any:
    try:
        return engine.get(path)
    except (OSError, EngineError):
        return None


def _swarm(engine: Engine) -> list[list[Any]] | None:
    """Its services, tasks and nodes, of a manager; None of anybody else."""
    found = []
    for path in ("/services", "/tasks", "/nodes"):
        found.append(_get(engine, path))
        if found[-1] is None:
            return None
    return found


def read(
    services: list[Any], tasks: list[Any], listings: Mapping[str, list[Any]], nodes: list[Any],
    silent: frozenset[str] = frozenset(),
) -> Names:
    """The API's answers, pure."""
    called = {service["ID"]: service["Spec"]["Name"] for service in services}
    hosts = {node["ID"]: node["Description"].get("Hostname", "") for node in nodes}
    down = {node["ID"] for node in nodes if node.get("Status", {}).get("State") == "down"}
    running = [task for task in tasks  # those of a service that is just being removed have no name any more
               if task["Status"]["State"] == "running" and task["NodeID"] not in down and task["ServiceID"] in called]
    addresses: dict[str, str] = {}
    containers: dict[str, tuple[str, str]] = {}
    for task in running:
        name = _name(task, called)
        addresses |= dict.fromkeys(_addresses(task), name)
        if container := task["Status"].get("ContainerStatus", {}).get("ContainerID"):
            containers[name] = (hosts.get(task["NodeID"], ""), container)
    for host, listing in listings.items():
        for one in listing:
            ids = [one["Id"], one["Id"][:12], *(name.lstrip("/") for name in one.get("Names") or ())]
            labels = one.get("Labels") or {}
            task = labels.get("com.docker.swarm.task.name", "").rpartition(".")[0]
            containers |= {name: (host, one["Id"]) for name in [*ids, task] if name}
            for network in (one.get("NetworkSettings") or {}).get("Networks", {}).values():
                if network.get("IPAddress"):
                    addresses.setdefault(network["IPAddress"], ids[-1])
    published: dict[tuple[str, int], dict[str, tuple[str, ...]]] = {}
    hosted: dict[tuple[str, int], dict[str, dict[str, str]]] = {}
    virtual: dict[str, tuple[str, tuple[str, ...]]] = {}
    for service in services:
        name, own = service["Spec"]["Name"], [task for task in running if task["ServiceID"] == service["ID"]]
        for vip in service.get("Endpoint", {}).get("VirtualIPs") or ():
            on = tuple(address for task in own for address in _addresses(task, vip["NetworkID"]))
            virtual[vip["Addr"].partition("/")[0]] = (name, on)
        for port in service.get("Endpoint", {}).get("Ports") or ():
            key = (port.get("Protocol", "tcp"), port.get("PublishedPort", 0))
            if port.get("PublishMode") == "host":
                hosted.setdefault(key, {})[name] = {
                    hosts.get(task["NodeID"], ""): _name(task, called) for task in own}
            else:
                published.setdefault(key, {})[name] = tuple(
                    address for task in own for address in _in_the_mesh(task))
    return Names(addresses, published, hosted, virtual, containers, silent)


def _name(task: Mapping[str, Any], called: Mapping[str, str]) -> str:
    return f"{called[task['ServiceID']]}.{task.get('Slot') or task['NodeID']}"


def _in_the_mesh(task: Mapping[str, Any]) -> list[str]:
    return [address.partition("/")[0] for attachment in task.get("NetworksAttachments") or ()
            if attachment["Network"].get("Spec", {}).get("Ingress") for address in attachment.get("Addresses") or ()]


def _addresses(task: Mapping[str, Any], network: str = "") -> list[str]:
    """On that network, or on all."""
    return [address.partition("/")[0] for attachment in task.get("NetworksAttachments") or ()
            if network in ("", attachment["Network"]["ID"]) for address in attachment.get("Addresses") or ()]
