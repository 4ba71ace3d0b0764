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
from swarmkit_py.model.objects import Task


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
    """Task id → node id or Unplaced, for each task of the group. `nodes` are not changed; their order breaks ties."""
    first = group.tasks[0]
    pipeline = Pipeline(first)
    extra = dict.fromkeys((info.node.id for info in nodes), 0)
    tree = _Branch(group, pipeline, extra, list(enumerate(nodes)), _descriptors(first))
    result: dict[str, str | Unplaced] = {}
    why = None
    for task in group.tasks:
        info = tree.take()
        if info is None:
            why = why or no_suitable_node(pipeline.explain((n, extra[n.node.id]) for n in nodes))
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


_Ranked = list[tuple[int, NodeInfo]]
"""Nodes with their place in the order given."""


class _Leaf:
    """Nodes that no preference tells apart: a heap of those that pass the filters, best first."""

    def __init__(self, group: TaskGroup, pipeline: Pipeline, extra: dict[str, int], nodes: _Ranked) -> None:
        self._group, self._pipeline, self._extra = group, pipeline, extra
        self._heap = [self._key(rank, info) for rank, info in nodes if pipeline.fits(info)]
        self._nodes = dict(nodes)
        heapq.heapify(self._heap)

    def take(self) -> NodeInfo | None:
        """The best node, counted as having one task more; None if no node fits another one."""
        while self._heap:
            rank = self._heap[0][-1]
            info = self._nodes[rank]
            if not self._pipeline.fits(info, self._extra[info.node.id]):
                heapq.heappop(self._heap)
                continue
            self._extra[info.node.id] += 1
            heapq.heapreplace(self._heap, self._key(rank, info))
            return info
        return None

    def _key(self, rank: int, info: NodeInfo) -> tuple[bool, int, int, int]:
        task, extra = self._group.tasks[0], self._extra[info.node.id]
        faulty = info.is_faulty((task.service_id, task.spec_index), self._group.now)
        return faulty, info.by_service.get(task.service_id, 0) + extra, info.total + extra, rank


class _Branch:
    """Nodes split by a label's value; each `take` goes to the child that has the fewest tasks of the service."""

    def __init__(
        self, group: TaskGroup, pipeline: Pipeline, extra: dict[str, int], nodes: _Ranked, descriptors: list[str],
    ) -> None:
        by_value: dict[str, _Ranked] = {}
        for rank, info in nodes:
            value = constraints.spread_value(descriptors[0], info.node) if descriptors else ""
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
