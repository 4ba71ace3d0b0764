"""Owns the transactions behind `docker network create -d overlay` and `docker network rm`.

Two overlays may have the same subnet: they never meet (each has its VNI), and only a service that would be on both is
refused. Counterpart: swarmkit/manager/controlapi/network.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from swarmkit_py.errors import AlreadyExists, FailedPrecondition
from swarmkit_py.ids import Ids
from swarmkit_py.manager.control import lookup
from swarmkit_py.manager.control.network_rules import check_network, vxlan_id
from swarmkit_py.model.objects import Network, Node, Service, Task
from swarmkit_py.model.specs import NetworkSpec, ServiceSpec
from swarmkit_py.model.states import TaskState
from swarmkit_py.store.memory import Transaction


def create(tx: Transaction, ids: Ids, spec: NetworkSpec) -> Network:
    """Check and store a new network; the allocator gives it its subnet. Raises InvalidArgument, AlreadyExists,
    Unimplemented."""
    spec = check_network(spec, {_name(node): node.status.addr for node in tx.all(Node) if node.status.addr})
    for other in tx.all(Network):
        if other.spec.name == spec.name:
            raise AlreadyExists(f"network with name {spec.name} already exists")
        if spec.ingress and other.spec.ingress:
            raise AlreadyExists(f"ingress network ({other.id}) is already present", rpc=True)
    return tx.create(Network(id=ids.object_id(), spec=spec, vni=_asked_vni(tx, spec)))


def _name(node: Node) -> str:
    return node.description.hostname if node.description else node.id


def _asked_vni(tx: Transaction, spec: NetworkSpec) -> int:
    asked = vxlan_id(spec)
    for other in tx.all(Network):
        if asked and other.vni == asked:
            raise AlreadyExists(f"the VXLAN id {asked} is that of network {other.spec.name} already", rpc=True)
    return asked


def remove(tx: Transaction, ref: str) -> Network:
    """Delete a network that nothing asks for any more (tasks that are to end do not count). Returns what was there.
    Raises NotFound, FailedPrecondition."""
    network = lookup.network(tx.all(Network), ref)
    if network.spec.ingress:
        _refuse_needed_ingress(tx.all(Service))
    else:
        _refuse_used(tx, network)
    tx.delete(Network, network.id)
    return network


def _refuse_needed_ingress(services: Iterable[Service]) -> None:
    for service in services:
        if publishes(service.spec):
            raise FailedPrecondition(
                f"ingress network cannot be removed because service {service.id} depends on it", rpc=True)


def _refuse_used(tx: Transaction, network: Network) -> None:
    for service in tx.all(Service):
        if any(config.target == network.id for config in service.spec.task_template.networks or ()):
            raise FailedPrecondition(f"network {network.id} is in use by service {service.id}", rpc=True)
    for task in tx.all(Task):
        if _lives(task) and any(attachment.network_id == network.id for attachment in task.networks):
            raise FailedPrecondition(f"network {network.id} is in use by task {task.id}", rpc=True)


def _lives(task: Task) -> bool:
    running = TaskState.RUNNING.rank
    return task.desired_state.rank <= running and task.status.state.rank <= running


def publishes(spec: ServiceSpec) -> bool:
    """True for a service that needs the ingress network."""
    ports = (spec.endpoint_spec.ports if spec.endpoint_spec else None) or ()
    return any((port.publish_mode or "ingress") == "ingress" for port in ports)
