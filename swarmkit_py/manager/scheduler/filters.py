"""Owns the reasons why a task cannot go to a node, in SwarmKit's order and words. Pure.

A filter is asked about a node on which `extra` tasks of the same group were placed a moment ago in the same pass.
Counterpart: swarmkit/manager/scheduler/{filter,pipeline}.go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

from swarmkit_py.manager import constraints
from swarmkit_py.manager.scheduler.nodeinfo import NodeInfo, host_ports, reservations
from swarmkit_py.model.objects import Task
from swarmkit_py.model.states import Availability, NodeState


class Filter(Protocol):
    """One reason. Made for one task (all tasks of a group are alike)."""

    def check(self, info: NodeInfo, extra: int) -> bool:
        """True if the node passes."""

    def explain(self, nodes: int) -> str:
        """What is wrong on this many nodes."""


class Ready:
    """The node is there, and takes new tasks."""

    def __init__(self, task: Task) -> None:
        pass

    def check(self, info: NodeInfo, extra: int) -> bool:
        node = info.node
        return node.status.state is NodeState.READY and node.spec.availability is Availability.ACTIVE

    def explain(self, nodes: int) -> str:
        return f"{_nodes(nodes)} not available for new tasks"


class Resource:
    """What the task reserves is not yet reserved by others (use is not looked at)."""

    def __init__(self, task: Task) -> None:
        asked = reservations(task)
        self._nano_cpus, self._memory = asked.nano_cpus or 0, asked.memory_bytes or 0

    def check(self, info: NodeInfo, extra: int) -> bool:
        times = extra + 1
        return not (
            (self._nano_cpus and self._nano_cpus * times > info.free_nano_cpus())
            or (self._memory and self._memory * times > info.free_memory())
        )

    def explain(self, nodes: int) -> str:
        return f"insufficient resources on {_nodes(nodes)}"


class Constraint:
    """`--constraint`: all of them hold."""

    def __init__(self, task: Task) -> None:
        placement = task.spec.placement
        self._constraints = constraints.parse((placement.constraints if placement else None) or [])

    def check(self, info: NodeInfo, extra: int) -> bool:
        return constraints.all_met(self._constraints, info.node)

    def explain(self, nodes: int) -> str:
        return f"scheduling constraints not satisfied on {_nodes(nodes)}"


class Platform:
    """The image exists for the node's system and processor."""

    def __init__(self, task: Task) -> None:
        placement = task.spec.placement
        self._platforms = (placement.platforms if placement else None) or []

    def check(self, info: NodeInfo, extra: int) -> bool:
        if not self._platforms:
            return True
        if info.node.description is None:
            return False
        have = info.node.description.platform
        return any(
            (not p.os or p.os.lower() == have.os.lower())
            and (not p.architecture or constraints.same_architecture(p.architecture, have.architecture))
            for p in self._platforms
        )

    def explain(self, nodes: int) -> str:
        return f"unsupported platform on {_nodes(nodes)}"


class HostPort:
    """No other task on the node has the task's host-mode ports."""

    def __init__(self, task: Task) -> None:
        self._ports = list(host_ports(task))

    def check(self, info: NodeInfo, extra: int) -> bool:
        return not self._ports or (extra == 0 and not any(info.host_ports[port] for port in self._ports))

    def explain(self, nodes: int) -> str:
        return f"host-mode port already in use on {_nodes(nodes)}"


class MaxReplicas:
    """`--replicas-max-per-node` is not reached."""

    def __init__(self, task: Task) -> None:
        self._limit = (task.spec.placement.max_replicas if task.spec.placement else None) or 0
        self._service_id = task.service_id

    def check(self, info: NodeInfo, extra: int) -> bool:
        return not self._limit or info.by_service.get(self._service_id, 0) + extra < self._limit

    def explain(self, nodes: int) -> str:
        return "max replicas per node limit exceed"


FILTERS: tuple[Callable[[Task], Filter], ...] = (Ready, Resource, Constraint, Platform, HostPort, MaxReplicas)
"""In the order in which they are asked; the first that says no is the node's reason."""


class Pipeline:
    """All filters, for one task."""

    def __init__(self, task: Task) -> None:
        self._filters = [make(task) for make in FILTERS]

    def fits(self, info: NodeInfo, extra: int = 0) -> bool:
        """True if every filter passes."""
        return self._first_refusal(info, extra) is None

    def explain(self, nodes: Iterable[tuple[NodeInfo, int]]) -> str:
        """Why none of these (node, extra) is suitable, the most frequent reason first; "" if there are none."""
        refusals = Counter(
            index for info, extra in nodes if (index := self._first_refusal(info, extra)) is not None)
        in_order = sorted(refusals.items(), key=lambda item: (-item[1], item[0]))
        return "; ".join(self._filters[index].explain(count) for index, count in in_order)

    def _first_refusal(self, info: NodeInfo, extra: int) -> int | None:
        for index, one in enumerate(self._filters):
            if not one.check(info, extra):
                return index
        return None


def _nodes(count: int) -> str:
    return f"{count} node" if count == 1 else f"{count} nodes"
