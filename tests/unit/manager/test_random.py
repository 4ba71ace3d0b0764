"""Hundreds of random stories: users, failures and restarts of the manager, in the middle of anything.

After each transaction the rig asserts what must never be (two tasks to run in one slot, a state that falls, a
successor that overlaps, a running task deleted); at the end of each story all must be as the user wants it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from swarmkit_py.manager.orchestrator.nodes import must_leave, takes_new
from swarmkit_py.manager.orchestrator.slots import on_a_node, slot_of, wanted
from swarmkit_py.manager.versions import fits, is_dirty
from swarmkit_py.model.objects import Node, Service, Task
from swarmkit_py.model.specs import SECOND, RestartPolicy, ServiceSpec, UpdateConfig
from swarmkit_py.model.states import Availability, NodeState, TaskState
from tests.builders import service
from tests.unit.manager.rig import Rig

STORIES, PER_TEST, ACTS = 300, 20, 24


def tell(seed: int) -> Rig:
    """One story."""
    rig = Rig(seed)
    rig.missing_images = {"bad"}
    for _ in range(ACTS):
        rig.chance.choice([
            create, create, scale, scale, remove, node_fails, node_returns, node_changes, image_vanishes,
            task_ends, task_ends, crash_loop, update, update, update, roll_back, manager_restarts, time_passes,
            time_passes])(rig)
        rig.step(rig.chance.randrange(12))
    return rig


def create(rig: Rig) -> None:
    if len(rig.store.all(Service)) < 4:
        asked = service(f"s{rig.chance.randrange(10_000)}", replicas=rig.chance.randrange(6),
                        global_=rig.chance.random() < 0.3,
                        constraints=["node.labels.rack==a"] if rig.chance.random() < 0.2 else None)
        rig.create(asked)


def scale(rig: Rig) -> None:
    replicated = [s for s in rig.store.all(Service) if s.spec.mode.replicated]
    if replicated:
        rig.scale(rig.chance.choice(replicated), rig.chance.randrange(8))


def update(rig: Rig) -> None:
    """Another image (one that no node has, at times), forced restarts, another policy: or all of it, or nothing."""
    services = rig.store.all(Service)
    if not services:
        return
    image = rig.chance.choice(["nginx:latest", "nginx:2", "bad", ""])
    force, config = rig.chance.randrange(2), some_policy(rig)
    rollback_config = some_policy(rig)

    def change(spec: ServiceSpec) -> ServiceSpec:
        template = spec.task_template
        assert template.container_spec is not None
        container = replace(template.container_spec, image=image or template.container_spec.image)
        template = replace(template, container_spec=container, force_update=template.force_update + force)
        return replace(spec, task_template=template, update_config=config, rollback_config=rollback_config)

    rig.update(rig.chance.choice(services), change)


def some_policy(rig: Rig) -> UpdateConfig:
    pick = rig.chance.choice
    return UpdateConfig(
        parallelism=pick([0, 1, 2]), delay=pick([None, SECOND]), monitor=pick([None, 2 * SECOND]),
        failure_action=pick(["pause", "continue", "rollback"]), max_failure_ratio=pick([0.0, 0.5]),
        order=pick(["stop-first", "start-first"]))


def roll_back(rig: Rig) -> None:
    services = [s for s in rig.store.all(Service) if s.previous_spec is not None]
    if services:
        rig.rollback(rig.chance.choice(services))


def remove(rig: Rig) -> None:
    if services := rig.store.all(Service):
        rig.remove(rig.chance.choice(services))


def a_node(rig: Rig) -> str:
    return f"n{rig.chance.randint(1, 3)}"


def node_fails(rig: Rig) -> None:
    rig.set_node(a_node(rig), state=NodeState.DOWN)


def node_returns(rig: Rig) -> None:
    rig.set_node(a_node(rig), state=NodeState.READY)


def node_changes(rig: Rig) -> None:
    rig.set_node(a_node(rig), availability=rig.chance.choice(list(Availability)),
                 labels={"rack": rig.chance.choice("ab")})


def task_ends(rig: Rig) -> None:
    running = [t for t in rig.tasks() if t.status.state is TaskState.RUNNING]
    if running:
        rig.report(rig.chance.choice(running).id, rig.chance.choice([TaskState.FAILED, TaskState.COMPLETE]))


def manager_restarts(rig: Rig) -> None:
    rig.restart_manager()


def time_passes(rig: Rig) -> None:
    rig.advance(rig.chance.choice([0.1, 1, 6]))
    if rig.chance.random() < 0.3:
        rig.advance(70)
        check_quiet(rig)


def image_vanishes(rig: Rig) -> None:
    rig.missing_images = ({"nginx:latest"} - rig.missing_images) | {"bad"}


def crash_loop(rig: Rig) -> None:
    """One slot's task fails again and again."""
    running = [t for t in rig.tasks() if t.status.state is TaskState.RUNNING and wanted(t)]
    if not running:
        return
    victim = rig.chance.choice(running)
    for _ in range(7):
        for task in rig.tasks():
            if (task.service_id, slot_of(task)) == (victim.service_id, slot_of(victim)) and (
                    task.status.state is TaskState.RUNNING):
                rig.report(task.id, TaskState.FAILED)
        rig.advance(5.5)


