"""Owns the step of a rolling update: given a service and its tasks now, what to change next. Pure, and replaceable.

All it knows is in the objects: a task of a new spec names the one it replaces, its status says how long it held,
and `Service.update_status` says how far the update is. So a manager that starts again goes on where the last one
stopped (SwarmKit counts in memory, and begins anew). Whether a replacement may start yet, and what follows one that
fails, is the restart supervisor's. Counterpart: swarmkit/manager/orchestrator/update/updater.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from swarmkit_py.manager.orchestrator.nodes import Nodes
from swarmkit_py.manager.orchestrator.plan import NewTask, Plan, Step
from swarmkit_py.manager.orchestrator.progress import (
    COMPLETED,
    PAUSED,
    ROLLBACK_COMPLETED,
    ROLLBACK_PAUSED,
    ROLLBACK_STARTED,
    UPDATING,
    Slot,
    UpdatePolicy,
    deadline,
    failed,
    is_late,
    policy_of,
    survey,
)
from swarmkit_py.manager.orchestrator.slots import all_but_the_furthest, running, stop_state
from swarmkit_py.model.objects import Service, Task, UpdateStatus
from swarmkit_py.model.states import TaskState


@dataclass
class UpdatePlan(Plan):
    """A plan, and what becomes of the update itself."""

    status: UpdateStatus | None = None
    """The service's new update status; None: as it is."""
    roll_back: bool = False
    """Take the previous spec back, with `status`."""


UpdateStep = Callable[[Service, Iterable[Task], Nodes, datetime], UpdatePlan]
"""The seam: decides all of an update. The loop calls it after each change, and at its `wake_at`."""


def step(service: Service, tasks: Iterable[Task], nodes: Nodes, now: datetime) -> UpdatePlan:
    """What to change so that every task becomes one of the service's current spec, by its update policy."""
    plan = UpdatePlan()
    policy = policy_of(service)
    slots = survey(service, tasks, nodes, policy, now)
    status = service.update_status
    _end_pairs(plan, slots)
    if status is not None and status.state in (PAUSED, ROLLBACK_PAUSED):
        return plan
    start = status.started_at if status else None
    todo = [slot for slot in slots if slot.dirty and not _attempted(slot, policy, start)]
    if status is None and any(slot.dirty for slot in slots):
        plan.status = UpdateStatus(state=UPDATING, started_at=now, message="update in progress")
    elif status is not None and status.state in (UPDATING, ROLLBACK_STARTED):
        if _failure_stops(plan, service, status, policy, slots, now):
            return plan
        _report(plan, status, policy, slots, bool(todo), now)
    _begin(plan, policy, slots, todo, now)
    return plan


def _end_pairs(plan: Plan, slots: list[Slot]) -> None:
    """Start-first: where the new task runs, the old one may go. Where a rollback has made the old one right again,
    one of the two is enough."""
    for slot in slots:
        superfluous = all_but_the_furthest(slot.new) if slot.new else []
        if any(map(running, slot.new)):
            superfluous += slot.old
        for task in superfluous:
            plan.wish(task, stop_state(task))


def _attempted(slot: Slot, policy: UpdatePolicy, start: datetime | None) -> bool:
    """True if the slot has had its turn, though an old task still runs there: beside a new one, or after one that
    did not come up (start-first)."""
    if any(map(running, slot.new)):
        return True
    pair = policy.start_first and any(map(running, slot.old))
    return pair and bool(slot.new or slot.made_since(start))


def _failure_stops(
    plan: UpdatePlan, service: Service, status: UpdateStatus, policy: UpdatePolicy, slots: list[Slot], now: datetime,
) -> bool:
    """Take the failure action if more new tasks failed than the policy bears. True if that ends the update here."""
    made = [task for slot in slots for task in slot.made_since(status.started_at)]
    bad = [task for task in made if failed(task, policy, now)]
    concerned = sum(slot.dirty or bool(slot.made_since(status.started_at)) for slot in slots)
    if policy.failure_action == "continue" or not bad or len(bad) / concerned <= policy.max_failure_ratio:
        return False
    reason = _reason(bad[-1], policy, now)
    rolling_back = status.state == ROLLBACK_STARTED
    if policy.failure_action == "rollback" and not rolling_back and service.previous_spec is not None:
        plan.roll_back = True
        message = f"update rolled back due to {reason}"
        plan.status = UpdateStatus(state=ROLLBACK_STARTED, started_at=now, message=message)
    else:  # a rollback is never rolled back, whatever its policy says
        what = "rollback" if rolling_back else "update"
        state = ROLLBACK_PAUSED if rolling_back else PAUSED
        plan.status = replace(status, state=state, message=f"{what} paused due to {reason}")
    return True


