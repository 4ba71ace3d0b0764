"""Owns the transactions behind `docker node update` and `docker node rm`.

Counterpart: swarmkit/manager/controlapi/node.go.
"""

from __future__ import annotations

from msgspec.structs import replace

from swarmkit_py.clock import Clock
from swarmkit_py.errors import FailedPrecondition
from swarmkit_py.manager.control import lookup
from swarmkit_py.manager.quorum import may_lose
from swarmkit_py.model.objects import Cluster, Node, Task
from swarmkit_py.model.specs import NodeSpec
from swarmkit_py.model.states import NodeState, Role, TaskState
from swarmkit_py.store.memory import Transaction


def update(tx: Transaction, ref: str, version: int, spec: NodeSpec) -> Node:
    """Replace a node's spec. Raises NotFound, OutOfSequence, FailedPrecondition (a change of role that cannot be)."""
    node = lookup.node(tx.all(Node), ref)
    if spec.role is not node.spec.role:
        managers = _managers(tx)
        if spec.role is Role.MANAGER:
            _check_promotion(node, managers)
        else:
            _check_demotion(node, managers)
    return tx.update(replace(node, spec=replace(spec, labels=spec.labels or {})), expect=version)


def _check_promotion(node: Node, managers: list[Node]) -> None:
    """A swarm of several managers needs etcd beside each; who leads has it if there are several already."""
    for needed in (node, *(managers if len(managers) == 1 else ())):
        if not needed.can_manage:
            name = needed.description.hostname if needed.description else needed.id
            raise FailedPrecondition(
                f"several managers need etcd, and {name} has none: install the package etcd-server there (in the lab "
                "kit: ./lab doctor)", rpc=True)


def _check_demotion(node: Node, managers: list[Node]) -> None:
    if len(managers) == 1:
        raise FailedPrecondition("attempting to demote the last manager of the swarm", rpc=True)
    if not may_lose(managers, node.id):
        raise FailedPrecondition(
            "can't remove member from the raft: this would result in a loss of quorum", rpc=True)


def _managers(tx: Transaction) -> list[Node]:
    return [node for node in tx.all(Node) if node.spec.role is Role.MANAGER]


def remove(tx: Transaction, clock: Clock, ref: str, force: bool) -> None:
    """Forget a node for good: its certificate is refused from now on, its tasks are orphaned, all at once."""
    node = lookup.node(tx.all(Node), ref)
    if node.manager_status is not None:
        raise FailedPrecondition(
            f"node {node.id} is a cluster manager and is a member of the raft cluster. "
            "It must be demoted to worker before removal", rpc=True)
    if node.status.state is NodeState.READY and not force:
        raise FailedPrecondition(f"node {node.id} is not down and can't be removed", rpc=True)
    for cluster in tx.all(Cluster):
        if node.id not in cluster.removed_nodes:
            tx.update(replace(cluster, removed_nodes=[*cluster.removed_nodes, node.id]))
    _orphan_tasks(tx, clock, node.id)
    tx.delete(Node, node.id)


def _orphan_tasks(tx: Transaction, clock: Clock, node_id: str) -> None:
    for task in tx.find(Task, node_id=node_id):
        state = task.status.state
        # A task that was never assigned has not been on the node: its orchestrator withdraws it.
        if state.terminal or state.rank < TaskState.ASSIGNED.rank:
            continue
        status = replace(task.status, state=TaskState.ORPHANED, timestamp=clock.now(),
                         message="Task belonged to a node that has been deleted")
        tx.update(replace(task, status=status))
