"""Jobs with every loop of a manager at work: through failures, a drained node, a manager that starts again."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from swarmkit_py.model.objects import JobStatus, Service, Task
from swarmkit_py.model.specs import SECOND, ReplicatedJob, RestartPolicy, ServiceMode
from swarmkit_py.model.states import Availability, TaskState
from tests.builders import service
from tests.unit.manager.rig import Rig


def create(rig: Rig, mode: ServiceMode, policy: RestartPolicy | None = None) -> Service:
    asked = service("job")
    template = replace(asked.spec.task_template, restart_policy=policy)
    spec = replace(asked.spec, mode=mode, task_template=template)
    return rig.create(replace(asked, spec=spec, job_status=JobStatus()))


def several(at_once: int = 2, total: int = 5) -> ServiceMode:
    return ServiceMode(replicated_job=ReplicatedJob(max_concurrent=at_once, total_completions=total))


def end(rig: Rig, job: Service, state: TaskState) -> None:
    """All tasks that run come to their end."""
    for task in rig.running(job):
        rig.report(task.id, state)
    rig.advance(0.2)


def done(rig: Rig, job: Service) -> list[Task]:
    return [t for t in rig.tasks(job) if t.status.state is TaskState.COMPLETE]


@pytest.mark.parametrize("seed", range(5))
def test_two_at_a_time_until_five_are_done(seed: int) -> None:
    rig = Rig(seed)
    job = create(rig, several())
    for completed in (2, 4, 5):
        rig.advance(1)
        assert len(rig.running(job)) <= 2
        end(rig, job, TaskState.COMPLETE)
        assert len(done(rig, job)) == completed
        rig.restart_manager()
    rig.advance(100)
    assert len(rig.tasks(job)) == 5 and all(t.desired_state is TaskState.COMPLETE for t in rig.tasks(job))


def test_a_failure_is_tried_again_after_the_delay_and_so_often() -> None:
    rig = Rig()
    job = create(rig, several(1, 1), RestartPolicy(delay=2 * SECOND, max_attempts=2))
    rig.advance(1)
    for attempts in (1, 2, 3):
        end(rig, job, TaskState.FAILED)
        assert len(rig.running(job)) == 0, f"attempt {attempts}: the delay"
        rig.advance(3)
    assert rig.running(job) == [] and len(rig.tasks(job)) == 3
    assert done(rig, job) == []


def test_a_drained_node_gives_its_share_to_another() -> None:
    rig = Rig()
    job = create(rig, several(3, 3))
    rig.advance(1)
    rig.set_node("n1", availability=Availability.DRAIN)
    rig.advance(3)
    assert len(rig.running(job)) == 3 and all(t.node_id != "node-n1" for t in rig.running(job))


def test_an_update_runs_it_again_and_removes_what_was() -> None:
    rig = Rig()
    job = create(rig, several(5, 5))
    rig.advance(1)
    end(rig, job, TaskState.COMPLETE)
    before = {t.id for t in rig.tasks(job)}
    rig.update(job, lambda spec: replace(spec, task_template=replace(spec.task_template, force_update=1)))
    rig.advance(2)
    assert before.isdisjoint(t.id for t in rig.tasks(job))
    assert len(rig.running(job)) == 5 and {t.job_iteration for t in rig.tasks(job)} == {1}


def test_a_global_job_runs_once_on_each_node() -> None:
    rig = Rig()
    job = create(rig, ServiceMode(global_job={}))
    rig.advance(1)
    assert len({t.node_id for t in rig.running(job)}) == 3
    end(rig, job, TaskState.COMPLETE)
    rig.advance(100)
    assert len(rig.tasks(job)) == len(done(rig, job)) == 3
