"""The updater's step by itself: who is next, who waits, and what is remembered by nobody but the objects."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from msgspec.structs import replace

from swarmkit_py.manager.orchestrator.plan import NewTask, Step
from swarmkit_py.manager.orchestrator.update import UpdatePlan, step
from swarmkit_py.model.objects import Node, Service, Task, UpdateStatus
from swarmkit_py.model.specs import SECOND, UpdateConfig
from swarmkit_py.model.states import Availability, TaskState
from tests.builders import node, service, task

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
NODES = {"node-a": node("a")}
RUNS, READY, SHUTDOWN = TaskState.RUNNING, TaskState.READY, TaskState.SHUTDOWN


def asked(state: str = "updating", ago: float = 60, *, global_: bool = False, **config: Any) -> Service:
    """A service whose spec changed at index 5, to another image."""
    status = UpdateStatus(state=state, started_at=NOW - timedelta(seconds=ago), message="update in progress")
    plain = service(replicas=4, image="new", global_=global_,
                    update_config=UpdateConfig(**{"parallelism": 1, **config}))
    return replace(plain, spec_index=5, update_status=status if state else None,
                   previous_spec=service(image="old").spec)


def old(slot: int, state: TaskState = RUNS, **more: Any) -> Task:
    return replace(task(service(image="old"), slot, id=f"old{slot}", state=state, node_id="node-a", **more),
                   spec_index=1, created_at=NOW - timedelta(hours=1))


def new(of: Service, slot: int, state: TaskState = RUNS, *, up_ago: float | None = None, ago: float = 30,
        **more: Any) -> Task:
    """Made by the updater `ago` seconds ago; since `up_ago` it runs (or, ended, ran at first)."""
    made = task(of, slot, id=f"new{slot}", state=state, node_id="node-a", **more)
    started = None if up_ago is None else NOW - timedelta(seconds=up_ago)
    status = replace(made.status, started_at=started, timestamp=NOW)
    return replace(made, replaces=f"old{slot}", status=status, created_at=NOW - timedelta(seconds=ago))


def decide(of: Service, *tasks: Task, nodes: dict[str, Node] | None = None) -> UpdatePlan:
    return step(of, tasks, NODES if nodes is None else nodes, NOW)


def turn(slot: int) -> Step:
    return Step(f"old{slot}", SHUTDOWN, NewTask(slot, READY, f"old{slot}"))


def test_a_new_spec_starts_an_update_and_the_first_slot() -> None:
    plan = decide(asked(""), old(1), old(2))
    assert plan.steps == [turn(1)]
    assert plan.status == UpdateStatus(state="updating", started_at=NOW, message="update in progress")


def test_nothing_to_replace_is_no_update() -> None:
    of = asked("")
    plan = decide(of, new(of, 1, up_ago=100))
    assert (plan.steps, plan.status, plan.wake_at) == ([], None, None)


def test_what_serves_nobody_goes_first() -> None:
    assert decide(asked(""), old(1), old(2), old(3, TaskState.FAILED)).steps == [turn(3)]


def test_a_worker_waits_for_its_task_and_for_its_slot_s_deadline() -> None:
    of = asked()
    plan = decide(of, old(1, desired=SHUTDOWN), new(of, 1, READY, desired=READY, ago=30), old(2))
    assert (plan.steps, plan.status) == ([], None)
    assert plan.wake_at == NOW + timedelta(seconds=100), "120 s and 10 s grace, of which 30 s are over"


@pytest.mark.parametrize(("up_ago", "steps", "wake"), [(4, [], 6), (10, [turn(2)], None)])
def test_then_it_rests_for_the_delay(up_ago: float, steps: list[Step], wake: float | None) -> None:
    of = asked(delay=10 * SECOND)
    plan = decide(of, new(of, 1, up_ago=up_ago), old(2))
    assert plan.steps == steps
    assert plan.wake_at == (None if wake is None else NOW + timedelta(seconds=wake))


@pytest.mark.parametrize(("parallelism", "count"), [(1, 1), (3, 3), (0, 4)])
def test_parallelism(parallelism: int, count: int) -> None:
    plan = decide(asked("", parallelism=parallelism), *(old(slot) for slot in (1, 2, 3, 4)))
    assert plan.steps == [turn(slot) for slot in range(1, count + 1)]


def test_the_end_is_the_monitor_period_after_the_last_came_up() -> None:
    of = asked()
    early = decide(of, new(of, 1, up_ago=20), new(of, 2, up_ago=3))
    assert (early.status, early.wake_at) == (None, NOW + timedelta(seconds=2))
    over = decide(of, new(of, 1, up_ago=20), new(of, 2, up_ago=5))
    assert over.status is not None
    assert (over.status.state, over.status.completed_at) == ("completed", NOW)


def test_start_first_makes_the_new_one_beside_the_old() -> None:
    assert decide(asked("", order="start-first"), old(1)).steps == [Step(successor=NewTask(1, RUNS, "old1"))]


def test_start_first_lets_the_old_one_go_when_the_new_one_runs_even_if_the_update_was_paused() -> None:
    for state in ("updating", "paused"):
        of = asked(state, order="start-first")
        assert decide(of, old(1), new(of, 1, TaskState.STARTING)).steps == []
        assert decide(of, old(1), new(of, 1, up_ago=0)).steps == [Step("old1", SHUTDOWN)]


def test_start_first_has_nothing_to_keep_where_nothing_runs() -> None:
    broken = old(1, TaskState.FAILED)
    assert decide(asked("", order="start-first"), broken).steps == [turn(1)]


@pytest.mark.parametrize(("action", "previous", "state"), [
    ("pause", True, "paused"), ("rollback", True, "rollback_started"), ("rollback", False, "paused"),
    ("continue", True, None),
])
def test_failure_actions(action: str, previous: bool, state: str | None) -> None:
    of = asked(failure_action=action)
    of = of if previous else replace(of, previous_spec=None)
    plan = decide(of, new(of, 1, TaskState.FAILED), old(2))
    assert (plan.status.state if plan.status else None) == state
    assert plan.roll_back == (state == "rollback_started")
    assert plan.steps == ([turn(2)] if action == "continue" else [])


@pytest.mark.parametrize(("ratio", "state"), [(0.0, "paused"), (0.24, "paused"), (0.25, None)])
def test_the_ratio_is_of_all_slots_concerned_and_strictly_greater(ratio: float, state: str | None) -> None:
    of = asked(max_failure_ratio=ratio)
    plan = decide(of, new(of, 1, TaskState.FAILED), old(2), old(3), old(4))
    assert (plan.status.state if plan.status else None) == state


def test_only_failures_of_this_update_count_and_only_while_they_are_watched() -> None:
    of = asked(ago=10)
    assert decide(of, new(of, 1, TaskState.FAILED, ago=30), old(2)).status is None, "of the update before"
    of = asked()
    held = new(of, 1, TaskState.FAILED, up_ago=6)
    assert decide(of, held, old(2)).status is None, "it held for 6 s of the 5 s that it was watched"
    moved = new(of, 1, SHUTDOWN, desired=SHUTDOWN)
    assert decide(of, moved, old(2)).status is None, "it was told to stop"


def test_a_paused_update_begins_nothing() -> None:
    for state in ("paused", "rollback_paused"):
        plan = decide(asked(state), old(1), old(2))
        assert (plan.steps, plan.status, plan.wake_at) == ([], None, None)


def test_a_global_service_s_task_on_a_node_that_takes_none_is_left_alone() -> None:
    of = asked("", global_=True)
    there = replace(old(0), slot=0)
    paused = {"node-a": node("a", availability=Availability.PAUSE)}
    assert decide(of, there, nodes=paused).steps == []
    assert decide(of, there).steps == [Step("old0", SHUTDOWN, NewTask("node-a", READY, "old0"))]
