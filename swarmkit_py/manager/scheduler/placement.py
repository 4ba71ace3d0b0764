"""Owns the choice of nodes: tasks in, node ids or reasons out. Pure, and the part a student may replace.

The rule: the node with the fewest tasks of this service, then with the fewest tasks in all, then the first in the
order given; nodes on which this version keeps failing come last. Spread preferences come before all that, as a
tree of label values whose branches get equally many. Counterpart: nodeLess, nodeset.go and
scheduleNTasksOnSubtree in swarmkit/manager/scheduler.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from swarmkit_py.manager import constraints
from swarmkit_py.manager.scheduler.filters import Pipeline
from swarmkit_py.manager.scheduler.nodeinfo import NodeInfo
from swarmkit_py.manager.scheduler.nodeset import NodeSet, Ranked
from swarmkit_py.model.objects import Task

_Key = tuple[bool, int, int, int]
"""What is compared, the least first: faulty, tasks of this service, tasks in all, place in the order given."""


@dataclass(frozen=True)
class TaskGroup:
    """Tasks of one service and spec version: alike in everything but their slot. `now`: monotonic seconds."""

    tasks: Sequence[Task]
    now: float = 0.0


@dataclass(frozen=True)
class Unplaced:
    """No node; `why` is what `docker service ps` shows."""

    why: str


def place(group: TaskGroup, nodes: Sequence[NodeInfo]) -> dict[str, str | Unplaced]:
    """Task id → node id or Unplaced, for each task of the group. `nodes` are not changed; their order breaks ties.

    A NodeSet is placed on without a look at each node; any other sequence is made one first."""
    first = group.tasks[0]
    pipeline = Pipeline(first)
    extra: dict[str, int] = {}
    descriptors = _descriptors(first)
    source: _Branch | _Emptiest = (
        _Branch(group, pipeline, extra, list(enumerate(nodes)), descriptors) if descriptors
        else _Emptiest(group, pipeline, extra, nodes if isinstance(nodes, NodeSet) else NodeSet(nodes)))
    result: dict[str, str | Unplaced] = {}
    why = None
    for task in group.tasks:
        info = source.take() if why is None else None
        if info is None:
            why = why or no_suitable_node(pipeline.explain((n, extra.get(n.node.id, 0)) for n in nodes))
            result[task.id] = why
        else:
            result[task.id] = info.node.id
    return result


def check_preassigned(task: Task, info: NodeInfo) -> Unplaced | None:
    """Why a task that was made for one node (global services) cannot run there now; None if it can."""
    pipeline = Pipeline(task)
    return None if pipeline.fits(info) else Unplaced(pipeline.explain([(info, 0)]))


def no_suitable_node(explanation: str) -> Unplaced:
    """The reason in SwarmKit's words; without explanation there is no node at all."""
    return Unplaced(f"no suitable node ({explanation})" if explanation else "no suitable node")


def _descriptors(task: Task) -> list[str]:
    preferences = (task.spec.placement.preferences if task.spec.placement else None) or []
    return [preference.spread.spread_descriptor for preference in preferences if preference.spread]


class _Leaf:
    """Nodes that no preference tells apart: a heap, best first. A node is asked whether it fits when it is on top."""

    def __init__(self, group: TaskGroup, pipeline: Pipeline, extra: dict[str, int], nodes: list[Ranked]) -> None:
        self._pipeline, self._extra, self._now = pipeline, extra, group.now
        self._version = group.tasks[0].service_id, group.tasks[0].spec_index
        self._nodes = dict(nodes)
        self._heap = [self._key(rank, info, extra.get(info.node.id, 0)) for rank, info in nodes]
        heapq.heapify(self._heap)

    def best(self) -> _Key | None:
        """The key of the node that `take` would give, if it fits; None if there is none."""
        return self._heap[0] if self._heap else None

    def take(self) -> NodeInfo | None:
        """The best node, counted as having one task more; None if no node fits another one."""
        while self._heap:
            if (info := self.take_top()) is not None:
                return info
        return None

    def take_top(self) -> NodeInfo | None:
        """The node on top, if it fits; if not, it is dropped."""
        rank = self._heap[0][-1]
        info = self._nodes[rank]
        extra = self._extra.get(info.node.id, 0)
        if not self._pipeline.fits(info, extra):
            heapq.heappop(self._heap)
            return None
        self._extra[info.node.id] = extra + 1
        heapq.heapreplace(self._heap, self._key(rank, info, extra + 1))
        return info

    def add(self, rank: int, info: NodeInfo) -> None:
        """One more node, to be on top at its turn."""
        self._nodes[rank] = info
        heapq.heappush(self._heap, self._key(rank, info, self._extra.get(info.node.id, 0)))

    def _key(self, rank: int, info: NodeInfo, extra: int) -> _Key:
        faulty = bool(info.failures) and info.is_faulty(self._version, self._now)
        return faulty, info.by_service.get(self._version[0], 0) + extra, info.total + extra, rank


class _Emptiest:
    """All nodes, best first, most unseen: those without a past with this service come emptiest first, and only
    as far as they are needed."""

    def __init__(self, group: TaskGroup, pipeline: Pipeline, extra: dict[str, int], nodes: NodeSet) -> None:
        past = nodes.with_past((group.tasks[0].service_id, group.tasks[0].spec_index))
        self._pipeline, self._extra = pipeline, extra
        self._known = _Leaf(group, pipeline, extra, past)
        known = {rank for rank, _ in past}
        self._fresh = (pair for pair in nodes.emptiest_first() if pair[0] not in known)
        self._next = next(self._fresh, None)

    def take(self) -> NodeInfo | None:
        """As `_Leaf.take`."""
        while (best := self._known.best()) is not None or self._next is not None:
            if self._next is None or (best is not None and best < (False, 0, self._next[1].total, self._next[0])):
                info = self._known.take_top()
            else:
                info = self._take_fresh(*self._next)
            if info is not None:
                return info
        return None

    def _take_fresh(self, rank: int, info: NodeInfo) -> NodeInfo | None:
        self._next = next(self._fresh, None)
        if not self._pipeline.fits(info):
            return None
        self._extra[info.node.id] = 1
        self._known.add(rank, info)
        return info


class _Branch:
    """Nodes split by a label's value; each `take` goes to the child that has the fewest tasks of the service."""

    def __init__(
        self, group: TaskGroup, pipeline: Pipeline, extra: dict[str, int], nodes: list[Ranked],
        descriptors: list[str],
    ) -> None:
        by_value: dict[str, list[Ranked]] = {}
        for rank, info in nodes:
            value = constraints.spread_value(descriptors[0], info.node)
            by_value.setdefault(value, []).append((rank, info))
        service_id = group.tasks[0].service_id
        self._children: list[tuple[int, int, _Leaf | _Branch]] = []
        for order, ranked in enumerate(by_value.values()):
            count = sum(info.by_service.get(service_id, 0) for _, info in ranked)
            child = (_Branch(group, pipeline, extra, ranked, descriptors[1:]) if descriptors[1:]
                     else _Leaf(group, pipeline, extra, ranked))
            self._children.append((count, order, child))
        heapq.heapify(self._children)

    def take(self) -> NodeInfo | None:
        """As `_Leaf.take`."""
        while self._children:
            count, order, child = self._children[0]
            info = child.take()
            if info is None:
                heapq.heappop(self._children)
                continue
            heapq.heapreplace(self._children, (count + 1, order, child))
            return info
        return None
