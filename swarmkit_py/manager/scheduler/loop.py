"""Owns what the scheduler writes: the node that placement chose for a task, or the reason why it has none.

The only writer of `task.node_id` (global tasks are born with theirs), of the steps PENDING → ASSIGNED and
PENDING → SHUTDOWN, and of the reason that a PENDING task shows. When to act is `rhythm`'s, what is known `view`'s,
the choice `placement`'s. Counterpart: swarmkit/manager/scheduler/scheduler.go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from swarmkit_py.clock import Clock
from swarmkit_py.manager import defaults
from swarmkit_py.manager.loop import follow
from swarmkit_py.manager.scheduler import placement
from swarmkit_py.manager.scheduler.nodeinfo import NodeInfo, reservations
from swarmkit_py.manager.scheduler.placement import TaskGroup, Unplaced
from swarmkit_py.manager.scheduler.rhythm import Rhythm
from swarmkit_py.manager.scheduler.view import View
from swarmkit_py.model import generic
from swarmkit_py.model.objects import Node, Object, Task
from swarmkit_py.model.states import TaskState, Writer
from swarmkit_py.store.memory import Store, Transaction
from swarmkit_py.store.watch import Change

Decision = str | Unplaced
Place = Callable[[TaskGroup, Sequence[NodeInfo]], "dict[str, Decision]"]


def _by_age(info: NodeInfo) -> tuple[object, ...]:
    return info.node.created_at, info.node.id


class Scheduler:
    """`run` until cancelled. `place` is the seam for another placement; `order` is a sort key: it breaks ties."""

    kinds: tuple[type[Object], ...] = (Node, Task)

    def __init__(
        self, store: Store, clock: Clock, place: Place = placement.place,
        order: Callable[[NodeInfo], tuple[object, ...]] = _by_age,
    ) -> None:
        self._store = store
        self._clock = clock
        self._place = place
        self._view = View(store, clock.monotonic, order)
        self._rhythm = Rhythm()
        self._waiting: deque[list[str]] = deque()
        """Ids of tasks that this pass has not come to yet; tasks of one list are alike."""
        self._claims: dict[str, generic.Specs] = {}
        """What was decided to give to tasks of their nodes' generic resources, until it is written."""

    async def run(self) -> None:
        """The loop; ends only by cancellation or an error."""
        await follow(self, self._store, self._clock)

    def look_at_everything(self) -> None:
        """Start again from the tables."""
        self._waiting.clear()
        self._view.rebuild()
        self._rhythm.news(self._clock.monotonic())

    def notice(self, change: Change) -> None:
        """Follow one change; a pass is due if it may let a task be placed."""
        follow_it = self._view.follow_node if change.kind is Node else self._view.follow_task
        if follow_it(change.old, change.new):
            self._rhythm.news(self._clock.monotonic())

    def tick(self) -> float | None:
        """A piece of a pass, if one is due or under way: others get their turn between two pieces."""
        if not self._waiting:
            wait = self._rhythm.wait(self._clock.monotonic()) if self._view.pending else None
            if wait is None or wait > 0:
                return wait
            self._waiting.extend(self._begin_pass())
            self._rhythm.passed(self._clock.monotonic())
        self._write_all(self._decide_some())
        return 0 if self._waiting else self._rhythm.wait(self._clock.monotonic())

    def _begin_pass(self) -> Iterator[list[str]]:
        """The tasks that wait: those made for one node, then group by group, in pieces of a transaction's size."""
        preassigned: list[str] = []
        groups: dict[tuple[object, ...], list[str]] = {}
        for task_id in self._view.pending:
            task = self._store.get(Task, task_id)
            if task is None:
                continue
            if task.node_id or _given_up(task):
                preassigned.append(task_id)
            else:
                alone = () if task.service_id else (task_id,)
                groups.setdefault((task.service_id, task.spec_index, *alone), []).append(task_id)
        yield from ([one] for one in preassigned)
        # Each piece of a large group looks anew at the nodes that have tasks of it: few pieces where nodes are many.
        piece = max(defaults.BATCH, len(self._view.nodes) // 2)
        for group in groups.values():
            for start in range(0, len(group), piece):
                yield group[start:start + piece]

    def _decide_some(self) -> list[tuple[str, Decision]]:
        """For the next tasks that wait, as many as one transaction takes. Their room is taken at once."""
        decided: list[tuple[str, Decision]] = []
        while self._waiting and (not decided or len(decided) + len(self._waiting[0]) <= defaults.BATCH):
            found = (self._store.get(Task, task_id) for task_id in self._waiting.popleft())
            tasks = [task for task in found if task is not None and task.status.state is TaskState.PENDING]
            if len(tasks) == 1 and (tasks[0].node_id or _given_up(tasks[0])):
                decided.append((tasks[0].id, self._check(tasks[0])))
            elif tasks:
                decided += self._decide_group([task for task in tasks if not task.node_id])
        return decided

    def _decide_group(self, tasks: list[Task]) -> list[tuple[str, Decision]]:
        if not tasks:
            return []
        chosen = self._place(TaskGroup(tasks, self._clock.monotonic()), self._view.in_order())
        return [(task.id, self._reserved(task, chosen.get(task.id))) for task in tasks]

    def _check(self, task: Task) -> Decision:
        info = self._view.nodes.get(task.node_id)
        if info is None:
            return placement.no_suitable_node("")
        if task.attached:
            return task.node_id  # its container is there, whatever the node is open for
        return placement.check_preassigned(task, info) or self._reserved(task, task.node_id)

    def _reserved(self, task: Task, decision: Decision | None) -> Decision:
        """The decision; its room is taken at once, so that the next group sees it. Placement may be a student's."""
        if isinstance(decision, Unplaced):
            return decision
        info = self._view.nodes.get(decision or "")
        if info is None:
            return Unplaced(f"the placement chose {decision!r}, which is no node of this swarm")
        wanted = generic.asked(reservations(task).generic_resources)
        if wanted:
            claim = self._claims[task.id] = generic.claim(wanted, info.free_generic())
            task = replace(task, assigned_generic_resources=claim)
        info.reserve(task)
        return info.node.id

    def _write_all(self, decided: list[tuple[str, Decision]]) -> None:
        written = self._store.update(
            lambda tx: {task_id for task_id, decision in decided if self._write(tx, task_id, decision)},
            writer=Writer.SCHEDULER)
        self._claims.clear()
        for task_id, decision in decided:
            if isinstance(decision, str) and task_id not in written and decision in self._view.nodes:
                self._view.nodes[decision].drop(task_id)

    def _write(self, tx: Transaction, task_id: str, decision: Decision) -> bool:
        """Carry out one decision if the task still waits; True if it has its node now."""
        task = tx.get(Task, task_id)
        if task is None or task.status.state is not TaskState.PENDING:
            return False
        if task.desired_state is TaskState.REMOVE:
            return False  # the reaper deletes what was never placed
        if _given_up(task):
            self._move(tx, task, TaskState.SHUTDOWN, "shut down before it was assigned to a node")
            return False
        if isinstance(decision, Unplaced):
            if task.status.err != decision.why:
                tx.update(replace(task, status=replace(task.status, err=decision.why)))
            return False
        if tx.get(Node, decision) is None:
            return False
        message = ("scheduler confirmed task can run on preassigned node" if task.node_id
                   else "scheduler assigned task to node")
        claim = self._claims.pop(task_id, None)
        self._move(tx, replace(task, node_id=decision, assigned_generic_resources=claim), TaskState.ASSIGNED, message)
        return True

    def _move(self, tx: Transaction, task: Task, state: TaskState, message: str) -> None:
        status = replace(task.status, state=state, timestamp=self._clock.now(), message=message, err="")
        tx.update(replace(task, status=status))


def _given_up(task: Task) -> bool:
    """True for a task that is to end before it was placed."""
    return task.desired_state.rank >= TaskState.SHUTDOWN.rank
