"""Measures the scheduler alone: nodes and tasks in a store without journal, until every task has its node.

Measured is what SwarmKit's own benchmark measures: taking in the tables, placing, and committing each placement to
the store in memory, told to one watcher. No Raft there, no journal here, no sockets and no containers in either.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from datetime import datetime, timezone

from labs.kit.bench.results import Result
from swarmkit_py.clock import Clock
from swarmkit_py.errors import Internal
from swarmkit_py.manager.scheduler.loop import Scheduler
from swarmkit_py.model.objects import Node, NodeDescription, NodeStatus, Task, TaskStatus
from swarmkit_py.model.specs import ContainerSpec, NodeSpec, Platform, Resources, TaskSpec
from swarmkit_py.model.states import NodeState, TaskState
from swarmkit_py.store.memory import Store, Transaction

Shape = tuple[int, int]
"""(nodes, tasks)."""
SWARMKIT: dict[str, dict[Shape, float | None]] = {
    "single": {(1_000, 1_000): 0.163, (1_000, 10_000): 1.76, (1_000, 100_000): 22.9, (5_000, 100_000): 117.0,
               (100_000, 1_000): 37.0},
    "replicas": {(1_000, 1_000): 0.087, (1_000, 10_000): 0.55, (1_000, 100_000): 8.4, (5_000, 100_000): 7.3,
                 (100_000, 1_000): None},
}
"""Seconds of SwarmKit's scheduler (Go, no Raft) on a machine like the one this was written on."""
CASES = [(shape, kind) for kind, shapes in SWARMKIT.items() for shape in shapes]
WORDS = {"single": "services of one replica", "replicas": "replicas of one service"}
AGAINST = "SwarmKit's scheduler (Go, no Raft)"
BATCH = 1_000


class StopWatch(Clock):
    """A clock without an event loop."""

    def now(self) -> datetime:
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        raise Internal("nothing sleeps in this measurement")


def measure(shape: Shape, kind: str) -> Result:
    """One shape. The scheduler is one thread, so its CPU time is what one waits on an idle machine."""
    nodes, tasks = shape
    what = f"{nodes} nodes, {tasks} {WORDS[kind]}"
    reference = SWARMKIT[kind][shape]
    return Result("scheduler", what, place_all(nodes, tasks, kind), "s", reference, AGAINST if reference else "")


def place_all(nodes: int, tasks: int, kind: str) -> float:
    """Seconds of CPU until every task has a node. Raises Internal if they are not spread evenly."""
    store = _filled(nodes, tasks, kind)
    gc.collect()
    started = time.process_time()
    _schedule(store)
    seconds = time.process_time() - started
    _check(store, nodes, tasks)
    return seconds


def _schedule(store: Store) -> None:
    """The scheduler's loop without asyncio: read, place a piece, write it, hear of it."""
    scheduler = Scheduler(store, StopWatch())
    watch = store.watch(*scheduler.kinds)
    scheduler.look_at_everything()
    while scheduler.tick() == 0:
        for change in watch.take():
            scheduler.notice(change)


def _filled(nodes: int, tasks: int, kind: str) -> Store:
    store = Store(StopWatch())
    spec = TaskSpec(container_spec=ContainerSpec(image="nginx"))
    _create(store, [_node(number) for number in range(nodes)])
    _create(store, [_task(spec, number, kind) for number in range(tasks)])
    return store


def _create(store: Store, objects: Sequence[Node | Task]) -> None:
    for start in range(0, len(objects), BATCH):
        piece = objects[start:start + BATCH]

        def change(tx: Transaction, piece: Sequence[Node | Task] = piece) -> None:
            for obj in piece:
                tx.create(obj)

        store.update(change)


def _node(number: int) -> Node:
    resources = Resources(nano_cpus=16_000_000_000, memory_bytes=64 << 30)
    description = NodeDescription(hostname=f"n{number}", platform=Platform(os="linux", architecture="x86_64"),
                                  resources=resources)
    return Node(id=f"node{number:06d}", spec=NodeSpec(), description=description,
                status=NodeStatus(state=NodeState.READY, addr="10.7.0.1"))


def _task(spec: TaskSpec, number: int, kind: str) -> Task:
    service = number if kind == "single" else 0
    return Task(id=f"task{number:06d}", spec=spec, service_id=f"service{service}", service_name=f"s{service}",
                slot=1 if kind == "single" else number + 1, status=TaskStatus(state=TaskState.PENDING))


def _check(store: Store, nodes: int, tasks: int) -> None:
    counts: dict[str, int] = {}
    for task in store.all(Task):
        if task.status.state is not TaskState.ASSIGNED:
            raise Internal(f"{task.id} was not placed: {task.status.err}")
        counts[task.node_id] = counts.get(task.node_id, 0) + 1
    most, least = max(counts.values()), min(counts.values()) if len(counts) == nodes else 0
    if most - least > 1:
        raise Internal(f"tasks are not spread evenly: {least} to {most} a node")
