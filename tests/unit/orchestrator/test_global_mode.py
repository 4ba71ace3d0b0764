"""One task on each eligible node, none elsewhere."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from swarmkit_py.manager.orchestrator import global_mode
from swarmkit_py.manager.orchestrator.plan import NewTask, Plan
from swarmkit_py.model.objects import Node, Service, Task
from swarmkit_py.model.specs import RestartPolicy
from swarmkit_py.model.states import Availability, NodeState, TaskState
from tests.builders import node, service, task

AGENT = service("agent", global_=True)


def on(where: Node, of: Service = AGENT, **more: object) -> Task:
    return task(of, 0, node_id=where.id, **{"state": TaskState.RUNNING, **more})  # type: ignore[arg-type]


def plan(tasks: list[Task], *nodes: Node, of: Service = AGENT) -> Plan:
    return global_mode.plan(of, tasks, {n.id: n for n in nodes})


def made(decided: Plan) -> list[NewTask]:
    return [step.successor for step in decided.steps if step.successor]


def wished(decided: Plan) -> dict[str, TaskState]:
    return {step.task_id: step.desired for step in decided.steps if step.task_id}


def test_one_task_a_node() -> None:
    assert made(plan([], node("a"), node("b"))) == [
        NewTask("node-a", TaskState.RUNNING), NewTask("node-b", TaskState.RUNNING)]
    assert plan([on(node("a"))], node("a")).steps == []


@pytest.mark.parametrize("where", [
    node("a", availability=Availability.DRAIN), node("a", availability=Availability.PAUSE),
    node("a", state=NodeState.DOWN),
])
def test_no_new_task_where_none_may_start(where: Node) -> None:
    assert plan([], where).steps == []


@pytest.mark.parametrize("where", [node("a", availability=Availability.DRAIN), node("a", state=NodeState.DOWN)])
def test_drained_and_down_nodes_lose_their_task(where: Node) -> None:
    running, unplaced = on(where), on(where, state=TaskState.PENDING)
    assert wished(plan([running], where)) == {running.id: TaskState.SHUTDOWN}
    assert wished(plan([unplaced], where)) == {unplaced.id: TaskState.REMOVE}


def test_a_paused_node_keeps_its_task() -> None:
    where = node("a", availability=Availability.PAUSE)
    assert plan([on(where)], where).steps == []


def test_constraints_choose_the_nodes() -> None:
    racked = service("agent", global_=True, constraints=["node.labels.rack==a"])
    inside, outside = node("in", labels={"rack": "a"}), node("out", labels={"rack": "b"})
    stray = on(outside, racked)
    decided = plan([stray], inside, outside, of=racked)
    assert [new.slot for new in made(decided)] == [inside.id]
    assert wished(decided) == {stray.id: TaskState.SHUTDOWN}


def test_a_node_that_is_gone_takes_the_history_along() -> None:
    gone = node("a")
    lost = on(gone, state=TaskState.ORPHANED, desired=TaskState.SHUTDOWN)
    assert wished(plan([lost])) == {lost.id: TaskState.REMOVE}


def test_a_node_that_comes_back_gets_its_task_once_the_old_one_has_stopped() -> None:
    where = node("a")
    stopping = on(where, desired=TaskState.SHUTDOWN)
    stopped = on(where, state=TaskState.SHUTDOWN, desired=TaskState.SHUTDOWN)
    assert made(plan([stopping], where)) == [NewTask(where.id, TaskState.READY)]
    assert made(plan([stopped], where)) == [NewTask(where.id, TaskState.RUNNING)]


def test_what_has_run_to_its_end_is_not_run_again() -> None:
    done = on(node("a"), state=TaskState.COMPLETE, desired=TaskState.SHUTDOWN)
    done = replace(done, spec=replace(done.spec, restart_policy=RestartPolicy(condition="on-failure")))
    assert plan([done], node("a")).steps == []
