"""Owns places on attachable networks for containers that are no service's: a node asks for one, a task that stands
for the container is made there, and answered with once the allocator has given it an address.

Such a task has no service, and `TaskSpec.network_attachment_spec` in the place of a container. Its node ends it.
Counterpart: swarmkit/manager/resourceapi/allocator.go.
"""

from __future__ import annotations

from swarmkit_py.clock import Clock
from swarmkit_py.errors import InvalidArgument, NotFound, PermissionDenied, SwarmError, Unavailable
from swarmkit_py.model.objects import Network, Task, TaskStatus
from swarmkit_py.model.specs import NetworkAttachmentConfig, NetworkAttachmentSpec, TaskSpec
from swarmkit_py.model.states import TaskState
from swarmkit_py.rpc.messages import AttachAnswer, AttachRequest
from swarmkit_py.rpc.race import within
from swarmkit_py.store.memory import Store, Transaction

PATIENCE = 20.0
"""Seconds until a task that cannot be had is given up."""


async def attach(store: Store, clock: Clock, node_id: str, request: AttachRequest) -> AttachAnswer:
    """Idempotent by the request's `attachment`. What goes wrong is in the answer."""
    try:
        task = await within(clock, PATIENCE, _placed(store, node_id, request))
        network = store.get(Network, task.networks[0].network_id)
        if network is None:
            raise NotFound(f"network {request.network} not found")
    except (SwarmError, TimeoutError) as error:
        _give_up(store, request.attachment, node_id)
        if isinstance(error, TimeoutError):
            error = Unavailable(f"no address on network {request.network} could be had")
        return AttachAnswer(attachment=request.attachment, code=error.code, error=error.message)
    return AttachAnswer(attachment=task.id, network_id=network.id, network=network.spec.name,
                        address=task.networks[0].addresses[0])


async def _placed(store: Store, node_id: str, request: AttachRequest) -> Task:
    """The task once it has its address and is its node's. Raises SwarmError."""
    with store.watch(Task) as watch:
        store.update(lambda tx: _create(tx, node_id, request))
        while True:
            task = store.get(Task, request.attachment)
            if task is None:
                raise Unavailable("the node was removed from the swarm")
            if task.status.err:
                raise Unavailable(task.status.err)
            if task.status.state.rank >= TaskState.ASSIGNED.rank and task.networks:
                return task
            await watch.next()
            watch.acknowledge_resync()


def _create(tx: Transaction, node_id: str, request: AttachRequest) -> None:
    there = tx.get(Task, request.attachment)
    if there is not None:
        spec = there.spec.network_attachment_spec
        if there.node_id != node_id or spec is None or spec.container_id != request.container_id:
            raise PermissionDenied(f"task {request.attachment} is not this container's", rpc=True)
        return
    network = _find(tx, request.network)
    if not network.spec.attachable:
        raise PermissionDenied(f"network {network.spec.name} not manually attachable", rpc=True)
    if request.address and not network.spec.ipam4.subnet:
        raise InvalidArgument(
            "user specified IP address is supported only when connecting to networks with user configured subnets")
    asked = NetworkAttachmentConfig(target=network.id, aliases=list(request.names) or None)
    container = NetworkAttachmentSpec(container_id=request.container_id, address=request.address)
    tx.create(Task(
        id=request.attachment, node_id=node_id,
        spec=TaskSpec(runtime="attachment", networks=[asked], network_attachment_spec=container),
        status=TaskStatus(state=TaskState.NEW, message="created")))


def _find(tx: Transaction, ref: str) -> Network:
    """By id, name, or the beginning of one id. Raises NotFound."""
    networks = tx.all(Network)
    found = ([network for network in networks if network.id == ref]
             or [network for network in networks if network.spec.name == ref]
             or [network for network in networks if ref and network.id.startswith(ref)])
    if len(found) != 1:
        raise NotFound(f"network {ref} not found", rpc=True)
    return found[0]


def _give_up(store: Store, task_id: str, node_id: str) -> None:
    """Nobody will use the task (that another node has by this id is none of it)."""

    def change(tx: Transaction) -> None:
        task = tx.get(Task, task_id)
        if task is not None and task.node_id == node_id and task.spec.network_attachment_spec is not None:
            tx.delete(Task, task_id)

    store.update(change)
