"""Owns the end of tasks: which may be deleted now, and the loop that deletes them.

A task goes when it has ended and is wanted no more (desired REMOVE), when it was wanted no more before it reached a
node, or when its slot keeps more history than the cluster's limit. It never goes while a container of it may run.
Counterpart: swarmkit/manager/orchestrator/taskreaper/task_reaper.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from swarmkit_py.clock import Clock
from swarmkit_py.manager.defaults import BATCH, TASK_HISTORY_LIMIT
from swarmkit_py.manager.loop import follow
from swarmkit_py.manager.orchestrator.progress import ROLLBACK_STARTED, UPDATING
from swarmkit_py.manager.orchestrator.restart import policy_of
from swarmkit_py.manager.orchestrator.slots import by_slot, kept, on_a_node, wanted
from swarmkit_py.model.objects import Cluster, Object, Service, Task
from swarmkit_py.model.states import TaskState, Writer
from swarmkit_py.store.memory import Store, Transaction
from swarmkit_py.store.watch import Change

UNDER_WAY = (UPDATING, ROLLBACK_STARTED)
RHYTHM_SECONDS = 0.25
"""From the first mark to the sweep: what ends together is deleted together."""
MANY = 1000
"""So many marks are swept at once."""


def reapable(tasks: Iterable[Task], limit: int, updating: bool = False) -> list[str]:
    """Ids of one service's tasks that may be deleted; `limit` tasks a slot are kept (negative: all). The places of
    containers of one's own on networks are no service's, and have no history. `updating`: the first task of a slot's
    newest spec stays, since the delay of the update counts from when that one came up."""
    tasks = list(tasks)
    over = [task.id for task in tasks if task.attached and task.status.state.terminal]
    tasks = [task for task in tasks if not task.attached]
    doomed = [task.id for task in tasks if task.desired_state is TaskState.REMOVE and not on_a_node(task)]
    doomed += over
    for members in by_slot(kept(tasks)).values():
        doomed += (task.id for task in surplus_history(members, limit, updating))
    return doomed


def surplus_history(slot: list[Task], limit: int, updating: bool = False) -> list[Task]:
    """The oldest ended tasks that make the slot (oldest first) longer than its limit."""
    keep = history_limit(slot[-1], limit)
    if keep < 0:
        return []
    first = [task for task in slot if updating and task.replaces and task.spec_index == slot[-1].spec_index][-1:]
    ended = [task for task in slot if task.status.state.terminal and not wanted(task) and task not in first]
    return ended[: max(len(slot) - keep, 0)]


def history_limit(newest: Task, limit: int) -> int:
    """The cluster's limit; with `max attempts`, all of them and the first, since they are the count of attempts."""
    attempts = policy_of(newest).max_attempts
    return attempts + 1 if attempts else limit


class TaskReaper:
    """Deletes tasks nobody needs. `run()` until cancelled."""

    kinds: tuple[type[Object], ...] = (Task, Cluster, Service)

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._dirty: dict[str, None] = {}
        self._marks = 0
        self._sweep_at: float | None = None

    async def run(self) -> None:
        await follow(self, self._store, self._clock)

    def look_at_everything(self) -> None:
        for task in self._store.all(Task):
            self._mark(task.service_id)

    def notice(self, change: Change) -> None:
        if change.kind is Cluster:
            self.look_at_everything()
        elif change.kind is Service:
            if _update_ended(change):
                self._mark(change.object.id)
        elif change.new is not None and _matters(change):
            self._mark(change.new.service_id)

    def tick(self) -> float | None:
        """A sweep, if it is time for one."""
        if self._sweep_at is None:
            return None
        left = self._sweep_at - self._clock.monotonic()
        if left > 0 and self._marks < MANY:
            return left
        return 0 if self._sweep() else None

    def _mark(self, service_id: str) -> None:
        self._dirty[service_id] = None
        self._marks += 1
        if self._sweep_at is None:
            self._sweep_at = self._clock.monotonic() + RHYTHM_SECONDS

    def _sweep(self) -> bool:
        """Delete one batch; True if there is more."""
        limit = self._limit()
        doomed: list[str] = []
        while self._dirty and len(doomed) < BATCH:
            service_id = next(iter(self._dirty))
            doomed += reapable(self._store.find(Task, service_id=service_id), limit, self._updates(service_id))
            if len(doomed) <= BATCH:
                del self._dirty[service_id]
        self._delete(doomed[:BATCH])
        if not self._dirty:
            self._marks, self._sweep_at = 0, None
        return bool(self._dirty)

    def _updates(self, service_id: str) -> bool:
        service = self._store.get(Service, service_id)
        status = service.update_status if service else None
        return status is not None and status.state in UNDER_WAY

    def _delete(self, ids: list[str]) -> None:
        if ids:
            self._store.update(lambda tx: _delete_all(tx, ids), writer=Writer.REAPER)

    def _limit(self) -> int:
        cluster = next(iter(self._store.all(Cluster)), None)
        said = cluster.spec.orchestration.task_history_retention_limit if cluster else None
        return TASK_HISTORY_LIMIT if said is None else said


def _delete_all(tx: Transaction, ids: list[str]) -> None:
    for task_id in ids:
        tx.delete(Task, task_id)


def _update_ended(change: Change) -> bool:
    """Then what was kept for it may go."""
    old, new = change.old, change.new
    status = old.update_status if old is not None and new is not None else None
    return status is not None and status.state in UNDER_WAY and new.update_status != status


def _matters(change: Change) -> bool:
    """A slot grew, or a task in it came to its end."""
    old, new = change.old, change.new
    if old is None or old.desired_state is not new.desired_state:
        return True
    return bool(new.status.state.terminal and not old.status.state.terminal)
