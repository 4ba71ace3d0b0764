"""Owns what a manager tells a monitoring system of its swarm: counts by state, under SwarmKit's names. Pure.

Counterpart: swarmkit/manager/metrics/collector.go and swarmkit/node/node.go. Times of transactions are not measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from swarmkit_py.model.objects import Node, Task
from swarmkit_py.model.states import NodeState, TaskState


class Gauge(NamedTuple):
    """One family of figures. `values`: by the label's value; "" where the family has no label."""

    name: str
    help: str
    label: str
    values: dict[str, float]


class Swarm(NamedTuple):
    """What there is to count."""

    nodes: list[Node]
    tasks: list[Task]
    services: int
    networks: int
    secrets: int
    configs: int


def of_node(node_id: str, is_manager: bool) -> Iterator[Gauge]:
    """What any member of a swarm says of itself."""
    yield Gauge("swarm_node_info", "Information about this node", "node_id", {node_id: 1})
    yield Gauge("swarm_node_manager", "Whether this node is a manager", "", {"": float(is_manager)})


def of_swarm(swarm: Swarm) -> Iterator[Gauge]:
    """What a manager says of all."""
    states = _counted((node.status.state.value for node in swarm.nodes), (state.value for state in NodeState))
    yield Gauge("swarm_manager_nodes", "The number of nodes by state", "state", states)
    states = _counted((task.status.state.value for task in swarm.tasks), (state.value for state in TaskState))
    yield Gauge("swarm_manager_tasks_total", "The number of tasks by observed state", "state", states)
    for kind in ("services", "networks", "secrets", "configs"):
        count = float(getattr(swarm, kind))
        yield Gauge(f"swarm_manager_{kind}_total", f"The number of {kind} in the cluster", "", {"": count})
    yield Gauge("swarm_manager_leader", "Whether this manager leads", "", {"": 1.0})


def _counted(found: Iterable[str], possible: Iterable[str]) -> dict[str, float]:
    """Every possible state has a figure: a monitoring system must not mistake "none" for "unknown"."""
    counts = Counter(found)
    return {state: float(counts[state]) for state in possible}
