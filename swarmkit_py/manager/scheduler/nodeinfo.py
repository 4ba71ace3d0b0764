"""Owns what the scheduler knows of one node: the tasks on it, and what they count, reserve and occupy there.

Kept task by task as changes come, so that no pass has to walk all tasks. Counterpart:
swarmkit/manager/scheduler/nodeinfo.go.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterator
from typing import Protocol

from swarmkit_py.manager import defaults
from swarmkit_py.model import generic
from swarmkit_py.model.objects import Node, Task
from swarmkit_py.model.specs import Resources
from swarmkit_py.model.states import TaskState

_NOTHING = Resources()
HostPort = tuple[str, int]
Version = tuple[str, int]
"""(service id, spec index): tasks that are all alike."""


class Follower(Protocol):
    """Who keeps nodes in order, and must hear when their place in it changes."""

    def total_changed(self, info: NodeInfo, before: int) -> None: ...

    def service_changed(self, info: NodeInfo, service_id: str, here: bool) -> None: ...

    def has_failed(self, info: NodeInfo, version: Version) -> None: ...


class NodeInfo:
    """A node and its tasks. Read by placement; written by the loop only."""

    def __init__(self, node: Node, failures: dict[Version, deque[float]] | None = None) -> None:
        self.node = node
        self.follower: Follower | None = None
        self._tasks: dict[str, Task] = {}
        self.total = 0
        """Tasks that are meant to run here, of all services."""
        self.by_service: Counter[str] = Counter()
        self.reserved_nano_cpus = 0
        self.reserved_memory = 0
        self.host_ports: Counter[HostPort] = Counter()
        self.failures: dict[Version, deque[float]] = failures if failures is not None else {}
        """When tasks of a version failed here last (monotonic seconds)."""

    def put(self, task: Task) -> None:
        """The task is on this node now (or has changed there). Idempotent."""
        if not occupies(task):
            self.drop(task.id)
            return
        known = self._tasks.get(task.id)
        if known is not None and _counts_alike(known, task):
            self._tasks[task.id] = task
        else:
            self.reserve(task)

    def reserve(self, task: Task) -> None:
        """Count a task that is about to be on this node, whatever its state still is."""
        self.drop(task.id)
        self._tasks[task.id] = task
        self._count(task, +1)

    def tasks(self) -> Collection[Task]:
        """Those that are here."""
        return self._tasks.values()

    def drop(self, task_id: str) -> None:
        """The task is no longer on this node. Idempotent."""
        task = self._tasks.pop(task_id, None)
        if task is not None:
            self._count(task, -1)

    def free_nano_cpus(self) -> int:
        """Billionths of a CPU that no task has reserved."""
        return (self._resources().nano_cpus or 0) - self.reserved_nano_cpus

    def free_memory(self) -> int:
        """Bytes that no task has reserved."""
        return (self._resources().memory_bytes or 0) - self.reserved_memory

    def free_generic(self) -> generic.Amounts:
        """What no task has claimed of the node's generic resources."""
        claims = (task.assigned_generic_resources for task in self._tasks.values())
        return generic.left(self._resources().generic_resources, claims)

    def task_failed(self, version: Version, when: float) -> None:
        """A task of this version failed here at `when` (monotonic seconds)."""
        self.failures.setdefault(version, deque(maxlen=defaults.FAULTY_AFTER_FAILURES)).append(when)
        if self.follower is not None:
            self.follower.has_failed(self, version)

    def is_faulty(self, version: Version, now: float) -> bool:
        """True if this version failed here so often lately that other nodes should be tried first."""
        times = self.failures.get(version, ())
        recent = sum(1 for when in times if now - when <= defaults.FAULTY_WINDOW_SECONDS)
        return recent >= defaults.FAULTY_AFTER_FAILURES

    def _resources(self) -> Resources:
        return self.node.description.resources if self.node.description else Resources()

    def _count(self, task: Task, sign: int) -> None:
        reserved = reservations(task)
        self.reserved_nano_cpus += sign * (reserved.nano_cpus or 0)
        self.reserved_memory += sign * (reserved.memory_bytes or 0)
        for port in host_ports(task):
            self.host_ports[port] += sign
        if task.desired_state.rank <= TaskState.COMPLETE.rank:
            self._count_wanted(task.service_id, sign)

    def _count_wanted(self, service_id: str, sign: int) -> None:
        before, count = self.total, self.by_service.get(service_id, 0) + sign
        self.total += sign
        self.by_service[service_id] = count
        if not count:
            del self.by_service[service_id]
        if self.follower is not None:
            self.follower.total_changed(self, before)
            if not count or (count == 1 and sign == 1):
                self.follower.service_changed(self, service_id, here=bool(count))


def _counts_alike(one: Task, other: Task) -> bool:
    """True if both stand for the same room: a task that only climbed its states."""
    return (one.spec is other.spec and one.endpoint is other.endpoint and one.desired_state is other.desired_state
            and one.assigned_generic_resources is other.assigned_generic_resources)


def occupies(task: Task) -> bool:
    """True if the task is on its node: assigned, and its end not yet observed."""
    return TaskState.ASSIGNED.rank <= task.status.state.rank <= TaskState.RUNNING.rank


def reservations(task: Task) -> Resources:
    """What the task reserves; empty if it reserves nothing."""
    asked = task.spec.resources
    return asked.reservations if asked and asked.reservations else _NOTHING


def host_ports(task: Task) -> Iterator[HostPort]:
    """The numbers it needs for itself on its node (a host port without a number is chosen there)."""
    for port in (task.endpoint.ports if task.endpoint else None) or []:
        if port.publish_mode == "host" and port.published_port:
            yield port.protocol or "tcp", port.published_port
