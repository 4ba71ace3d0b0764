"""Owns how many tasks a replicated service has: N slots, each with one task to run. Pure.

Slot numbers count from 1, gaps are filled lowest first. Whether a task is *healthy* is `restart`'s business: a
slot whose task has just failed is still a filled slot. No rebalancing: a task that runs is never moved for looks.
Counterpart: swarmkit/manager/orchestrator/replicated/services.go.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from swarmkit_py.manager.defaults import replicas
from swarmkit_py.manager.orchestrator.plan import Plan
from swarmkit_py.manager.orchestrator.restart import settled
from swarmkit_py.manager.orchestrator.slots import Slots, by_slot, kept, running, stop_state, surplus_rivals, wanted
from swarmkit_py.model.objects import Service, Task
from swarmkit_py.model.states import TaskState


def plan(service: Service, tasks: Iterable[Task]) -> Plan:
    """What to change so that the service has exactly its number of filled slots, one task in each."""
    result = Plan()
    slots = by_slot(tasks)
    filled = {slot: members for slot, members in slots.items() if is_filled(members)}
    missing = replicas(service.spec) - len(filled)
    for slot in surplus(filled, -missing):
        _drop(result, slots[slot])
        del filled[slot]
    for slot in free_numbers(filled, missing):
        result.fill(slot, slots.get(slot, []))
        filled[slot] = []
    for slot, members in slots.items():
        if slot in filled:
            _leave_one(result, members)
        else:
            _drop(result, members)
    return result


def is_filled(members: list[Task]) -> bool:
    """True if the slot has a task to run, or had one that its restart policy lets rest."""
    return any(wanted(task) for task in members) or settled(members)


def free_numbers(taken: Iterable[int | str], count: int) -> list[int]:
    """The `count` lowest slot numbers that are not taken."""
    used = set(taken)
    return list(itertools.islice((n for n in itertools.count(1) if n not in used), max(count, 0)))


def surplus(filled: Slots, count: int) -> list[int | str]:
    """The `count` slots to give up: not placed yet first, then those on the nodes with most tasks of this service;
    there the not running before the running, and the higher slot number before the lower."""
    if count <= 0:
        return []
    order = sorted(filled, key=lambda slot: (not any(map(running, filled[slot])), slot))
    position: dict[int | str, float] = {}
    per_node: dict[str, int] = {}
    for slot in order:
        node = _node_of(filled[slot])
        per_node[node] = per_node.get(node, 0) + 1
        position[slot] = per_node[node] if node else float("inf")
    return sorted(order, key=lambda slot: position[slot])[-count:]


def _node_of(members: list[Task]) -> str:
    """The node of the slot's task to run; "" if it has none yet."""
    return next((task.node_id for task in reversed(members) if wanted(task)), "")


def _leave_one(result: Plan, members: list[Task]) -> None:
    for task in surplus_rivals(members):
        result.wish(task, stop_state(task))


def _drop(result: Plan, members: list[Task]) -> None:
    """Give the slot up, with its history."""
    for task in kept(members):
        result.wish(task, TaskState.REMOVE)
