"""Owns the shape of a decision about one service's tasks: what to make, what to wish for. Pure, but for `carry_out`.

A plan is carried out in the same breath as it was made (a store transaction is a plain function, nothing can
interleave), so nothing in it can be stale. What is too much for one transaction is planned again afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from swarmkit_py.ids import Ids
from swarmkit_py.manager.defaults import BATCH
from swarmkit_py.manager.orchestrator.slots import SlotKey, on_a_node
from swarmkit_py.manager.tasks import new_task
from swarmkit_py.model.objects import Service, Task
from swarmkit_py.model.states import TaskState
from swarmkit_py.store.memory import Transaction


class NewTask(NamedTuple):
    """A task to make in a slot; `desired` READY: prepare it, do not start it yet. `replaces`: the task of an older
    spec that it is to follow ("": none, it only fills the slot)."""

    slot: SlotKey
    desired: TaskState
    replaces: str = ""


class Step(NamedTuple):
    """Changes that only make sense together: a task's new desired state, and its successor."""

    task_id: str = ""
    desired: TaskState = TaskState.RUNNING
    successor: NewTask | None = None


@dataclass
class Plan:
    """Steps in order, and when to look again even if nothing happens."""

    steps: list[Step] = field(default_factory=list)
    wake_at: datetime | None = None

    def wish(self, task: Task, state: TaskState, successor: NewTask | None = None) -> None:
        """Raise the task's desired state (it never falls), making its successor with it."""
        if state.rank > task.desired_state.rank or successor is not None:
            self.steps.append(Step(task.id, state, successor))

    def fill(self, slot: SlotKey, members: list[Task]) -> None:
        """Make a task for a slot that has none to run; held back while an old one may still be stopping there."""
        held = any(on_a_node(task) and task.desired_state is not TaskState.REMOVE for task in members)
        self.steps.append(Step(successor=NewTask(slot, TaskState.READY if held else TaskState.RUNNING)))

    def wake_by(self, when: datetime) -> None:
        """Look again at `when`, or earlier if something else asked for that."""
        self.wake_at = when if self.wake_at is None else min(when, self.wake_at)


def carry_out(tx: Transaction, plan: Plan, service: Service | None, ids: Ids, now: datetime) -> bool:
    """Write the plan's first BATCH steps. True if that was all; if not, plan again."""
    for step in plan.steps[:BATCH]:
        task = tx.get(Task, step.task_id) if step.task_id else None
        if task is not None:
            tx.update(replace(task, desired_state=step.desired))
        if step.successor is not None and service is not None:
            tx.create(make(service, step.successor, ids, now))
    return len(plan.steps) <= BATCH


def make(service: Service, new: NewTask, ids: Ids, now: datetime) -> Task:
    """The task that a NewTask stands for."""
    slot, node_id = (new.slot, "") if isinstance(new.slot, int) else (0, new.slot)
    return new_task(service, ids, now, slot=slot, node_id=node_id, desired=new.desired, replaces=new.replaces)
