"""Owns moving tasks from crowded nodes to emptier ones, for services that ask for it: label swarmkit.rebalance=on.

Swarm never moves a task that runs: a node that comes back stays empty. This loop moves one task of a service at a
time, start-first: the new task runs before the old one is stopped. It acts only on a replicated service at rest, only
where the difference is worth it, and a few times a minute. `next_move` is pure, and what `lab why --rebalance` shows.
No counterpart (swarmkit issue 310).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from swarmkit_py.clock import Clock
from swarmkit_py.ids import Ids
from swarmkit_py.manager.orchestrator.slots import by_slot, is_replicated, kept, running, stop_state, wanted
from swarmkit_py.manager.scheduler.explain import survey
from swarmkit_py.manager.scheduler.nodeinfo import NodeInfo
from swarmkit_py.manager.scheduler.placement import TaskGroup, place
from swarmkit_py.manager.tasks import new_task
from swarmkit_py.model.objects import Node, Object, Service, Task
from swarmkit_py.model.states import TaskState, Writer
from swarmkit_py.store.memory import Store, Transaction
from swarmkit_py.store.watch import Change

LABEL = "swarmkit.rebalance"
PER_MINUTE_LABEL, THRESHOLD_LABEL = f"{LABEL}.per-minute", f"{LABEL}.threshold"
PER_MINUTE, THRESHOLD = 2, 2
"""Moves of a service a minute; tasks that the fullest node must have more than the one a task would go to."""
RHYTHM_SECONDS = 2.0
GIVE_UP_AFTER = timedelta(minutes=1)
"""A new task that does not run by then is withdrawn; the old one has gone on all the time."""
PAUSE_AFTER_FAILURE = timedelta(minutes=5)


@dataclass(frozen=True)
class Move:
    """Run `task` on another node. The counts are this service's tasks on each, before the move."""

    task: Task
    target: str
    count_here: int
    count_there: int


@dataclass(frozen=True)
class Rest:
    """Nothing to do for this service now, and why: a code, for whoever has words for it."""

    why: str


def is_on(service: Service) -> bool:
    return service.spec.labels.get(LABEL, "").lower() in ("on", "true", "1")


def next_move(service: Service, tasks: Sequence[Task], nodes: Sequence[NodeInfo], now: datetime) -> Move | Rest:
    """The one move that evens the service out most, or why there is none. `tasks`: the service's own."""
    hindrance = _hindrance(service, tasks, now)
    return Rest(hindrance) if hindrance else _best_move(service, tasks, nodes)


def all_moves(service: Service, tasks: Sequence[Task], nodes: Sequence[NodeInfo]) -> list[Move]:
    """What would be moved, one after the other, until the service is even. Changes `nodes`."""
    moves: list[Move] = []
    infos = {info.node.id: info for info in nodes}
    now = {task.id: task for task in tasks}
    while isinstance(move := _best_move(service, list(now.values()), nodes), Move) and len(moves) < len(tasks):
        moves.append(move)
        infos[move.task.node_id].drop(move.task.id)
        now[move.task.id] = replace(move.task, node_id=move.target)
        infos[move.target].put(now[move.task.id])
    return moves


def hindrance_of(service: Service, tasks: Sequence[Task]) -> str:
    """Why this service is not one to be moved at all, or not in this moment; "" if it is."""
    if not is_replicated(service):
        return "not replicated"
    if service.update_status is not None and service.update_status.state in ("updating", "rollback_started"):
        return "updating"
    container = service.spec.task_template.container_spec
    if container is not None and any(mount.type != "tmpfs" for mount in container.mounts or []):
        return "volumes"
    quiet = all(sum(map(wanted, members)) <= 1 and (not any(map(wanted, members)) or any(map(running, members)))
                for members in by_slot(kept(tasks)).values())
    return "" if quiet else "under way"


def _hindrance(service: Service, tasks: Sequence[Task], now: datetime) -> str:
    if (known := hindrance_of(service, tasks)) != "":
        return known
    moved = [task for task in tasks if task.moved_from]
    if any(task.status.state in (TaskState.FAILED, TaskState.REJECTED)
           and now - task.status.timestamp < PAUSE_AFTER_FAILURE for task in moved):
        return "failed"
    recent = sum(now - task.created_at < timedelta(minutes=1) for task in moved)
    return "enough for now" if recent >= _number(service, PER_MINUTE_LABEL, PER_MINUTE) else ""