def check_quiet(rig: Rig) -> None:
    """Nothing has happened for a while, whatever state the nodes are in."""
    nodes = {node.id: node for node in rig.store.all(Node)}
    for task in rig.tasks():
        service_of = rig.store.get(Service, task.service_id)
        place = nodes.get(task.node_id)
        if service_of is None or not wanted(task):
            on_lost = place is None or place.status.state is NodeState.DOWN
            assert on_lost or not on_a_node(task), f"{task.id} was to stop long ago"
        elif place is not None:
            assert not must_leave(task, nodes), f"{task.id} should have left {place.id}"
            assert fits(service_of, place), f"{task.id} does not fit {place.id}"
    for asked in rig.store.all(Service):
        tasks = rig.tasks(asked)
        failing = any(t.spec.container_spec.image in rig.missing_images for t in tasks)  # type: ignore[union-attr]
        check_quiet_service(asked, [t for t in tasks if wanted(t)], nodes, failing)


def check_quiet_service(asked: Service, to_run: list[Task], nodes: dict[str, Node], image_missing: bool) -> None:
    held_back = [t for t in to_run if t.desired_state is not TaskState.RUNNING]
    assert not held_back or image_missing, "the minute is over"
    mode = asked.spec.mode.replicated
    if mode is not None:
        assert len({slot_of(t) for t in to_run}) == mode.replicas
        return
    may = {node.id for node in nodes.values() if takes_new(asked, node)}
    assert may <= {t.node_id for t in to_run}


def repair(rig: Rig) -> None:
    """Everything is well again, and there is time."""
    rig.missing_images = set()
    for name in ("n1", "n2", "n3"):
        rig.set_node(name, state=NodeState.READY, availability=Availability.ACTIVE, labels={"rack": "a"})
    rig.advance(30)
    for asked in rig.store.all(Service):
        if asked.update_status is not None and asked.update_status.state.endswith("paused"):
            rig.update(asked, lambda spec: spec)
    rig.advance(100)


@pytest.mark.parametrize("first", range(0, STORIES, PER_TEST))
def test_all_is_as_wanted_in_the_end(first: int) -> None:
    for seed in range(first, first + PER_TEST):
        rig = tell(seed)
        repair(rig)
        for asked in rig.store.all(Service):
            check_service(rig, asked, seed)
        known = {asked.id for asked in rig.store.all(Service)}
        assert {t.id for t in rig.tasks() if t.service_id not in known} == set(), f"seed {seed}"


def check_service(rig: Rig, asked: Service, seed: int) -> None:
    running = rig.running(asked)
    dirty = [t.id for t in running if is_dirty(asked, t, rig.store.get(Node, t.node_id))]
    assert dirty == [], f"seed {seed}: {dirty} are of an older spec"
    ended = asked.update_status is None or asked.update_status.state in ("completed", "rollback_completed")
    assert ended, f"seed {seed}: {asked.update_status}"
    mode = asked.spec.mode.replicated
    if mode is None:
        assert sorted(t.node_id for t in running) == sorted(n.id for n in rig.store.all(Node)), f"seed {seed}"
    else:
        assert len({t.slot for t in running}) == len(running) == mode.replicas, f"seed {seed}"
    slots: dict[object, int] = {}
    for task in rig.tasks(asked):
        slots[task.slot or task.node_id] = slots.get(task.slot or task.node_id, 0) + 1
    assert max(slots.values(), default=0) <= 5, f"seed {seed}: history of {slots}"


def test_the_same_seed_tells_the_same_story() -> None:
    def ending(seed: int) -> list[tuple[str, str, str]]:
        return [(t.id, t.node_id, t.status.state.value) for t in tell(seed).tasks()]

    assert ending(7) == ending(7)
    assert ending(7) != ending(8)


@pytest.mark.parametrize("seed", range(10))
def test_max_attempts_hold_across_restarts_of_the_manager(seed: int) -> None:
    rig = Rig(seed)
    asked = service(replicas=1)
    template = replace(asked.spec.task_template, restart_policy=RestartPolicy(max_attempts=3, delay=SECOND))
    web = rig.create(replace(asked, spec=replace(asked.spec, task_template=template)))
    for _ in range(6):
        rig.advance(2)
        rig.restart_manager()
        for task in rig.running(web):
            rig.report(task.id, TaskState.FAILED)
    rig.advance(60)
    assert rig.running(web) == []
    assert len(rig.tasks(web)) == 4, "the first, and three restarts"
