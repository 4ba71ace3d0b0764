"""Which tasks may be deleted, and when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from swarmkit_py.clock import ZERO_TIME, ManualClock
from swarmkit_py.manager.orchestrator.reaper import MANY, TaskReaper, reapable
from swarmkit_py.model.objects import Task
from swarmkit_py.model.specs import ClusterSpec, OrchestrationConfig, RestartPolicy
from swarmkit_py.model.states import TaskState
from swarmkit_py.store.memory import Store
from tests.builders import cluster, service, task

WEB = service()
_CONTAINER = [s for s in TaskState if TaskState.ASSIGNED.rank <= s.rank <= TaskState.RUNNING.rank]


def ended(number: int, slot: int = 1, **more: object) -> Task:
    """The `number`th task of a slot, failed and replaced."""
    made = task(WEB, slot, id=f"old-{slot}-{number}", state=TaskState.FAILED, desired=TaskState.SHUTDOWN)
    return replace(made, created_at=ZERO_TIME + timedelta(seconds=number), **more)


def now_running(slot: int = 1) -> Task:
    return replace(task(WEB, slot, id=f"new-{slot}", state=TaskState.RUNNING),
                   created_at=ZERO_TIME + timedelta(days=1))


@pytest.mark.parametrize("state", list(TaskState))
def test_a_task_wanted_no_more_goes_unless_its_container_may_run(state: TaskState) -> None:
    leaving = task(WEB, state=state, desired=TaskState.REMOVE)
    assert (reapable([leaving], 5) == [leaving.id]) is (state not in _CONTAINER)


def test_a_slot_keeps_five_tasks_the_running_one_among_them() -> None:
    tasks = [now_running(), *(ended(n) for n in range(7)), *(ended(n, slot=2) for n in range(5))]
    assert reapable(tasks, 5) == ["old-1-0", "old-1-1", "old-1-2"]


def test_history_of_none_and_of_all() -> None:
    tasks = [now_running(), *(ended(n) for n in range(7))]
    assert len(reapable(tasks, 0)) == 7
    assert reapable(tasks, -1) == []


def test_what_still_runs_is_never_history() -> None:
    stopping = [replace(ended(n), status=replace(now_running().status)) for n in range(7)]
    assert reapable([now_running(), *stopping], 1) == []


def test_all_attempts_are_kept_where_they_are_counted() -> None:
    spec = replace(WEB.spec.task_template, restart_policy=RestartPolicy(max_attempts=6))
    tasks = [ended(n, spec=spec) for n in range(9)]
    assert reapable(tasks, 2) == ["old-1-0", "old-1-1"]


async def test_it_sweeps_a_quarter_of_a_second_after_the_first_mark() -> None:
    clock = ManualClock()
    store = Store(clock)
    reaper = TaskReaper(store, clock)
    store.update(lambda tx: tx.create(task(WEB, desired=TaskState.REMOVE)))
    reaper.look_at_everything()
    assert reaper.tick() == 0.25
    assert store.all(Task)
    await clock.advance(0.25)
    assert reaper.tick() is None
    assert not store.all(Task)


def test_it_sweeps_at_once_when_there_is_much() -> None:
    clock = ManualClock()
    store = Store(clock)
    reaper = TaskReaper(store, clock)
    store.update(lambda tx: [tx.create(task(WEB, n, desired=TaskState.REMOVE)) for n in range(MANY * 5)])
    reaper.look_at_everything()
    sweeps = 1
    while reaper.tick() == 0:
        sweeps += 1
    assert not store.all(Task)
    assert sweeps >= 5, "others should have had their turn in between"


def test_the_limit_is_the_clusters() -> None:
    clock = ManualClock()
    store = Store(clock)
    reaper = TaskReaper(store, clock)
    kept = replace(cluster(), spec=ClusterSpec(orchestration=OrchestrationConfig(task_history_retention_limit=2)))
    store.update(lambda tx: [tx.create(kept), *(tx.create(ended(n)) for n in range(MANY))])
    reaper.look_at_everything()
    while reaper.tick() == 0:
        pass
    assert len(store.all(Task)) == 2
