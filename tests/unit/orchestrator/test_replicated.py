"""N slots, numbered from 1: which are made, and which are given up."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from swarmkit_py.clock import ZERO_TIME
from swarmkit_py.manager.orchestrator import replicated
from swarmkit_py.manager.orchestrator.plan import NewTask, Plan, Step
from swarmkit_py.model.objects import Service, Task
from swarmkit_py.model.specs import RestartPolicy
from swarmkit_py.model.states import TaskState
from tests.builders import service, task


def running(of: Service, slot: int, node: str = "node-worker1", **more: object) -> Task:
    return task(of, slot, node_id=node, **{"state": TaskState.RUNNING, **more})  # type: ignore[arg-type]


def made(plan: Plan) -> list[NewTask]:
    return [step.successor for step in plan.steps if step.successor]


def wished(plan: Plan) -> dict[str, TaskState]:
    return {step.task_id: step.desired for step in plan.steps if step.task_id}


def test_a_new_service_gets_its_slots_from_one() -> None:
    plan = replicated.plan(service(replicas=3), [])
    assert plan.steps == [Step(successor=NewTask(n, TaskState.RUNNING)) for n in (1, 2, 3)]


def test_what_is_right_is_left_alone() -> None:
    web = service(replicas=2)
    assert replicated.plan(web, [running(web, 1), running(web, 2)]).steps == []


def test_zero_replicas_are_no_tasks_at_all() -> None:
    web = service(replicas=0)
    one = running(web, 1)
    assert replicated.plan(web, []).steps == []
    assert wished(replicated.plan(web, [one])) == {one.id: TaskState.REMOVE}


def test_gaps_are_filled_lowest_first() -> None:
    web = service(replicas=5)
    assert [new.slot for new in made(replicated.plan(web, [running(web, 2), running(web, 5)]))] == [1, 3, 4]


def test_a_failed_task_still_fills_its_slot() -> None:
    web = service(replicas=1)
    assert replicated.plan(web, [running(web, 1, state=TaskState.FAILED)]).steps == []


def test_a_slot_its_policy_lets_rest_counts_as_filled() -> None:
    web = service(replicas=1)
    done = running(web, 1, state=TaskState.COMPLETE, desired=TaskState.SHUTDOWN)
    never = replace(done, spec=replace(done.spec, restart_policy=RestartPolicy(condition="none")))
    assert replicated.plan(web, [never]).steps == []
    assert [new.slot for new in made(replicated.plan(web, [done]))] == [1]


def test_scaling_down_evens_out_the_nodes() -> None:
    web = service(replicas=3)
    nodes = {1: "a", 2: "a", 3: "a", 4: "a", 5: "b", 6: "b", 7: "c"}
    tasks = {slot: running(web, slot, node) for slot, node in nodes.items()}
    gone = wished(replicated.plan(web, tasks.values()))
    assert set(gone.values()) == {TaskState.REMOVE}
    assert {slot for slot, t in tasks.items() if t.id not in gone} == {1, 5, 7}


def test_what_is_not_placed_goes_first_then_what_does_not_run_then_the_highest_number() -> None:
    web = service(replicas=5)
    tasks = {
        1: task(web, 1, state=TaskState.PENDING),
        2: running(web, 2, "a", state=TaskState.STARTING),
        3: running(web, 3, "a"), 4: running(web, 4, "a"), 5: running(web, 5, "b"), 6: running(web, 6, "b"),
    }
    order = []
    for count in range(6):
        web = service(replicas=6 - count)
        gone = wished(replicated.plan(web, tasks.values()))
        order += [slot for slot, t in tasks.items() if t.id in gone and slot not in order]
    assert order == [1, 2, 6, 4, 5]


def test_a_slot_given_up_takes_its_history_along() -> None:
    web = service(replicas=0)
    old = running(web, 1, state=TaskState.FAILED, desired=TaskState.SHUTDOWN)
    new = running(web, 1)
    assert wished(replicated.plan(web, [old, new])) == {old.id: TaskState.REMOVE, new.id: TaskState.REMOVE}


def test_what_was_given_up_stays_given_up_and_its_number_is_free_again() -> None:
    web = service(replicas=1)
    leaving = running(web, 1, desired=TaskState.REMOVE)
    assert replicated.plan(web, [leaving]).steps == [Step(successor=NewTask(1, TaskState.RUNNING))]


def test_a_refilled_slot_waits_for_what_is_still_stopping_there() -> None:
    web = service(replicas=1)
    stopping = running(web, 1, desired=TaskState.SHUTDOWN)
    assert made(replicated.plan(web, [stopping])) == [NewTask(1, TaskState.READY)]


def test_of_two_in_one_slot_the_one_that_is_further_on_stays() -> None:
    web = service(replicas=1)
    first, second = running(web, 1, state=TaskState.READY), running(web, 1)
    assert wished(replicated.plan(web, [first, second])) == {first.id: TaskState.SHUTDOWN}


def test_ten_thousand_slots_are_planned_in_order() -> None:
    web = service(replicas=10_000)
    have = [replace(running(web, n), created_at=ZERO_TIME + timedelta(seconds=n)) for n in range(1, 5001)]
    assert [new.slot for new in made(replicated.plan(web, have))] == list(range(5001, 10_001))
