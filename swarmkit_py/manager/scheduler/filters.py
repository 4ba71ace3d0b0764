"""Owns the reasons why a task cannot go to a node, in SwarmKit's order and words. Pure.

A filter is asked about a node on which `extra` tasks of the same group were placed a moment ago in the same pass.
Counterpart: swarmkit/manager/scheduler/{filter,pipeline}.go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from swarmkit_py.manager import constraints
from swarmkit_py.manager.scheduler.nodeinfo import NodeInfo, host_ports, reservations
from swarmkit_py.model import generic
from swarmkit_py.model.objects import Task
from swarmkit_py.model.states import Availability, NodeState


class Filter(Protocol):
    """One reason. Made for one task (all tasks of a group are alike)."""

    @property
    def name(self) -> str:
        """What it is called in an explanation."""

    def asks(self) -> bool:
        """False if the task gives this filter nothing to ask of any node."""

    def check(self, info: NodeInfo, extra: int) -> bool:
        """True if the node passes."""

    def explain(self, nodes: int) -> str:
        """What is wrong on this many nodes."""


class Ready:
    """The node is there, and takes new tasks."""

    name = "ready"

    def __init__(self, task: Task) -> None:
        pass

    def asks(self) -> bool:
        return True

    def check(self, info: NodeInfo, extra: int) -> bool:
        node = info.node
        return node.status.state is NodeState.READY and node.spec.availability is Availability.ACTIVE

    def explain(self, nodes: int) -> str:
        return f"{_nodes(nodes)} not available for new tasks"


class Resource:
    """What the task reserves is not yet reserved by others (use is not looked at)."""

    name = "resource"

    def __init__(self, task: Task) -> None:
        asked = reservations(task)
        self._nano_cpus, self._memory = asked.nano_cpus or 0, asked.memory_bytes or 0
        self._generic = generic.asked(asked.generic_resources)

    def asks(self) -> bool:
        return bool(self._nano_cpus or self._memory or self._generic)

    def check(self, info: NodeInfo, extra: int) -> bool:
        times = extra + 1
        return not (
            (self._nano_cpus and self._nano_cpus * times > info.free_nano_cpus())
            or (self._memory and self._memory * times > info.free_memory())
            or (self._generic and generic.lacking(self._generic, info.free_generic(), times))
        )

    def explain(self, nodes: int) -> str:
        return f"insufficient resources on {_nodes(nodes)}"


class Plugin:
    """The node's engine has the drivers of the task's log and of its volumes."""

    name = "plugin"

    def __init__(self, task: Task) -> None:
        self._wanted = set(wanted_plugins(task))

    def asks(self) -> bool:
        return bool(self._wanted)

    def check(self, info: NodeInfo, extra: int) -> bool:
        return self._wanted <= plugins_of(info)

    def explain(self, nodes: int) -> str:
        return f"missing plugin on {_nodes(nodes)}"


def wanted_plugins(task: Task) -> Iterator[tuple[str, str]]:
    """(type, name) of the drivers the task names; those that every engine has count as well."""
    driver = (task.spec.log_driver or {}).get("Name", "")
    if driver not in ("", "none"):
        yield "Log", driver
    container = task.spec.container_spec
    for mount in (container.mounts if container else None) or []:
        config = mount.volume_options.driver_config if mount.volume_options else None
        if mount.type == "volume" and config is not None and config.name:
            yield "Volume", config.name


def plugins_of(info: NodeInfo) -> set[tuple[str, str]]:
    """(type, name) of what the node's engine says it has."""
    known = (info.node.description.engine.plugins if info.node.description else None) or []
    return {(plugin.get("Type", ""), plugin.get("Name", "")) for plugin in known}


class Constraint:
    """`--constraint`: all of them hold."""

    name = "constraint"

    def __init__(self, task: Task) -> None:
        placement = task.spec.placement
        self._constraints = constraints.parse((placement.constraints if placement else None) or [])

    def asks(self) -> bool:
        return bool(self._constraints)

    def check(self, info: NodeInfo, extra: int) -> bool:
        return constraints.all_met(self._constraints, info.node)

    def explain(self, nodes: int) -> str:
        return f"scheduling constraints not satisfied on {_nodes(nodes)}"


class Platform:
    """The image exists for the node's system and processor."""

    name = "platform"

    def __init__(self, task: Task) -> None:
        placement = task.spec.placement
        self._platforms = (placement.platforms if placement else None) or []

    def asks(self) -> bool:
        return bool(self._platforms)

    def check(self, info: NodeInfo, extra: int) -> bool:
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

    name = "host port"

    def __init__(self, task: Task) -> None:
        self._ports = list(host_ports(task))

    def asks(self) -> bool:
        return bool(self._ports)

    def check(self, info: NodeInfo, extra: int) -> bool:
        return extra == 0 and not any(info.host_ports[port] for port in self._ports)

    def explain(self, nodes: int) -> str:
        return f"host-mode port already in use on {_nodes(nodes)}"


class MaxReplicas:
    """`--replicas-max-per-node` is not reached."""

    name = "max replicas"

    def __init__(self, task: Task) -> None:
        self._limit = (task.spec.placement.max_replicas if task.spec.placement else None) or 0
        self._service_id = task.service_id

    def asks(self) -> bool:
        return bool(self._limit)

    def check(self, info: NodeInfo, extra: int) -> bool:
        return info.by_service.get(self._service_id, 0) + extra < self._limit

    def explain(self, nodes: int) -> str:
        return "max replicas per node limit exceed"


FILTERS: tuple[Callable[[Task], Filter], ...] = (Ready, Resource, Plugin, Constraint, Platform, HostPort, MaxReplicas)
"""In the order in which they are asked; the first that says no is the node's reason."""


class Pipeline:
    """All filters, for one task."""

    def __init__(self, task: Task) -> None:
        self._filters = [one for one in (make(task) for make in FILTERS) if one.asks()]

    def fits(self, info: NodeInfo, extra: int = 0) -> bool:
        """True if every filter passes."""
        return self._first_refusal(info, extra) is None

    def explain(self, nodes: Iterable[tuple[NodeInfo, int]]) -> str:
        """Why none of these (node, extra) is suitable, the most frequent reason first; "" if there are none."""
        refusals = Counter(
            index for info, extra in nodes if (index := self._first_refusal(info, extra)) is not None)
        in_order = sorted(refusals.items(), key=lambda item: (-item[1], item[0]))
        return "; ".join(self._filters[index].explain(count) for index, count in in_order)

    def refusals(self, info: NodeInfo) -> list[str]:
        """The names of all filters that say no to this node."""
        return [one.name for one in self._filters if not one.check(info, 0)]

    def _first_refusal(self, info: NodeInfo, extra: int) -> int | None:
        for index, one in enumerate(self._filters):
            if not one.check(info, extra):
                return index
        return None


def _nodes(count: int) -> str:
    return f"{count} node" if count == 1 else f"{count} nodes"
