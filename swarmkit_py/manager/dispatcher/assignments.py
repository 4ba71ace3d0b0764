"""Owns what each node is told. Pure: the store's tables in, a NodeAssignment out, and the difference of two.

What all nodes share is surveyed once per flush; a node's own part is then cheap. Must not know sessions or time.
Counterpart: swarmkit/manager/dispatcher/assignments.go; networks and endpoints stand in for libnetwork's gossip
(there every node tells every other, here the manager derives it: architecture decision 6).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import TypeVar

from msgspec.structs import replace

from swarmkit_py.manager.dispatcher.dependencies import configs_for, secrets_for
from swarmkit_py.manager.dispatcher.reach import endpoints, leaves, plain, serves, service_records
from swarmkit_py.model.assignment import NetworkAssignment, NodeAssignment, Peer, ServiceEndpoint, ServiceRecord
from swarmkit_py.model.objects import Attachment, Cluster, Config, Network, Node, Object, Secret, Service, Task
from swarmkit_py.model.states import TaskState
from swarmkit_py.rpc.messages import Assignments
from swarmkit_py.store.memory import Store

V = TypeVar("V")


@dataclass(frozen=True)
class Survey:
    """What the assignments of all nodes are made from, at one version of the store."""

    networks: dict[str, Network]
    tasks: dict[str, list[Task]]
    """By node id, those from ASSIGNED on."""
    nodes: dict[str, Node]
    peers: dict[str, list[tuple[str, Peer]]]
    """By network id: (node id, address), in the order of addresses."""
    endpoints: dict[str, ServiceEndpoint]
    services: dict[str, dict[str, ServiceRecord]]
    """By network id, then by `ServiceRecord.key`."""
    leaving: list[Task]
    """Tasks that run, and are to stop: no longer in any endpoint or record (`drains` knows what comes next)."""
    data_path_port: int = 4789
    entries: list[str] = field(default_factory=list)
    """The nodes' own addresses on ingress."""
    secrets: dict[str, Secret] = field(default_factory=dict)
    configs: dict[str, Config] = field(default_factory=dict)


@dataclass
class Difference:
    """What leads from one assignment to another; `empty` if they are the same."""

    tasks: list[Task] = field(default_factory=list)
    removed_tasks: list[str] = field(default_factory=list)
    networks: list[NetworkAssignment] = field(default_factory=list)
    removed_networks: list[str] = field(default_factory=list)
    endpoints: list[ServiceEndpoint] = field(default_factory=list)
    removed_endpoints: list[str] = field(default_factory=list)
    services: list[ServiceRecord] = field(default_factory=list)
    removed_services: list[str] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)
    removed_secrets: list[str] = field(default_factory=list)
    configs: list[Config] = field(default_factory=list)
    removed_configs: list[str] = field(default_factory=list)
    drained: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not any(vars(self).values())

    def message(self, applies_to: int) -> Assignments:
        """As an incremental message that follows number `applies_to`."""
        return Assignments(complete=False, applies_to=applies_to, results_in=applies_to + 1, **vars(self))


def take_survey(store: Store) -> Survey:
    """Read the tables once, for all nodes."""
    return survey(
        store.all(Task), store.all(Node), store.all(Network), store.all(Service), store.all(Cluster),
        secrets=store.all(Secret), configs=store.all(Config),
    )


def survey(
    tasks: Iterable[Task], nodes: Iterable[Node], networks: Iterable[Network], services: Iterable[Service] = (),
    clusters: Iterable[Cluster] = (), *, secrets: Iterable[Secret] = (), configs: Iterable[Config] = (),
) -> Survey:
    """What the assignments share."""
    by_id = {node.id: node for node in nodes}
    on_nodes = [task for task in tasks if task.node_id and task.status.state.rank >= TaskState.ASSIGNED.rank]
    carried = {network.id: network for network in networks if network.subnet and network.vni}
    serving = [task for task in on_nodes if serves(task, by_id.get(task.node_id))]
    offered = sorted(services, key=lambda service: service.id)
    return Survey(
        networks=carried, nodes=by_id, tasks=_by_node(on_nodes), peers=_peers(on_nodes, by_id),
        endpoints=endpoints(offered, serving, carried), services=service_records(offered, serving, carried),
        leaving=[task for task in on_nodes if leaves(task)],
        entries=_entries(by_id.values(), carried),
        data_path_port=next((cluster.data_path_port for cluster in clusters), 4789),
        secrets={secret.id: secret for secret in secrets}, configs={config.id: config for config in configs},
    )


def assignment_for(shared: Survey, node_id: str, drained: Collection[str] = frozenset()) -> NodeAssignment:
    """All that one node is told. `drained`: ids of the leaving tasks (of all nodes) that may stop now."""
    tasks = {task.id: task for task in shared.tasks.get(node_id, ())}
    wanted = {at.network_id for task in tasks.values() if not task.status.state.terminal for at in task.networks}
    networks = {
        network.id: _network_for(shared, network, node_id)
        for network in shared.networks.values() if network.spec.ingress or network.id in wanted
    }
    services = {key: record for id_ in networks for key, record in shared.services.get(id_, {}).items()}
    return NodeAssignment(
        tasks=tasks, networks=networks, endpoints=shared.endpoints, services=services,
        drained=sorted(tasks.keys() & drained),
        secrets=secrets_for(tasks.values(), shared.secrets), configs=configs_for(tasks.values(), shared.configs),
    )


