"""The restart policy: who gets a successor, and when it may start."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from swarmkit_py.manager.orchestrator.restart import OLD_TASK_TIMEOUT, settled, should_restart, start_due
from swarmkit_py.model.objects import Node, Task
from swarmkit_py.model.specs import SECOND, RestartPolicy
from swarmkit_py.model.states import Availability, NodeState, TaskState
from tests.builders import node, service, task

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
WEB = service()
HERE = node("worker1")


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def old(state: TaskState = TaskState.FAILED, created: float = -100, ended: float = 0, **policy: object) -> Task:
    """A task of slot 1 that ended (or did not, in state RUNNING) and is wanted no more."""
    base = task(WEB, 1, state=state, desired=TaskState.SHUTDOWN, node_id=HERE.id)
    return replace(base, created_at=at(created), status=replace(base.status, timestamp=at(ended)),
                   spec=replace(base.spec, restart_policy=RestartPolicy(**policy)))  # type: ignore[arg-type]


def waiting(created: float = 0, **policy: object) -> Task:
    """The successor, held back (desired READY)."""
    base = task(WEB, 1, desired=TaskState.READY)
    return replace(base, created_at=at(created),
                   spec=replace(base.spec, restart_policy=RestartPolicy(**policy)))  # type: ignore[arg-type]


@pytest.mark.parametrize(("condition", "state", "again"), [
    (None, TaskState.COMPLETE, True), (None, TaskState.FAILED, True), ("any", TaskState.COMPLETE, True),
    ("on-failure", TaskState.COMPLETE, False), ("on-failure", TaskState.FAILED, True),
    ("on-failure", TaskState.REJECTED, True), ("on-failure", TaskState.RUNNING, True),
    ("none", TaskState.FAILED, False), ("none", TaskState.RUNNING, False),
])
def test_condition(condition: str | None, state: TaskState, again: bool) -> None:
    dead = old(state, condition=condition)
    assert should_restart(dead, [dead]) is again
    assert settled([dead]) is not again


def test_max_attempts_counts_restarts_not_tasks() -> None:
    tries = [old(created=-30 + n, max_attempts=2) for n in range(3)]
    assert should_restart(tries[0], tries[:1])
    assert should_restart(tries[1], tries[:2])
    assert not should_restart(tries[2], tries)


def test_attempts_with_another_spec_do_not_count() -> None:
    tries = [replace(old(created=-30 + n, max_attempts=1), spec_index=n // 2) for n in range(3)]
    assert not should_restart(tries[1], tries[:2])
    assert should_restart(tries[2], tries)


def test_what_was_scaled_away_is_no_attempt() -> None:
    gone = replace(old(created=-50, max_attempts=1), desired_state=TaskState.REMOVE)
    dead = old(max_attempts=1)
    assert should_restart(dead, [gone, dead])


def test_the_window_counts_back_from_the_end_of_the_task() -> None:
    first = old(created=-1000, max_attempts=1, window=60 * SECOND)
    in_window = old(created=-50, ended=0, max_attempts=1, window=60 * SECOND)
    before_it = old(created=-61, ended=0, max_attempts=1, window=60 * SECOND)
    assert not should_restart(in_window, [first, in_window])
    assert should_restart(before_it, [first, before_it])


def test_the_delay_is_five_seconds() -> None:
    successor = waiting()
    assert start_due(successor, [old(), successor], {HERE.id: HERE}, at(1)) == at(5)


def test_the_delay_asked_for() -> None:
    successor = waiting(delay=2 * SECOND)
    assert start_due(successor, [old(), successor], {HERE.id: HERE}, at(1)) == at(2)


def test_no_delay_asked_for() -> None:
    successor = waiting(delay=0)
    assert start_due(successor, [old(), successor], {HERE.id: HERE}, at(0)) <= at(0)


@pytest.mark.parametrize("there", [
    None, replace(HERE, status=replace(HERE.status, state=NodeState.DOWN)),
])
def test_a_lost_node_is_neither_delayed_nor_waited_for(there: Node | None) -> None:
    successor = waiting()
    nodes = {HERE.id: there} if there else {}
    assert start_due(successor, [old(TaskState.RUNNING), successor], nodes, at(0)) <= at(0)


def test_a_drained_node_is_not_delayed_but_waited_for() -> None:
    drained = replace(HERE, spec=replace(HERE.spec, availability=Availability.DRAIN))
    stopping, stopped, successor = old(TaskState.RUNNING), old(TaskState.SHUTDOWN), waiting()
    assert start_due(successor, [stopping, successor], {HERE.id: drained}, at(1)) > at(1)
    assert start_due(successor, [stopped, successor], {HERE.id: drained}, at(1)) <= at(1)


def test_the_wait_for_the_old_task_ends_after_a_minute() -> None:
    stopping, successor = old(TaskState.RUNNING), waiting()
    assert start_due(successor, [stopping, successor], {HERE.id: HERE}, at(10)) == at(0) + OLD_TASK_TIMEOUT
    assert timedelta(minutes=1) == OLD_TASK_TIMEOUT


def test_a_predecessor_that_never_reached_a_node_is_not_waited_for() -> None:
    unplaced = replace(old(TaskState.PENDING), node_id="")
    successor = waiting()
    assert start_due(successor, [unplaced, successor], {HERE.id: HERE}, at(0)) <= at(0)


def test_a_clock_set_back_does_not_hold_a_task_for_hours() -> None:
    successor = waiting(created=3600)
    assert start_due(successor, [old(), successor], {HERE.id: HERE}, at(0)) <= at(0)
