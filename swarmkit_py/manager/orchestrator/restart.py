"""Owns the restart policy: whether a task that ended gets a successor, and when the successor may start.

Pure. All it needs is in the tasks themselves: a restart is a task created in a slot that had one before, so a
manager that starts again knows the history without having kept any (SwarmKit holds it in memory and rebuilds it).
Counterpart: swarmkit/manager/orchestrator/restart/restart.go (shouldRestart, DelayStart).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from swarmkit_py.manager.defaults import RESTART_POLICY, filled
from swarmkit_py.manager.orchestrator.nodes import Nodes, is_lost, is_unusable, node_of
from swarmkit_py.manager.orchestrator.slots import kept, on_a_node, wanted
from swarmkit_py.model.objects import Task
from swarmkit_py.model.states import TaskState

OLD_TASK_TIMEOUT = timedelta(minutes=1)
"""How long a successor waits for the old task to stop before it starts all the same."""

ENDED_BY_ITSELF = (TaskState.COMPLETE, TaskState.FAILED, TaskState.REJECTED)


class Policy(NamedTuple):
    """A RestartPolicy with Docker's defaults filled in. `max_attempts` 0: no limit; `window` 0: for ever."""

    condition: str
    delay: timedelta
    max_attempts: int
    window: timedelta


def policy_of(task: Task) -> Policy:
    """The policy the task was made with."""
    said = filled(task.spec.restart_policy, RESTART_POLICY)
    return Policy(said.condition or "any", duration(said.delay), said.max_attempts or 0, duration(said.window))


def should_restart(task: Task, slot: list[Task]) -> bool:
    """True if `task`, which has ended or must leave its node, gets a successor in its slot (oldest task first)."""
    policy = policy_of(task)
    if policy.condition == "none":
        return False
    done_once = policy.condition == "on-failure" or task.job_iteration is not None
    if done_once and task.status.state is TaskState.COMPLETE:
        return False
    return not policy.max_attempts or restarts(task, slot, policy.window) < policy.max_attempts


def restarts(task: Task, slot: list[Task], window: timedelta) -> int:
    """How often the slot was restarted with this spec, within `window` before the task ended (0: ever).

    Counted back from the task's own end, not from now: the answer must not change while time passes."""
    attempts = [t for t in kept(slot) if t.spec_index == task.spec_index]
    since = task.status.timestamp - window if window else None
    return sum(1 for t in attempts[1:] if since is None or t.created_at >= since)


def settled(slot: list[Task]) -> bool:
    """True if the slot's last task has ended and its policy says: leave it so. The slot counts as filled."""
    history = kept(slot)
    return bool(history) and not should_restart(history[-1], history)


def start_due(task: Task, slot: list[Task], nodes: Nodes, now: datetime) -> datetime:
    """When `task` (desired READY) may start, as far as can be known; not later than `now`: at once.

    It waits for the restart delay and for the slot's old tasks to stop, the second at most a minute."""
    others = [t for t in slot if t.id != task.id]
    delayed = _plus(task.created_at, _delay(task, others, nodes), now)
    if delayed > now or not any(_still_there(t, nodes) for t in others):
        return delayed
    return _plus(task.created_at, OLD_TASK_TIMEOUT, now)


def _delay(task: Task, others: list[Task], nodes: Nodes) -> timedelta:
    """The delay is there to slow down what keeps failing. A task that was *moved*, since its node went down or was
    drained, did not fail: its successor starts at once (SwarmKit waits here when the node is down). Nor does the
    first task of a new spec wait: it is not what failed."""
    before = [t for t in kept(others) if t.created_at <= task.created_at]
    if not before:
        return timedelta()
    old = before[-1]
    moved = old.status.state not in ENDED_BY_ITSELF or is_unusable(node_of(old, nodes))
    return timedelta() if moved or old.spec_index != task.spec_index else policy_of(task).delay


def _still_there(task: Task, nodes: Nodes) -> bool:
    """True if the task is to stop and its container may still run, on a node that will tell us when it has stopped.
    (One that is to go on beside its successor, in a start-first update, is not waited for.)"""
    return on_a_node(task) and not wanted(task) and not is_lost(node_of(task, nodes))


def _plus(start: datetime, wait: timedelta, now: datetime) -> datetime:
    """`start + wait`; now, if the machine's clock was set back before `start`: better early than hours late."""
    return start + wait if start <= now else now


def duration(nanoseconds: int | None) -> timedelta:
    """A spec's duration; what was not said is none at all."""
    return timedelta(microseconds=(nanoseconds or 0) / 1000)
