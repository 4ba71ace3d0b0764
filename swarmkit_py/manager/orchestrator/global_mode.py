"""Owns where a global service has tasks: one on each node that may have it. Pure.

A task is made for its node (`node_id` preset); the scheduler only checks that it fits. A paused node keeps its
task and gets no new one. Counterpart: swarmkit/manager/orchestrator/global/global.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from swarmkit_py.manager.orchestrator.nodes import Nodes, is_unusable, takes_new
from swarmkit_py.manager.orchestrator.plan import Plan
from swarmkit_py.manager.orchestrator.restart import settled
from swarmkit_py.manager.orchestrator.slots import by_slot, kept, stop_state, surplus_rivals, wanted
from swarmkit_py.manager.versions import fits
from swarmkit_py.model.objects import Node, Service, Task
from swarmkit_py.model.states import TaskState


def plan(service: Service, tasks: Iterable[Task], nodes: Nodes) -> Plan:
    """What to change so that each eligible node, and no other, has one task of the service to run."""
    result = Plan()
    slots = by_slot(tasks)
    for node_id, members in slots.items():
        _trim(result, service, nodes.get(str(node_id)), members)
    for node_id, node in sorted(nodes.items()):
        members = slots.get(node_id, [])
        if takes_new(service, node) and not any(map(wanted, members)) and not settled(members):
            result.fill(node_id, members)
    return result


def _trim(result: Plan, service: Service, node: Node | None, members: list[Task]) -> None:
    """Stop what must not run on this node (any more): all of it, or what is one too many."""
    if node is None:
        for task in kept(members):
            result.wish(task, TaskState.REMOVE)
        return
    stays = not is_unusable(node) and fits(service, node)
    for task in surplus_rivals(members) if stays else filter(wanted, members):
        result.wish(task, stop_state(task))
