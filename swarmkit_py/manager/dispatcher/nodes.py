"""Owns what the dispatcher writes of nodes, and of tasks whose node is lost: one transaction each.

Counterpart: swarmkit/manager/dispatcher/dispatcher.go (markNodesUnknown, markNodeNotReady, orphanTasks).
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from swarmkit_py.errors import NotFound
from swarmkit_py.model.objects import Node, NodeDescription, NodeStatus, Task
from swarmkit_py.model.states import NodeState, TaskState, Writer
from swarmkit_py.rpc.messages import Hello
from swarmkit_py.store.memory import Store, Transaction

UNKNOWN_MESSAGE = 'Node moved to "unknown" state due to leadership change in cluster'
LEFT_MESSAGE = "node left the swarm"
ORPHAN_AFTER = 24 * 3600.0
"""Seconds a node must be down before its tasks count as lost."""


def mark_ready(store: Store, node_id: str, hello: Hello) -> None:
    """A node has a session. Raises NotFound if it was removed."""
    address, description = hello.data_path_address or hello.address, hello.description

    def change(tx: Transaction) -> None:
        node = tx.get(Node, node_id)
        if node is None:
            raise NotFound(f"node {node_id} not found", rpc=True)
        status = NodeStatus(state=NodeState.READY, addr=address)
        if (node.status, node.description, node.can_manage) != (status, description, hello.can_manage):
            tx.update(replace(node, status=status, description=description, can_manage=hello.can_manage))

    store.update(change)


def mark_down(store: Store, node_id: str, message: str) -> None:
    """A node does not answer, or left. Nothing if it is gone."""

    def change(tx: Transaction) -> None:
        node = tx.get(Node, node_id)
        if node is not None:
            tx.update(replace(node, status=replace(node.status, state=NodeState.DOWN, message=message)))

    store.update(change)


def mark_unknown(store: Store, connected: Collection[str]) -> list[str]:
    """This manager has just started: whoever was not down, nor is back already, is now unknown. Returns their ids."""

    def change(tx: Transaction) -> list[str]:
        nodes = [
            node for node in tx.all(Node) if node.status.state is not NodeState.DOWN and node.id not in connected
        ]
        for node in nodes:
            status = replace(node.status, state=NodeState.UNKNOWN, message=UNKNOWN_MESSAGE)
            tx.update(replace(node, status=status))
        return [node.id for node in nodes]

    return store.update(change)


def describe(store: Store, node_id: str, description: NodeDescription) -> None:
    """The node's description changed."""

    def change(tx: Transaction) -> None:
        node = tx.get(Node, node_id)
        if node is not None and node.description != description:
            tx.update(replace(node, description=description))

    store.update(change)


def orphan_tasks(store: Store, node_id: str, message: str = "node is down for too long") -> None:
    """Give up on all tasks of a node that will not be back with them."""

    def change(tx: Transaction) -> None:
        for task in tx.find(Task, node_id=node_id):
            state = task.status.state
            if state.rank >= TaskState.ASSIGNED.rank and not state.terminal:
                status = replace(task.status, state=TaskState.ORPHANED, timestamp=store.clock.now(),
                                 message=message)
                tx.update(replace(task, status=status))

    store.update(change, writer=Writer.DISPATCHER)