def _reason(task: Task, policy: UpdatePolicy, now: datetime) -> str:
    if not is_late(task, policy, now):
        return f"failure or early termination of task {task.id}"
    waited = policy.start_within // timedelta(seconds=1)
    why = task.status.err or task.status.message or task.status.state.value
    return f"task {task.id}, which did not start within {waited} seconds: {why}"


def _report(
    plan: UpdatePlan, status: UpdateStatus, policy: UpdatePolicy, slots: list[Slot], more: bool, now: datetime,
) -> None:
    """Say what the update waits for; when the last slot has held for the monitor period: that it is over."""
    waiting = [task for slot in slots if slot.under_way for task in slot.new]
    if waiting or more:
        _say_why(plan, status, waiting)
        for task in waiting:
            plan.wake_by(deadline(task, policy))
        return
    ended = [slot.up_at for slot in slots if slot.up_at is not None and slot.made_since(status.started_at)]
    over = max(ended, default=now - policy.monitor) + policy.monitor
    if over > now:
        plan.wake_by(over)
        return
    state, message = COMPLETED, "update completed"
    if status.state == ROLLBACK_STARTED:
        state, message = ROLLBACK_COMPLETED, "rollback completed"
    plan.status = replace(status, state=state, message=message, completed_at=now)


def _say_why(plan: UpdatePlan, status: UpdateStatus, waiting: list[Task]) -> None:
    """A task that cannot be placed or prepared would hold the update in silence."""
    usual, mark = status.message.partition(": waiting for task")[:2]
    stuck = next((task for task in waiting if task.status.err), None)
    message = f"{usual}: waiting for task {stuck.id}: {stuck.status.err}" if stuck else usual
    if message != status.message and (stuck or mark):
        plan.status = replace(status, message=message)


def _begin(plan: Plan, policy: UpdatePolicy, slots: list[Slot], todo: list[Slot], now: datetime) -> None:
    """Give a slot to each free worker. One is busy until its slot's new task is up, and for the delay after that."""
    resting = [slot.up_at + policy.delay for slot in slots if slot.up_at is not None]
    busy_until = [when for when in resting if when > now]
    free = (policy.parallelism or len(slots)) - len(busy_until) - sum(slot.under_way for slot in slots)
    # What serves nobody goes first: there is nothing to lose, and a broken slot may be why there is an update.
    order = sorted(todo, key=lambda slot: any(map(running, slot.old)))
    for slot in order[:max(free, 0)]:
        _replace(plan, policy, slot)
    if len(todo) > free and busy_until:
        plan.wake_by(min(busy_until))


def _replace(plan: Plan, policy: UpdatePolicy, slot: Slot) -> None:
    """The slot's turn: its old tasks stop and a new one follows, or the new one comes up beside them first."""
    if slot.new:  # one is there already: a restart's, or that of an update in the other order
        for task in slot.old:
            plan.wish(task, stop_state(task))
    elif policy.start_first and (serving := next(filter(running, slot.old), None)):
        for task in slot.old:
            if task is not serving:  # left beside it by an update that did not come to its end
                plan.wish(task, stop_state(task))
        plan.steps.append(Step(successor=NewTask(slot.key, TaskState.RUNNING, serving.id)))
    elif slot.old:
        *others, last = slot.old
        for task in others:
            plan.wish(task, stop_state(task))
        plan.wish(last, stop_state(last), NewTask(slot.key, TaskState.READY, last.id))
    elif slot.resting is not None:
        plan.steps.append(Step(successor=NewTask(slot.key, TaskState.READY, slot.resting.id)))