def difference(old: NodeAssignment, new: NodeAssignment) -> Difference:
    """What to tell a node that was told `old`. A task's own status is the node's affair, and no difference."""
    return Difference(
        tasks=[task for task in new.tasks.values() if not _same(old.tasks.get(task.id), task)],
        removed_tasks=_gone(old.tasks, new.tasks),
        networks=_changed(old.networks, new.networks),
        removed_networks=_gone(old.networks, new.networks),
        endpoints=_changed(old.endpoints, new.endpoints),
        removed_endpoints=_gone(old.endpoints, new.endpoints),
        services=_changed(old.services, new.services),
        removed_services=_gone(old.services, new.services),
        secrets=_changed(old.secrets, new.secrets),
        removed_secrets=_gone(old.secrets, new.secrets),
        configs=_changed(old.configs, new.configs),
        removed_configs=_gone(old.configs, new.configs),
        drained=[task_id for task_id in new.drained if task_id not in old.drained],
    )


def complete_message(new: NodeAssignment, results_in: int) -> Assignments:
    """The whole set, first in every session."""
    return Assignments(
        complete=True, applies_to=0, results_in=results_in, tasks=list(new.tasks.values()),
        networks=list(new.networks.values()), endpoints=list(new.endpoints.values()),
        services=list(new.services.values()), secrets=list(new.secrets.values()), configs=list(new.configs.values()),
        drained=list(new.drained),
    )


def concerns_nodes(old: Object | None, new: Object | None) -> bool:
    """False for a change that no assignment depends on: a task's step from one climbing state to the next."""
    if not (isinstance(old, Task) and isinstance(new, Task)):
        return True
    return not _same(old, new) or _phase(old) != _phase(new)


def _phase(task: Task) -> tuple[bool, bool, bool, bool]:
    state = task.status.state
    return (state.rank >= TaskState.ASSIGNED.rank, state is TaskState.RUNNING, task.status.closing, state.terminal)


def _same(old: Task | None, new: Task) -> bool:
    if old is None or old is new:
        return old is new
    return replace(old, status=new.status, index=new.index, updated_at=new.updated_at) == new


def _by_node(tasks: Iterable[Task]) -> dict[str, list[Task]]:
    found: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        found[task.node_id].append(task)
    return found


def _peers(tasks: Iterable[Task], nodes: Mapping[str, Node]) -> dict[str, list[tuple[str, Peer]]]:
    """Where every address in use lives, network by network."""
    found: dict[str, dict[str, tuple[str, Peer]]] = defaultdict(dict)
    for node_id, attachment in _places(tasks, nodes.values()):
        node = nodes.get(node_id)
        if node is None or not node.status.addr:
            continue
        for address in map(plain, attachment.addresses):
            found[attachment.network_id][address] = node_id, Peer(address=address, node_address=node.status.addr)
    return {
        network_id: [here[address] for address in sorted(here, key=IPv4Address)]
        for network_id, here in found.items()
    }


def _places(tasks: Iterable[Task], nodes: Iterable[Node]) -> Iterator[tuple[str, Attachment]]:
    for node in nodes:
        for attachment in node.attachments:
            yield node.id, attachment
    for task in tasks:
        if not task.status.state.terminal:
            for attachment in task.networks:
                yield task.node_id, attachment


def _entries(nodes: Iterable[Node], networks: Mapping[str, Network]) -> list[str]:
    ingress = {network.id for network in networks.values() if network.spec.ingress}
    found = {plain(address) for node in nodes for at in node.attachments if at.network_id in ingress
             for address in at.addresses}
    return sorted(found, key=IPv4Address)


def _network_for(shared: Survey, network: Network, node_id: str) -> NetworkAssignment:
    node = shared.nodes.get(node_id)
    own = (at.addresses for at in (node.attachments if node else ()) if at.network_id == network.id)
    return NetworkAssignment(
        id=network.id, name=network.spec.name, vni=network.vni, subnet=network.subnet, gateway=network.gateway,
        ingress=network.spec.ingress, attachable=network.spec.attachable, internal=network.spec.internal,
        driver_options=network.spec.driver_options,
        node_address=next((found[0] for found in own if found), ""),
        data_path_port=shared.data_path_port, subnet6=network.spec.subnet6,
        peers=[peer for owner, peer in shared.peers.get(network.id, ()) if owner != node_id],
        entries=shared.entries if network.spec.ingress else [],
    )


def _changed(old: Mapping[str, V], new: Mapping[str, V]) -> list[V]:
    return [value for key, value in new.items() if old.get(key) != value]


def _gone(old: Mapping[str, V], new: Mapping[str, V]) -> list[str]:
    return [key for key in old if key not in new]
