"""What is replaced, by what, and what the supervisor lets start."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from swarmkit_py.manager.orchestrator.plan import NewTask, Plan, Step
from swarmkit_py.manager.orchestrator.supervisor import supervise
from swarmkit_py.model.objects import Node, Service, Task
from swarmkit_py.model.specs import RestartPolicy
from swarmkit_py.model.states import Availability, NodeState, TaskState
from tests.builders import node, service, task

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
WEB, AGENT = service(), service("agent", global_=True)
FINE, DOWN, DRAINED = node("a"), node("a", state=NodeState.DOWN), node("a", availability=Availability.DRAIN)
PAUSED = node("a", availability=Availability.PAUSE)


def on_a(of: Service = WEB, state: TaskState = TaskState.RUNNING, **more: object) -> Task:
    made = task(of, 1 if of is WEB else 0, node_id="node-a", state=state, **more)  # type: ignore[arg-type]
    return replace(made, created_at=NOW - timedelta(seconds=30),
                   status=replace(made.status, timestamp=NOW))


def decide(where: Node | None, *tasks: Task, of: Service = WEB, now: datetime = NOW) -> Plan:
    return supervise(of, tasks, {"node-a": where} if where else {}, now)


def test_what_runs_where_it_may_is_left_alone() -> None:
    assert decide(FINE, on_a()).steps == []
    assert decide(PAUSED, on_a()).steps == []


@pytest.mark.parametrize("state", [TaskState.FAILED, TaskState.COMPLETE, TaskState.REJECTED, TaskState.ORPHANED])
def test_what_ended_gets_a_successor_that_waits(state: TaskState) -> None:
    ended = on_a(state=state)
    assert decide(FINE, ended).steps == [Step(ended.id, TaskState.SHUTDOWN, NewTask(1, TaskState.READY))]


@pytest.mark.parametrize("where", [DOWN, DRAINED, None])
def test_what_must_leave_its_node_gets_a_successor(where: Node | None) -> None:
    stranded = on_a()
    assert decide(where, stranded).steps == [Step(stranded.id, TaskState.SHUTDOWN, NewTask(1, TaskState.READY))]


def test_what_has_no_node_yet_need_not_leave_any() -> None:
    assert decide(None, task(WEB, state=TaskState.PENDING)).steps == []


def test_a_policy_of_none_stops_it_for_good() -> None:
    ended = on_a(state=TaskState.FAILED)
    ended = replace(ended, spec=replace(ended.spec, restart_policy=RestartPolicy(condition="none")))
    assert decide(FINE, ended).steps == [Step(ended.id, TaskState.SHUTDOWN, None)]


def test_what_is_wanted_no_more_is_not_replaced() -> None:
    assert decide(FINE, on_a(state=TaskState.FAILED, desired=TaskState.SHUTDOWN)).steps == []
    assert decide(DOWN, on_a(desired=TaskState.REMOVE)).steps == []


@pytest.mark.parametrize("where", [DOWN, DRAINED, PAUSED])
def test_a_global_task_is_not_replaced_where_none_may_start(where: Node) -> None:
    ended = on_a(AGENT, TaskState.FAILED)
    assert decide(where, ended, of=AGENT).steps == [Step(ended.id, TaskState.SHUTDOWN, None)]


def test_a_global_task_is_replaced_on_its_node() -> None:
    ended = on_a(AGENT, TaskState.FAILED)
    successor = NewTask("node-a", TaskState.READY)
    assert decide(FINE, ended, of=AGENT).steps == [Step(ended.id, TaskState.SHUTDOWN, successor)]


def test_who_waits_is_looked_at_again_when_the_delay_is_over() -> None:
    ended = on_a(state=TaskState.FAILED, desired=TaskState.SHUTDOWN)
    successor = replace(task(WEB, 1, desired=TaskState.READY), created_at=NOW)
    early = decide(FINE, ended, successor, now=NOW + timedelta(seconds=2))
    assert (early.steps, early.wake_at) == ([], NOW + timedelta(seconds=5))
    late = decide(FINE, ended, successor, now=NOW + timedelta(seconds=5))
    assert late.steps == [Step(successor.id, TaskState.RUNNING)]


def test_a_successor_that_fails_while_it_waits_is_not_replaced_before_its_time() -> None:
    ended = on_a(state=TaskState.REJECTED, desired=TaskState.SHUTDOWN)
    rejected = replace(on_a(state=TaskState.REJECTED, desired=TaskState.READY), created_at=NOW)
    early = decide(FINE, ended, rejected, now=NOW + timedelta(seconds=1))
    assert (early.steps, early.wake_at) == ([], NOW + timedelta(seconds=5))
    late = decide(FINE, ended, rejected, now=NOW + timedelta(seconds=5))
    assert late.steps == [Step(rejected.id, TaskState.SHUTDOWN, NewTask(1, TaskState.READY))]


def test_it_wakes_for_the_first_of_several() -> None:
    slots = []
    for slot, age in ((1, 1), (2, 4)):
        ended = replace(on_a(state=TaskState.FAILED, desired=TaskState.SHUTDOWN), slot=slot)
        slots += [ended, replace(task(WEB, slot, desired=TaskState.READY), created_at=NOW - timedelta(seconds=age))]
    assert decide(FINE, *slots).wake_at == NOW + timedelta(seconds=1)