def _best_move(service: Service, tasks: Sequence[Task], nodes: Sequence[NodeInfo]) -> Move | Rest:
    threshold = _number(service, THRESHOLD_LABEL, THRESHOLD)
    counts = {info.node.id: info.by_service.get(service.id, 0) for info in nodes}
    infos = {info.node.id: info for info in nodes}
    there = [task for task in tasks if running(task) and task.node_id in infos]
    # From the fullest node; there the newest task, which has the shortest past to lose.
    for task in sorted(there, key=lambda t: (-counts[t.node_id], -t.created_at.timestamp(), t.id)):
        target = _target(task, infos[task.node_id], nodes)
        if target and counts[task.node_id] - counts[target] >= threshold:
            return Move(task, target, counts[task.node_id], counts[target])
    return Rest("even")


def _target(task: Task, here: NodeInfo, nodes: Sequence[NodeInfo]) -> str:
    """Where the scheduler would put the task if it were placed now; "" if nowhere."""
    here.drop(task.id)
    try:
        waiting = replace(task, node_id="", status=replace(task.status, state=TaskState.PENDING))
        choice = place(TaskGroup([waiting]), nodes)[task.id]
    finally:
        here.put(task)
    return choice if isinstance(choice, str) and choice != task.node_id else ""


def _number(service: Service, label: str, otherwise: int) -> int:
    """A label's whole number from 1; what is none counts as not said."""
    text = service.spec.labels.get(label, "")
    return max(int(text), 1) if text.isascii() and text.isdigit() else otherwise


class Rebalancer:
    """The loop: looks at the services that ask for it, every two seconds; at nothing if there are none."""

    kinds: tuple[type[Object], ...] = (Service,)

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store, self._clock, self._ids = store, clock, ids
        self._services: set[str] = set()
        self._due = 0.0

    def look_at_everything(self) -> None:
        self._services = {service.id for service in self._store.all(Service) if is_on(service)}

    def notice(self, change: Change) -> None:
        service = change.object
        if change.new is not None and is_on(service):
            self._services.add(service.id)
        elif not any(task.moved_from and wanted(task) for task in self._store.find(Task, service_id=service.id)):
            self._services.discard(service.id)

    def tick(self) -> float | None:
        if not self._services:
            return None
        wait = self._due - self._clock.monotonic()
        if wait > 0:
            return wait
        self._due = self._clock.monotonic() + RHYTHM_SECONDS
        for service_id in sorted(self._services):
            self._look_at(service_id)
        return RHYTHM_SECONDS

    def _look_at(self, service_id: str) -> None:
        service = self._store.get(Service, service_id)
        if service is None:
            self._services.discard(service_id)
            return
        now, tasks = self._clock.now(), self._store.find(Task, service_id=service_id)
        finished = list(endings(tasks, now))
        if finished:
            self._store.update(lambda tx: _end(tx, finished), writer=Writer.ORCHESTRATOR)
        elif is_on(service):
            self._begin(service, tasks, now)
        elif not any(task.moved_from and wanted(task) for task in tasks):
            self._services.discard(service_id)

    def _begin(self, service: Service, tasks: list[Task], now: datetime) -> None:
        if _hindrance(service, tasks, now):
            return  # the survey of all tasks is only worth it for a service at rest
        move = next_move(service, tasks, survey(self._store.all(Node), self._store.all(Task)), now)
        if isinstance(move, Move):
            task = new_task(service, self._ids, now, slot=move.task.slot)
            self._store.update(lambda tx: tx.create(replace(task, moved_from=move.task.id)),
                               writer=Writer.ORCHESTRATOR)


def endings(tasks: Iterable[Task], now: datetime) -> Iterable[tuple[Task, TaskState]]:
    """The ends of moves under way: the old task stops when the new one runs; a new one that does not come up goes."""
    by_id = {task.id: task for task in tasks}
    for new in by_id.values():
        old = by_id.get(new.moved_from)
        if old is None or not (wanted(old) and wanted(new)):
            continue
        if new.status.state is TaskState.RUNNING:
            yield old, stop_state(old)
        elif not new.status.state.terminal and now - new.created_at >= GIVE_UP_AFTER:
            yield new, stop_state(new)


def _end(tx: Transaction, finished: Iterable[tuple[Task, TaskState]]) -> None:
    for task, state in finished:
        current = tx.get(Task, task.id)
        if current is not None and current.desired_state.rank < state.rank:
            tx.update(replace(current, desired_state=state))
