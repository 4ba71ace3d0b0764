"""Owns where services are reachable: published ports and names, and the tasks that serve behind each. Pure.

A task serves while it runs, is wanted, is not closing, and its node is not down. All nodes are told the same, so
what is made here is made once for all of them. Counterpart: the service bindings of moby/daemon/libnetwork/agent.go
(addServiceBinding), which each node gossips for its own tasks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address

from swarmkit_py.model.assignment import Backend, ServiceEndpoint, ServiceRecord
from swarmkit_py.model.objects import Network, Node, Service, Task
from swarmkit_py.model.specs import NetworkAttachmentConfig, PortConfig
from swarmkit_py.model.states import NodeState, TaskState

Place = tuple[str, str]
"""(network id, service id)."""
_TO_RUN = (TaskState.RUNNING, TaskState.COMPLETE)
"""The second for tasks of jobs: they run, and serve, to their end."""


def serves(task: Task, node: Node | None) -> bool:
    """True while connections may be sent to the task."""
    running = task.status.state is TaskState.RUNNING and task.desired_state in _TO_RUN
    if not running or task.status.closing:
        return False
    return node is not None and node.status.state is not NodeState.DOWN


def leaves(task: Task) -> bool:
    """True for a task that still runs, is to stop, and may have served: it has a place on a network."""
    stopping = task.status.closing or task.desired_state.rank > TaskState.COMPLETE.rank
    return stopping and task.status.state is TaskState.RUNNING and bool(task.networks)


def endpoints(
    services: Iterable[Service], serving: Iterable[Task], networks: Mapping[str, Network],
) -> dict[str, ServiceEndpoint]:
    """One per published ingress port, with the addresses that serve it now."""
    ingress = {network.id for network in networks.values() if network.spec.ingress}
    backends: dict[str, set[str]] = defaultdict(set)
    kept: dict[str, set[str]] = defaultdict(set)
    for task in serving:
        for attachment in (at for at in task.networks if at.network_id in ingress):
            for told in (backends, kept) if task.keeps_source else (backends,):
                told[task.service_id].update(map(plain, attachment.addresses))
    found = {}
    for service in services:
        addresses = sorted(backends.get(service.id, ()), key=IPv4Address)
        for port in (service.endpoint.ports or ()) if service.endpoint else ():
            if (port.publish_mode or "ingress") == "ingress" and port.published_port:
                endpoint = _endpoint(service, port, addresses, sorted(kept.get(service.id, ()), key=IPv4Address))
                found[endpoint.key] = endpoint
    return found


def service_records(
    services: Iterable[Service], serving: Iterable[Task], networks: Mapping[str, Network],
) -> dict[str, dict[str, ServiceRecord]]:
    """By network: each service that is on it (by its spec, or still by a task of an older one), and each container of
    one's own. Ingress has none: it has no names."""
    named = {network.id for network in networks.values() if not network.spec.ingress}
    tasks: dict[Place, list[Task]] = defaultdict(list)
    for task in serving:
        for attachment in task.networks:
            if attachment.network_id in named:
                tasks[attachment.network_id, task.service_id].append(task)
    found: dict[str, dict[str, ServiceRecord]] = defaultdict(dict)
    for (network_id, service_id), attached in tasks.items():
        for record in (_attached(task, network_id) for task in attached if not service_id):
            found[network_id][record.key] = record
    on: dict[str, set[str]] = defaultdict(set)
    for network_id, service_id in tasks:
        on[service_id].add(network_id)
    for service in services:
        asked = {config.target for config in service.spec.task_template.networks or ()}
        for network_id in sorted(named & (asked | on[service.id])):
            record = _record(service, network_id, tasks.get((network_id, service.id), []))
            found[network_id][record.key] = record
    return found


def plain(address: str) -> str:
    """`10.0.0.7/24` → `10.0.0.7`."""
    return address.partition("/")[0]


def _endpoint(service: Service, port: PortConfig, backends: list[str], kept: list[str]) -> ServiceEndpoint:
    return ServiceEndpoint(
        service_id=service.id, service_name=service.spec.name, protocol=port.protocol or "tcp",
        published_port=port.published_port or 0, target_port=port.target_port or 0, backends=backends,
        kept=kept,
    )


def _record(service: Service, network_id: str, tasks: list[Task]) -> ServiceRecord:
    """A service without an address of its own there (dnsrr, or no longer on it by its spec) answers its tasks'."""
    vip = _virtual_ip(service, network_id)
    backends = (
        Backend(task_id=task.id, task_name=task.name, address=plain(address))
        for task in tasks for at in task.networks if at.network_id == network_id for address in at.addresses
    )
    return ServiceRecord(
        service_id=service.id, service_name=service.spec.name, network_id=network_id, mode="vip" if vip else "dnsrr",
        vip=vip, aliases=_aliases(service, network_id, tasks),
        backends=sorted(backends, key=lambda backend: IPv4Address(backend.address)),
    )


def _attached(task: Task, network_id: str) -> ServiceRecord:
    """A container of one's own on the network: the first of its names is the container's."""
    names = [alias for config in task.spec.networks or () for alias in config.aliases or ()] or [task.id]
    backends = [Backend(task_id=task.id, task_name=names[0], address=plain(address))
                for at in task.networks if at.network_id == network_id for address in at.addresses]
    return ServiceRecord(service_id=task.id, service_name=names[0], network_id=network_id, mode="attached",
                         aliases=names[1:], backends=backends)


def _virtual_ip(service: Service, network_id: str) -> str:
    vips = (service.endpoint.virtual_ips if service.endpoint else None) or ()
    return next((plain(vip.addr) for vip in vips if vip.network_id == network_id), "")


def _aliases(service: Service, network_id: str, tasks: list[Task]) -> list[str]:
    """Those of the service now, and of what still serves from before an update."""
    lists: list[list[NetworkAttachmentConfig]] = []
    for spec in (service.spec.task_template, *(task.spec for task in tasks)):
        if spec.networks and not any(spec.networks is known for known in lists):
            lists.append(spec.networks)
    return sorted({alias for configs in lists for config in configs if config.target == network_id
                   for alias in config.aliases or ()})
