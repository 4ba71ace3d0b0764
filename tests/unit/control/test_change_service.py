"""`docker service update`, `scale`, `rollback`, `rm`, and how a word finds its object."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from swarmkit_py.errors import FailedPrecondition, InvalidArgument, NotFound, OutOfSequence, SwarmError, Unimplemented
from swarmkit_py.manager.defaults import service_with_defaults
from swarmkit_py.model.objects import JobStatus, Service, Task, UpdateStatus
from swarmkit_py.model.specs import (
    ContainerSpec,
    EndpointSpec,
    ReplicatedJob,
    ReplicatedService,
    ResourceRequirements,
    Resources,
    ServiceMode,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
)
from tests.builders import port, service, spec, task
from tests.unit.control.rig import Rig


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def web(rig: Rig) -> Service:
    return rig.control.create_service(spec("web", replicas=5, ports=[port(80)]))


def scaled(of: ServiceSpec, replicas: int) -> ServiceSpec:
    return replace(of, mode=ServiceMode(replicated=ReplicatedService(replicas=replicas)))


def test_scaling_changes_the_spec_and_leaves_the_tasks_current(rig: Rig, web: Service) -> None:
    after = rig.control.update_service("web", web.index, scaled(web.spec, 10))
    assert after.spec.mode.replicated == ReplicatedService(replicas=10)
    assert (after.previous_spec, after.previous_spec_index) == (web.spec, web.spec_index)
    assert after.spec_index == web.spec_index, "tasks quote this: a new one would make them all dirty"
    assert after.index > web.index


def test_labels_and_update_settings_can_change(rig: Rig, web: Service) -> None:
    wanted = replace(web.spec, labels={"a": "b"}, update_config=UpdateConfig(parallelism=2))
    after = rig.control.update_service(web.id, web.index, wanted)
    assert (after.spec.labels, after.spec.update_config) == ({"a": "b"}, UpdateConfig(parallelism=2))


def test_a_spec_that_says_the_same_in_other_words_is_no_change_of_the_template(rig: Rig, web: Service) -> None:
    said = replace(web.spec.task_template, resources=ResourceRequirements(limits=Resources()), networks=[],
                   placement=None)
    after = rig.control.update_service("web", web.index, replace(web.spec, task_template=said))
    assert after.index > web.index


def test_an_update_clears_the_state_of_the_one_before(rig: Rig, web: Service) -> None:
    done = rig.store.update(lambda tx: tx.update(replace(web, update_status=UpdateStatus(state="completed"))))
    assert rig.control.update_service("web", done.index, web.spec).update_status is None


def test_a_stale_version_is_refused_and_changes_nothing(rig: Rig, web: Service) -> None:
    rig.control.update_service("web", web.index, scaled(web.spec, 2))
    with pytest.raises(OutOfSequence) as caught:
        rig.control.update_service("web", web.index, scaled(web.spec, 3))
    assert caught.value.wire_text() == "rpc error: code = Unknown desc = update out of sequence"
    assert rig.control.get_service("web").spec == scaled(web.spec, 2)


def other_image(of: ServiceSpec) -> ServiceSpec:
    return replace(of, task_template=TaskSpec(container_spec=ContainerSpec(image="nginx:2")))


def forced(of: ServiceSpec) -> ServiceSpec:
    return replace(of, task_template=replace(of.task_template, force_update=1))


def other_port(of: ServiceSpec) -> ServiceSpec:
    return replace(of, endpoint_spec=EndpointSpec(mode="vip", ports=[port(81)]))


def with_runtime(of: ServiceSpec) -> ServiceSpec:
    return replace(of, task_template=replace(of.task_template, runtime="plugin"))


@pytest.mark.parametrize(("change", "text"), [
    (with_runtime, "TaskTemplate.Runtime"),
    (lambda of: replace(of, name="other"), "renaming services is not supported"),
    (lambda of: replace(of, mode=ServiceMode(global_={})), "service mode change is not allowed"),
])
def test_changes_that_are_not_there(
    rig: Rig, web: Service, change: Callable[[ServiceSpec], ServiceSpec], text: str,
) -> None:
    with pytest.raises(Unimplemented) as caught:
        rig.control.update_service("web", web.index, change(web.spec))
    assert text in caught.value.wire_text()
    assert rig.control.get_service("web") == web


def test_an_update_is_checked_like_a_creation(rig: Rig, web: Service) -> None:
    rig.control.create_service(spec("db", ports=[port(81)]))
    with pytest.raises(InvalidArgument, match="port '81' is already in use by service 'db'"):
        rig.control.update_service("web", web.index, other_port(web.spec))
    with pytest.raises(InvalidArgument, match="non-negative"):
        rig.control.update_service("web", web.index, scaled(web.spec, -1))


@pytest.mark.parametrize("change", [other_image, forced, other_port])
def test_what_concerns_tasks_gets_a_version_of_its_own(
    rig: Rig, web: Service, change: Callable[[ServiceSpec], ServiceSpec],
) -> None:
    after = rig.control.update_service("web", web.index, change(web.spec))
    assert after.spec_index == after.index > web.spec_index
    assert (after.previous_spec, after.previous_spec_index) == (web.spec, web.spec_index)


def test_an_endpoint_in_other_words_is_no_change(rig: Rig) -> None:
    plain = rig.control.create_service(replace(spec("plain"), endpoint_spec=None))
    said = replace(plain.spec, endpoint_spec=EndpointSpec(mode="vip"))
    assert rig.control.update_service("plain", plain.index, said).spec_index == plain.spec_index


def test_rollback_without_anything_to_go_back_to(rig: Rig, web: Service) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        rig.control.update_service("web", web.index, web.spec, rollback=True)
    assert caught.value.wire_text() == (
        f"rpc error: code = FailedPrecondition desc = service {web.id} does not have a previous spec")


def test_rollback_and_back_again(rig: Rig, web: Service) -> None:
    now = rig.control.update_service("web", web.index, other_image(web.spec))
    back = rig.control.update_service("web", now.index, ServiceSpec(), rollback=True)
    assert (back.spec, back.previous_spec) == (web.spec, now.spec)
    assert back.spec_index == back.index, "what the rollback starts can be told from what was left alone"
    assert back.update_status == UpdateStatus(
        state="rollback_started", started_at=rig.clock.now(), message="manually requested rollback")
    assert rig.control.update_service("web", back.index, ServiceSpec(), rollback=True).spec == now.spec


def test_a_rollback_of_the_number_alone_leaves_the_tasks_current(rig: Rig, web: Service) -> None:
    now = rig.control.update_service("web", web.index, scaled(web.spec, 2))
    assert rig.control.update_service("web", now.index, web.spec, rollback=True).spec_index == web.spec_index


def test_a_rollback_is_checked_like_an_update(rig: Rig, web: Service) -> None:
    now = rig.control.update_service("web", web.index, other_port(web.spec))
    with pytest.raises(OutOfSequence):
        rig.control.update_service("web", web.index, web.spec, rollback=True)
    rig.control.create_service(spec("thief", ports=[port(80)]))
    with pytest.raises(InvalidArgument, match="port '80' is already in use by service 'thief'"):
        rig.control.update_service("web", now.index, web.spec, rollback=True)
    assert rig.control.get_service("web") == now


JOB = ServiceMode(replicated_job=ReplicatedJob(max_concurrent=2, total_completions=5))


def test_every_update_runs_a_job_again(rig: Rig) -> None:
    job = rig.control.create_service(replace(spec("job"), mode=JOB))
    assert job.job_status == JobStatus(iteration=0, last_execution=rig.clock.now())
    again = rig.control.update_service("job", job.index, replace(job.spec, labels={"a": "b"}))
    assert again.job_status == JobStatus(iteration=1, last_execution=rig.clock.now())
    back = rig.control.update_service("job", again.index, job.spec, rollback=True)
    assert back.job_status == JobStatus(iteration=2, last_execution=rig.clock.now())


@pytest.mark.parametrize(("said", "stored"), [
    (ReplicatedJob(), (1, 1)),
    (ReplicatedJob(max_concurrent=3), (3, 3)),
    (ReplicatedJob(total_completions=4), (1, 4)),
    (ReplicatedJob(max_concurrent=0, total_completions=0), (0, 0)),
])
def test_a_jobs_numbers_are_always_there(rig: Rig, said: ReplicatedJob, stored: tuple[int, int]) -> None:
    """The CLI reads both without a look whether they exist."""
    mode = rig.control.create_service(replace(spec("job"), mode=ServiceMode(replicated_job=said))).spec.mode
    assert mode.replicated_job == ReplicatedJob(max_concurrent=stored[0], total_completions=stored[1])


@pytest.mark.parametrize(("job", "more", "text"), [
    (ReplicatedJob(max_concurrent=-1), {}, "Maximum concurrent jobs must be non-negative"),
    (ReplicatedJob(max_concurrent=1, total_completions=-1), {}, "Total completed jobs must be non-negative"),
    (ReplicatedJob(max_concurrent=0, total_completions=2), {}, "Maximum concurrent jobs must not be zero"),
    (ReplicatedJob(), {"update_config": UpdateConfig(parallelism=1)}, "Jobs may not have an update config"),
])
def test_a_job_that_cannot_be(rig: Rig, job: ReplicatedJob, more: dict[str, UpdateConfig], text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        rig.control.create_service(replace(spec("job", **more), mode=ServiceMode(replicated_job=job)))


def test_removing_leaves_the_tasks_to_their_orchestrator(rig: Rig, web: Service) -> None:
    rig.store.update(lambda tx: tx.create(task(web, id="t1")))
    rig.control.remove_service("web")
    assert rig.control.list_services() == []
    assert [t.id for t in rig.control.list_tasks()] == ["t1"]
    rig.control.create_service(spec("web", ports=[port(80)]))


MISSING: list[tuple[Callable[[Rig], object], str]] = [
    (lambda rig: rig.control.get_service("x"), "service x not found"),
    (lambda rig: rig.control.get_service(""), "service  not found"),
    (lambda rig: rig.control.update_service("x", 1, spec()), "service x not found"),
    (lambda rig: rig.control.remove_service("x"), "service x not found"),
    (lambda rig: rig.control.get_node("x"), "node x not found"),
    (lambda rig: rig.control.remove_node("x", True), "node x not found"),
    (lambda rig: rig.control.get_task("x"), "task x not found"),
    (lambda rig: rig.control.get_network("x"), "network x not found"),
]


@pytest.mark.parametrize(("ask", "text"), MISSING)
def test_what_is_not_there(rig: Rig, ask: Callable[[Rig], object], text: str) -> None:
    with pytest.raises(NotFound) as caught:
        ask(rig)
    assert caught.value.wire_text() == text


def test_an_id_comes_before_a_name_and_a_name_before_a_prefix(rig: Rig) -> None:
    first, second, third = service("abc", id="xyz1"), service("xyz1", id="abc2"), service("ab", id="abc3")
    rig.store.update(lambda tx: [tx.create(s) for s in (first, second, third)])
    found = {ref: rig.control.get_service(ref).id for ref in ("xyz1", "abc", "ab", "abc2", "xy")}
    assert found == {"xyz1": "xyz1", "abc": "xyz1", "ab": "abc3", "abc2": "abc2", "xy": "xyz1"}


def test_an_ambiguous_prefix_is_refused(rig: Rig) -> None:
    rig.store.update(lambda tx: [tx.create(service(name, id=f"s3{name}")) for name in ("a", "b")])
    with pytest.raises(InvalidArgument) as caught:
        rig.control.get_service("s3")
    assert (caught.value.status, caught.value.wire_text()) == (400, "service s3 is ambiguous (2 matches found)")


def test_a_task_is_found_by_its_full_name(rig: Rig) -> None:
    made = task(service("web"), slot=2, id="abc")
    rig.store.update(lambda tx: tx.create(made))
    assert rig.control.get_task("web.2.abc").id == rig.store.all(Task)[0].id


def test_every_error_is_one_for_a_reader(rig: Rig, web: Service) -> None:
    with pytest.raises(SwarmError):
        rig.control.update_service("web", web.index, ServiceSpec())


def test_a_template_with_its_defaults_spelled_out_is_the_same_template(rig: Rig, web: Service) -> None:
    """The docker SDK scales by sending back what `insertDefaults=true` showed it."""
    after = rig.control.update_service(web.id, web.index, scaled(service_with_defaults(web.spec), 6))
    assert after.spec.task_template == web.spec.task_template
    assert after.spec_index == web.spec_index
    assert after.spec.mode.replicated == ReplicatedService(replicas=6)
