"""Rolling updates and rollbacks with every loop of a manager at work, on a clock moved by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from swarmkit_py.manager.orchestrator.slots import wanted
from swarmkit_py.model.objects import Service, Task
from swarmkit_py.model.specs import SECOND, RestartPolicy, ServiceSpec, UpdateConfig
from swarmkit_py.model.states import Availability, NodeState, TaskState
from tests.builders import service
from tests.unit.manager.rig import Rig


def image(name: str) -> Callable[[ServiceSpec], ServiceSpec]:
    def change(spec: ServiceSpec) -> ServiceSpec:
        container = replace(spec.task_template.container_spec, image=name)  # type: ignore[type-var]
        return replace(spec, task_template=replace(spec.task_template, container_spec=container))

    return change


def image_of(task: Task) -> str:
    assert task.spec.container_spec is not None
    return task.spec.container_spec.image


def policy(**config: Any) -> UpdateConfig:
    return UpdateConfig(**{"parallelism": 1, **config})


def start(rig: Rig, replicas: int = 4, **wanted: Any) -> Service:
    """A service that runs, of the image `old`."""
    web = rig.create(service("web", replicas=replicas, image="old", **wanted))
    rig.advance(10)
    return web


def running(rig: Rig, web: Service) -> list[str]:
    """The images that run, in order of their slots."""
    return [image_of(t) for t in sorted(rig.running(web), key=lambda t: t.slot)]


def state(rig: Rig, web: Service) -> str:
    status = rig.service(web).update_status
    return status.state if status else "none"


def message(rig: Rig, web: Service) -> str:
    status = rig.service(web).update_status
    assert status is not None
    return status.message


def least_during(rig: Rig, web: Service, seconds: float) -> tuple[int, int]:
    """The least and the greatest number of running tasks while time passes."""
    counts = []
    for _ in range(int(seconds * 4)):
        rig.advance(0.25)
        counts.append(len(rig.running(web)))
    return min(counts), max(counts)


def test_one_after_the_other_until_all_are_new() -> None:
    rig = Rig()
    web = start(rig)
    rig.update(web, image("new"))
    rig.settle()
    assert (state(rig, web), message(rig, web)) == ("updating", "update in progress")
    rig.advance(3)
    assert running(rig, web) == ["new"] * 4
    assert state(rig, web) == "updating", "the last is watched for the monitor period"
    rig.advance(6)
    assert (state(rig, web), message(rig, web)) == ("completed", "update completed")
    status = rig.service(web).update_status
    assert status is not None and status.completed_at is not None and status.started_at is not None


@pytest.mark.parametrize(("parallelism", "after"), [(1, [1, 2, 3]), (2, [2, 4, 4]), (0, [4, 4, 4])])
def test_so_many_at_a_time_with_the_delay_between(parallelism: int, after: list[int]) -> None:
    rig = Rig()
    web = start(rig, update_config=policy(parallelism=parallelism, delay=10 * SECOND))
    rig.update(web, image("new"))
    seen = []
    for _ in range(3):
        rig.advance(8)
        seen.append(running(rig, web).count("new"))
        rig.advance(2)
    assert seen == after


def test_stop_first_never_has_more_than_asked_and_start_first_never_fewer() -> None:
    for order, bounds in (("stop-first", (3, 4)), ("start-first", (4, 5))):
        rig = Rig()
        web = start(rig, update_config=policy(order=order, delay=SECOND))
        rig.update(web, image("new"))
        least, most = least_during(rig, web, 12)
        assert bounds[0] <= least and most <= bounds[1], order
        assert running(rig, web) == ["new"] * 4 and state(rig, web) == "completed"


@pytest.mark.parametrize("order", ["stop-first", "start-first"])
def test_a_bad_image_pauses_after_the_first(order: str) -> None:
    rig = Rig()
    rig.missing_images = {"bad"}
    web = start(rig, update_config=policy(order=order))
    rig.update(web, image("bad"))
    rig.advance(15)
    [bad] = [t for t in rig.tasks(web) if t.replaces]
    assert state(rig, web) == "paused"
    assert message(rig, web) == f"update paused due to failure or early termination of task {bad.id}"
    assert running(rig, web) == ["old"] * (3 if order == "stop-first" else 4)


def test_a_paused_update_goes_on_when_asked_again_or_with_a_better_image() -> None:
    rig = Rig()
    rig.missing_images = {"bad"}
    web = start(rig)
    rig.update(web, image("bad"))
    rig.advance(30)
    rig.update(web, lambda spec: spec)
    rig.settle()
    assert state(rig, web) == "updating", "docker service update web, and nothing else, resumes"
    rig.advance(30)
    assert state(rig, web) == "paused"
    rig.update(web, image("good"))
    rig.advance(30)
    assert running(rig, web) == ["good"] * 4 and state(rig, web) == "completed"


def test_a_bad_image_rolls_back_by_itself() -> None:
    rig = Rig()
    rig.missing_images = {"bad"}
    web = start(rig, update_config=policy(failure_action="rollback"))
    before = {t.id for t in rig.running(web)}
    rig.update(web, image("bad"))
    rig.advance(2)
    [bad] = [t for t in rig.tasks(web) if image_of(t) == "bad"]
    assert state(rig, web) == "rollback_started"
    assert message(rig, web) == f"update rolled back due to failure or early termination of task {bad.id}"
    rig.advance(30)
    assert (state(rig, web), message(rig, web)) == ("rollback_completed", "rollback completed")
    assert running(rig, web) == ["old"] * 4
    assert len(before & {t.id for t in rig.running(web)}) == 3, "what was never touched runs on"
    now = rig.service(web)
    assert (now.spec, now.previous_spec) == (web.spec, None)


@pytest.mark.parametrize("action", ["pause", "rollback"])
def test_a_rollback_that_fails_too_is_paused_for_good(action: str) -> None:
    """Even where its own failure action says `rollback`, and it is not called completed later (SwarmKit's D3)."""
    rig = Rig()
    rig.missing_images = {"bad"}
    web = start(rig, update_config=policy(failure_action="rollback"), rollback_config=policy(failure_action=action))
    rig.missing_images = {"bad", "old"}
    rig.update(web, image("bad"))
    rig.advance(60)
    assert state(rig, web) == "rollback_paused"
    assert message(rig, web).startswith("rollback paused due to failure or early termination of task ")
    rig.advance(300)
    assert state(rig, web) == "rollback_paused"


@pytest.mark.parametrize(("ratio", "ends"), [(0.0, "paused"), (0.25, "completed")])
def test_so_many_failures_are_borne(ratio: float, ends: str) -> None:
    rig = Rig()
    web = start(rig, update_config=policy(max_failure_ratio=ratio, delay=2 * SECOND))
    rig.update(web, image("new"))
    rig.advance(1)
    [first] = [t for t in rig.running(web) if image_of(t) == "new"]
    rig.report(first.id, TaskState.FAILED)
    rig.advance(60)
    assert state(rig, web) == ends
    assert running(rig, web).count("new") == (4 if ends == "completed" else 1)


def test_what_fails_after_the_monitor_period_is_no_failure_of_the_update() -> None:
    rig = Rig()
    web = start(rig, update_config=policy(delay=20 * SECOND, monitor=5 * SECOND))
    rig.update(web, image("new"))
    rig.advance(1)
    [first] = [t for t in rig.running(web) if image_of(t) == "new"]
    rig.advance(25)  # a delay longer than the monitor period prolongs that, to 21 s
    rig.report(first.id, TaskState.FAILED)
    rig.advance(100)
    assert state(rig, web) == "completed"


def test_with_continue_every_slot_gets_its_turn() -> None:
    rig = Rig()
    rig.missing_images = {"bad"}
    web = start(rig, update_config=policy(failure_action="continue"))
    rig.update(web, image("bad"))
    rig.advance(15)
    assert state(rig, web) == "completed" and running(rig, web) == []
    assert {t.slot for t in rig.tasks(web) if t.replaces} == {1, 2, 3, 4}


def test_start_first_with_continue_keeps_the_old_where_the_new_does_not_come_up() -> None:
    rig = Rig()
    rig.missing_images = {"bad"}
    web = start(rig, update_config=policy(failure_action="continue", order="start-first"))
    rig.update(web, image("bad"))
    rig.advance(60)
    assert state(rig, web) == "completed" and running(rig, web) == ["old"] * 4
    rig.missing_images = set()
    rig.advance(30)
    assert running(rig, web) == ["bad"] * 4, "the restart policy tried on, and where it succeeds the old one goes"


def test_a_task_that_nobody_can_place_stops_the_update_in_the_end_and_says_why() -> None:
    """SwarmKit waits for ever here (D2)."""
    rig = Rig()
    web = start(rig)

    def huge(spec: ServiceSpec) -> ServiceSpec:
        asked = replace(spec.task_template.resources.reservations, nano_cpus=64 * 10**9)  # type: ignore[union-attr, type-var]
        resources = replace(spec.task_template.resources, reservations=asked)  # type: ignore[type-var]
        return replace(spec, task_template=replace(spec.task_template, resources=resources))

    rig.update(web, huge)
    rig.advance(10)
    [stuck] = [t for t in rig.tasks(web) if t.replaces]
    why = "no suitable node (insufficient resources on 3 nodes)"
    assert (state(rig, web), message(rig, web)) == (
        "updating", f"update in progress: waiting for task {stuck.id}: {why}")
    rig.advance(130)
    assert (state(rig, web), message(rig, web)) == (
        "paused", f"update paused due to task {stuck.id}, which did not start within 130 seconds: {why}")
    assert len(rig.running(web)) == 3


def test_the_reason_goes_when_what_was_waited_for_comes() -> None:
    rig = Rig()
    web = start(rig, replicas=1)
    for name in ("n1", "n2", "n3"):
        rig.set_node(name, availability=Availability.PAUSE)
    rig.update(web, image("new"))
    rig.advance(5)
    assert "no suitable node (3 nodes not available for new tasks)" in message(rig, web)
    rig.set_node("n1", availability=Availability.ACTIVE)
    rig.advance(1)
    assert message(rig, web) == "update in progress"
    rig.advance(6)
    assert state(rig, web) == "completed"


def test_a_newer_update_takes_over() -> None:
    rig = Rig()
    web = start(rig, update_config=policy(delay=5 * SECOND))
    rig.update(web, image("second"))
    rig.advance(6)
    assert running(rig, web).count("second") == 2
    rig.update(web, image("third"))
    rig.advance(60)
    assert running(rig, web) == ["third"] * 4 and state(rig, web) == "completed"


def test_scaling_in_the_middle_goes_on_with_both() -> None:
    rig = Rig()
    web = start(rig, update_config=policy(delay=5 * SECOND))
    rig.update(web, image("new"))
    rig.advance(6)
    rig.update(web, lambda spec: replace(spec, mode=replace(spec.mode, replicated=replace(
        spec.mode.replicated, replicas=6))))  # type: ignore[type-var]
    rig.advance(1)
    assert len(rig.running(web)) == 6, "what is added is of the new spec, and waits for nobody"
    rig.advance(60)
    assert running(rig, web) == ["new"] * 6 and state(rig, web) == "completed"


def test_a_rollback_by_hand_in_the_middle_leaves_the_untouched_alone() -> None:
    rig = Rig()
    web = start(rig, update_config=policy(delay=5 * SECOND))
    before = {t.id for t in rig.running(web)}
    rig.update(web, image("new"))
    rig.advance(6)
    rig.rollback(web)
    rig.settle()
    assert (state(rig, web), message(rig, web)) == ("rollback_started", "manually requested rollback")
    rig.advance(20)
    assert (state(rig, web), message(rig, web)) == ("rollback_completed", "rollback completed")
    assert running(rig, web) == ["old"] * 4
    assert len(before & {t.id for t in rig.running(web)}) == 2
    rig.rollback(web)
    rig.advance(60)
    assert running(rig, web) == ["new"] * 4


def test_a_rollback_follows_its_own_policy() -> None:
    rig = Rig()
    web = start(rig, update_config=policy(parallelism=0), rollback_config=policy(delay=10 * SECOND))
    rig.update(web, image("new"))
    rig.advance(8)
    rig.rollback(web)
    rig.advance(15)
    assert running(rig, web).count("old") == 2


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("order", ["stop-first", "start-first"])
def test_it_survives_the_manager(order: str, seed: int) -> None:
    rig = Rig(seed)
    web = start(rig, replicas=6, update_config=policy(order=order, delay=SECOND, failure_action="rollback"))
    rig.update(web, image("new"))
    for _ in range(30):
        rig.step(rig.chance.randint(1, 15))
        rig.restart_manager()
        rig.clock.elapsed += 0.3
        assert len(rig.running(web)) >= (5 if order == "stop-first" else 6)
    rig.advance(30)
    assert running(rig, web) == ["new"] * 6 and state(rig, web) == "completed"


def test_new_constraints_that_are_met_already_move_nothing() -> None:
    rig = Rig()
    web = start(rig)
    rig.set_node("n1", labels={"disk": "ssd"})
    rig.set_node("n2", labels={"disk": "ssd"})
    before = {t.id: t.node_id for t in rig.running(web)}

    def on_ssd(spec: ServiceSpec) -> ServiceSpec:
        placement = replace(spec.task_template.placement, constraints=["node.labels.disk==ssd"])  # type: ignore[type-var]
        return replace(spec, task_template=replace(spec.task_template, placement=placement))

    rig.update(web, on_ssd)
    rig.advance(20)
    after = {t.id: t.node_id for t in rig.running(web)}
    assert set(after.values()) == {"node-n1", "node-n2"} and state(rig, web) == "completed"
    assert {tid for tid, node in before.items() if node != "node-n3"} <= set(after)


def test_force_replaces_all_and_the_settings_alone_nothing() -> None:
    rig = Rig()
    web = start(rig)
    before = {t.id for t in rig.running(web)}
    rig.update(web, lambda spec: replace(spec, update_config=policy(parallelism=2, delay=2 * SECOND)))
    rig.advance(20)
    assert ({t.id for t in rig.running(web)}, state(rig, web)) == (before, "none")
    rig.update(web, lambda spec: replace(spec, task_template=replace(spec.task_template, force_update=1)))
    rig.advance(30)
    assert before.isdisjoint(t.id for t in rig.running(web)) and len(rig.running(web)) == 4


@pytest.mark.parametrize("order", ["stop-first", "start-first"])
def test_a_global_service_is_updated_node_by_node(order: str) -> None:
    rig = Rig()
    web = rig.create(service("agent", global_=True, image="old", update_config=policy(order=order, delay=SECOND)))
    rig.advance(10)
    rig.set_node("n2", availability=Availability.PAUSE)
    rig.update(web, image("new"))
    rig.advance(20)
    images = {t.node_id: image_of(t) for t in rig.running(web)}
    assert images == {"node-n1": "new", "node-n2": "old", "node-n3": "new"}
    assert state(rig, web) == "completed"
    rig.set_node("n2", availability=Availability.ACTIVE)
    rig.advance(20)
    assert {image_of(t) for t in rig.running(web)} == {"new"} and len(rig.running(web)) == 3


@pytest.mark.parametrize("order", ["stop-first", "start-first"])
def test_a_node_that_dies_in_the_middle_does_not_stop_the_update(order: str) -> None:
    rig = Rig()
    web = start(rig, replicas=6, update_config=policy(order=order, delay=SECOND))
    rig.update(web, image("new"))
    rig.advance(1.5)
    rig.set_node("n3", state=NodeState.DOWN)
    rig.advance(60)
    assert running(rig, web) == ["new"] * 6 or sorted(
        image_of(t) for t in rig.running(web) if t.node_id != "node-n3") == ["new"] * 6
    assert state(rig, web) == "completed"
    assert len([t for t in rig.tasks(web) if wanted(t)]) == 6


def test_slots_that_were_given_up_get_a_new_chance() -> None:
    rig = Rig()
    never = replace(service("web", replicas=2, image="old"), id="x")
    template = replace(never.spec.task_template, restart_policy=RestartPolicy(condition="none"))
    web = rig.create(replace(never, spec=replace(never.spec, task_template=template)))
    rig.advance(5)
    for task in rig.running(web):
        rig.report(task.id, TaskState.FAILED)
    rig.advance(60)
    assert rig.running(web) == []
    rig.update(web, image("new"))
    rig.advance(20)
    assert running(rig, web) == ["new"] * 2
