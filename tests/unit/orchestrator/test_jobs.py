"""Which tasks a job has, of N completions or one a node."""

from __future__ import annotations

from msgspec.structs import replace

from swarmkit_py.manager.orchestrator import jobs
from swarmkit_py.manager.orchestrator.plan import NewTask, Plan
from swarmkit_py.model.objects import JobStatus, Service, Task
from swarmkit_py.model.specs import ReplicatedJob, RestartPolicy, ServiceMode
from swarmkit_py.model.states import Availability, TaskState
from tests.builders import node, service, task

DONE, WORKS, FAILED = TaskState.COMPLETE, TaskState.RUNNING, TaskState.FAILED


def job(at_once: int = 2, total: int = 5, iteration: int = 0) -> Service:
    mode = ServiceMode(replicated_job=ReplicatedJob(max_concurrent=at_once, total_completions=total))
    plain = service("job")
    return replace(plain, spec=replace(plain.spec, mode=mode), job_status=JobStatus(iteration=iteration))


def run(of: Service, slot: int, state: TaskState, *, iteration: int = 0, node_id: str = "n", **more: object) -> Task:
    made = task(of, slot, state=state, node_id=node_id, **{"desired": DONE, **more})  # type: ignore[arg-type]
    return replace(made, job_iteration=iteration)


def made(plan: Plan) -> list[NewTask]:
    return [step.successor for step in plan.steps if step.successor]


def test_it_starts_as_many_as_may_run_at_a_time() -> None:
    assert made(jobs.plan_replicated(job(), [])) == [NewTask(1, DONE), NewTask(2, DONE)]
    assert len(made(jobs.plan_replicated(job(at_once=9), []))) == 5


def test_each_end_makes_room_for_the_next_until_all_are_done() -> None:
    of = job()
    assert made(jobs.plan_replicated(of, [run(of, 1, DONE), run(of, 2, WORKS)])) == [NewTask(3, DONE)]
    almost = [run(of, slot, DONE) for slot in (1, 2, 3)] + [run(of, 4, WORKS), run(of, 5, WORKS)]
    assert made(jobs.plan_replicated(of, almost)) == []
    assert made(jobs.plan_replicated(of, [run(of, slot, DONE) for slot in range(1, 6)])) == []


def test_one_that_failed_keeps_its_place_for_its_successor() -> None:
    of = job(at_once=1)
    assert made(jobs.plan_replicated(of, [run(of, 1, FAILED)])) == []


def test_one_that_is_given_up_does_not_hold_the_others() -> None:
    of = job(at_once=1, total=2)
    lost = run(of, 1, FAILED, desired=TaskState.SHUTDOWN)
    lost = replace(lost, spec=replace(lost.spec, restart_policy=RestartPolicy(condition="none")))
    assert made(jobs.plan_replicated(of, [lost])) == [NewTask(2, DONE)]


def test_a_new_iteration_clears_the_table() -> None:
    of = job(iteration=1)
    old = [run(of, 1, DONE), run(of, 2, WORKS)]
    plan = jobs.plan_replicated(of, old)
    assert {step.task_id: step.desired for step in plan.steps if step.task_id} == {
        t.id: TaskState.REMOVE for t in old}
    assert made(plan) == [NewTask(1, DONE), NewTask(2, DONE)]


def global_job() -> Service:
    plain = service("job")
    return replace(plain, spec=replace(plain.spec, mode=ServiceMode(global_job={})), job_status=JobStatus())


def test_a_global_job_runs_once_on_every_node_that_takes_tasks() -> None:
    of, nodes = global_job(), {name: node(id=name) for name in ("a", "b", "c")}
    nodes["b"] = node(id="b", availability=Availability.PAUSE)
    assert made(jobs.plan_global(of, [], nodes)) == [NewTask("a", DONE), NewTask("c", DONE)]
    done = [run(of, 0, DONE, node_id="a"), run(of, 0, WORKS, node_id="c")]
    assert jobs.plan_global(of, done, nodes).steps == []
    nodes["b"] = node(id="b")
    assert made(jobs.plan_global(of, done, nodes)) == [NewTask("b", DONE)]


def test_a_global_job_leaves_a_drained_node_and_returns_to_it() -> None:
    of, here = global_job(), run(global_job(), 0, WORKS, node_id="a")
    drained = {"a": node(id="a", availability=Availability.DRAIN)}
    [step] = jobs.plan_global(of, [here], drained).steps
    assert (step.task_id, step.desired, step.successor) == (here.id, TaskState.SHUTDOWN, None)
    stopped = run(of, 0, TaskState.SHUTDOWN, node_id="a", desired=TaskState.SHUTDOWN)
    assert made(jobs.plan_global(of, [stopped], {"a": node(id="a")})) == [NewTask("a", DONE)]
    assert jobs.plan_global(of, [run(of, 0, DONE, node_id="a")], drained).steps == [], "done is done"
