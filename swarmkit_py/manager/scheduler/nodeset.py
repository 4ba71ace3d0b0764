"""Owns the nodes as placement reads them: in the order that breaks ties, and found without asking each of them.

Kept up to date by the nodes themselves as tasks come and go, so that one task's place costs no walk over all nodes.
Counterpart: swarmkit/manager/scheduler/nodeset.go, which builds a tree from all nodes for each group of tasks.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from typing import overload

from swarmkit_py.manager.scheduler.nodeinfo import NodeInfo, Version

Ranked = tuple[int, NodeInfo]
"""A node with its place in the order given."""


class NodeSet(Sequence[NodeInfo]):
    """A sequence of nodes. `follow`: these nodes tell this set (and no other) of every change."""

    def __init__(self, nodes: Sequence[NodeInfo], *, follow: bool = False) -> None:
        self._nodes = list(nodes)
        self._rank = {info.node.id: rank for rank, info in enumerate(self._nodes)}
        self._by_total: dict[int, list[int]] = {}
        self._by_service: dict[str, set[int]] = {}
        self._by_failure: dict[Version, set[int]] = {}
        for rank, info in enumerate(self._nodes):
            self._by_total.setdefault(info.total, []).append(rank)
            for service_id in info.by_service:
                self._by_service.setdefault(service_id, set()).add(rank)
            for version in info.failures:
                self._by_failure.setdefault(version, set()).add(rank)
            if follow:
                info.follower = self

    @overload
    def __getitem__(self, index: int) -> NodeInfo: ...
    @overload
    def __getitem__(self, index: slice) -> list[NodeInfo]: ...
    def __getitem__(self, index: int | slice) -> NodeInfo | list[NodeInfo]:
        return self._nodes[index]

    def __len__(self) -> int:
        return len(self._nodes)

    def emptiest_first(self) -> Iterator[Ranked]:
        """All nodes, those with the fewest tasks first. The set must not change meanwhile."""
        for total in sorted(self._by_total):
            for rank in self._by_total[total]:
                yield rank, self._nodes[rank]

    def with_past(self, version: Version) -> list[Ranked]:
        """The nodes that have tasks of this service, or on which this version of it failed; in no order."""
        ranks = self._by_service.get(version[0], set()) | self._by_failure.get(version, set())
        return [(rank, self._nodes[rank]) for rank in ranks]

    def total_changed(self, info: NodeInfo, before: int) -> None:
        """The node has another number of tasks than `before`."""
        rank = self._rank[info.node.id]
        ranks = self._by_total[before]
        del ranks[bisect_left(ranks, rank)]
        if not ranks:
            del self._by_total[before]
        insort(self._by_total.setdefault(info.total, []), rank)

    def service_changed(self, info: NodeInfo, service_id: str, here: bool) -> None:
        """The node has got its first task of a service, or lost its last."""
        ranks = self._by_service.setdefault(service_id, set())
        if here:
            ranks.add(self._rank[info.node.id])
            return
        ranks.discard(self._rank[info.node.id])
        if not ranks:
            del self._by_service[service_id]

    def has_failed(self, info: NodeInfo, version: Version) -> None:
        """A task of this version failed on the node."""
        self._by_failure.setdefault(version, set()).add(self._rank[info.node.id])
