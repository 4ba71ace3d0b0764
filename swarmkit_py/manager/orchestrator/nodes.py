"""Owns what the orchestrators ask about a node. Pure; knows neither store nor clock.

Counterpart: swarmkit/manager/orchestrator/task.go (InvalidNode), manager/orchestrator/global (constraints).
"""

from __future__ import annotations

from collections.abc import Mapping

from swarmkit_py.manager.versions import fits
from swarmkit_py.model.objects import Node, Service, Task
from swarmkit_py.model.states import Availability, NodeState

Nodes = Mapping[str, Node]


def is_lost(node: Node | None) -> bool:
    """True if nothing on the node can be reached any more: it is down, or no longer in the swarm."""
    return node is None or node.status.state is NodeState.DOWN


def is_unusable(node: Node | None) -> bool:
    """True if tasks must leave the node: lost, or drained. (A paused node keeps what it has.)"""
    return is_lost(node) or (node is not None and node.spec.availability is Availability.DRAIN)


def node_of(task: Task, nodes: Nodes) -> Node | None:
    return nodes.get(task.node_id)


def must_leave(task: Task, nodes: Nodes) -> bool:
    """True if the task has a node, and that node is unusable. (Not placed yet: nothing to leave.)"""
    return bool(task.node_id) and is_unusable(node_of(task, nodes))


def takes_new(service: Service, node: Node | None) -> bool:
    """True if a global service may start a task on the node."""
    if node is None or is_unusable(node) or node.spec.availability is not Availability.ACTIVE:
        return False
    return fits(service, node)
