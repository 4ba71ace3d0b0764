"""The rebalancer: what it moves, when it rests, and that a move never leaves a slot without its task."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from swarmkit_py.manager.rebalancer import Move, Rest, all_moves, endings, next_move
from swarmkit_py.manager.scheduler.explain import survey
from swarmkit_py.model.mounts import Mount
from swarmkit_py.model.objects import Node, Service, Task, UpdateStatus
from swarmkit_py.model.specs import Placement, PlacementPreference, SpreadOver
from swarmkit_py.model.states import NodeState, TaskState
from tests.builders import node, service, task
from tests.unit.manager.rig import HandClock, Rig

NOW = HandClock().now()
NODES = [node("a"), node("b"), node("c")]


def on(name: str = "web", labels: dict[str, str] | None = None, **wanted: Any) -> Service:
    of = service(name, **wanted)
    return replace(of, spec=replace(of.spec, labels={"swarmkit.rebalance": "on", **(labels or {})}))


def spread(of: Service, *counts: int) -> list[Task]:
    """Running tasks, so many on each node."""
    places = [name for name, count in zip("abc", counts, strict=False) for _ in range(count)]
    return [task(of, slot, state=TaskState.RUNNING, node_id=f"node-{name}") for slot, name in enumerate(places, 1)]


def decide(of: Service, tasks: list[Task], nodes: list[Node] | None = None, more: list[Task] | None = None) -> str:
    """`slot:target`, or why nothing is moved."""
    answer = next_move(of, tasks, survey(nodes or NODES, [*tasks, *(more or [])]), NOW)
    return answer.why if isinstance(answer, Rest) else f"{answer.task.slot}:{answer.target[-1]}"


@pytest.mark.parametrize(("counts", "answer"), [
    ((3, 0, 0), "b"), ((2, 2, 0), "c"), ((1, 1, 1), "even"), ((2, 1, 1), "even"), ((2, 1, 0), "c"),
    ((1, 0, 0), "even"),
])
def test_from_the_fullest_to_the_emptiest(counts: tuple[int, ...], answer: str) -> None:
    of = on()
    assert decide(of, spread(of, *counts)).rpartition(":")[2] == answer


def test_the_threshold_is_a_label() -> None:
    of = on(labels={"swarmkit.rebalance.threshold": "3"})
    assert decide(of, spread(of, 2, 1, 0)) == "even"
    assert decide(of, spread(of, 3, 1, 0)).endswith(":c")
    odd = on(labels={"swarmkit.rebalance.threshold": "many"})
    assert decide(odd, spread(odd, 2, 1, 0)).endswith(":c")


def test_no_task_goes_where_the_scheduler_would_not_put_it() -> None:
    of = on(constraints=["node.labels.rack==1"])
    nodes = [node("a", labels={"rack": "1"}), node("b"), node("c", state=NodeState.DOWN, labels={"rack": "1"})]
    assert decide(of, spread(of, 4, 0, 0), nodes) == "even"


def test_spread_preferences_are_the_scheduler_s_too() -> None:
    of = on()
    placement = Placement(preferences=[PlacementPreference(spread=SpreadOver(spread_descriptor="node.labels.rack"))])
    of = replace(of, spec=replace(of.spec, task_template=replace(of.spec.task_template, placement=placement)))
    nodes = [node("a", labels={"rack": "1"}), node("b", labels={"rack": "2"}), node("c", labels={"rack": "2"})]
    assert decide(of, spread(of, 2, 1, 1), nodes) == "even"


def test_other_services_do_not_count() -> None:
    of, other = on(), service("db")
    assert decide(of, spread(of, 1, 1, 1), more=spread(other, 9, 0, 0)) == "even"


@pytest.mark.parametrize(("of", "why"), [
    (on(global_=True), "not replicated"),
    (replace(on(), update_status=UpdateStatus(state="updating")), "updating"),
])
def test_when_it_rests(of: Service, why: str) -> None:
    assert decide(of, spread(of, 3, 0, 0)) == why


def test_tasks_with_data_stay() -> None:
    of = on()
    container = of.spec.task_template.container_spec
    assert container is not None
    kept = replace(container, mounts=[Mount(type="volume", source="data", target="/data")])
    of = replace(of, spec=replace(of.spec, task_template=replace(of.spec.task_template, container_spec=kept)))
    assert decide(of, spread(of, 3, 0, 0)) == "volumes"


def test_a_service_whose_tasks_do_not_all_run_is_left_alone() -> None:
    of = on()
    tasks = spread(of, 3, 0, 0)
    starting = replace(tasks[2], status=replace(tasks[2].status, state=TaskState.STARTING))
    assert decide(of, [*tasks[:2], starting]) == "under way"


def test_so_many_a_minute_and_a_pause_after_a_failure() -> None:
    of = on(labels={"swarmkit.rebalance.per-minute": "1"})
    tasks = spread(of, 3, 0, 0)
    moved = replace(tasks[0], moved_from="old", created_at=NOW)
    assert decide(of, [moved, *tasks[1:]]) == "enough for now"
    broken = replace(tasks[0], moved_from="old", id="x", desired_state=TaskState.SHUTDOWN,
                     status=replace(tasks[0].status, state=TaskState.FAILED, timestamp=NOW))
    assert decide(of, [*tasks, broken]) == "failed"


def test_the_whole_plan_ends_evenly() -> None:
    of = on()
    tasks = spread(of, 9, 0, 0)
    moves = all_moves(of, tasks, survey(NODES, tasks))
    counts = {"node-a": 9, "node-b": 0, "node-c": 0}
    for move in moves:
        counts[move.task.node_id] -= 1
        counts[move.target] += 1
    assert set(counts.values()) == {3}
    assert len(moves) == 6


def test_how_moves_end() -> None:
    of = on()
    [old] = spread(of, 1)
    new = replace(old, id="new", moved_from=old.id, node_id="node-b", created_at=NOW)
    waiting = replace(new, status=replace(new.status, state=TaskState.PREPARING))
    late = HandClock()
    late.elapsed = 60
    assert list(endings([old, new], NOW)) == [(old, TaskState.SHUTDOWN)]
    assert list(endings([old, waiting], NOW)) == []
    assert list(endings([old, waiting], late.now())) == [(waiting, TaskState.SHUTDOWN)]
    assert list(endings([old], NOW)) == []


def _rig_with_an_empty_node(labels: dict[str, str] | None = None) -> tuple[Rig, Service]:
    rig = Rig()
    rig.set_node("n3", state=NodeState.DOWN)
    web = rig.create(on(replicas=6, labels=labels))
    rig.advance(1)
    rig.set_node("n3", state=NodeState.READY)
    return rig, web


def test_a_node_that_came_back_gets_its_share() -> None:
    rig, web = _rig_with_an_empty_node({"swarmkit.rebalance.per-minute": "10"})
    for _ in range(60):
        rig.advance(1)
        assert len(rig.running(web)) >= 6, "start-first"
    assert rig.spread(web) == [2, 2, 2]
    assert len(rig.running(web)) == 6
    rig.advance(300)
    assert rig.spread(web) == [2, 2, 2]


def test_two_a_minute() -> None:
    rig, web = _rig_with_an_empty_node()
    moves = {}
    for second in range(200):
        rig.advance(1)
        moves |= {t.id: second for t in rig.tasks(web) if t.moved_from and t.id not in moves}
    assert rig.spread(web) == [2, 2, 2]
    times = sorted(moves.values())
    assert all(later - earlier >= 59 for earlier, later in zip(times, times[2:], strict=False))


def test_without_the_label_nothing_moves() -> None:
    rig = Rig()
    rig.set_node("n3", state=NodeState.DOWN)
    web = rig.create(service("web", replicas=6))
    rig.advance(1)
    rig.set_node("n3", state=NodeState.READY)
    rig.advance(300)
    assert rig.spread(web) == [3, 3]


def test_a_move_that_does_not_come_up_is_given_up() -> None:
    rig, web = _rig_with_an_empty_node()
    before = {t.id for t in rig.running(web)}
    rig.missing_images.add("nginx:latest")
    rig.advance(120)
    assert {t.id for t in rig.running(web)} == before
    assert rig.spread(web) == [3, 3]


def test_a_plan_is_a_move_or_a_reason() -> None:
    of = on()
    answer = next_move(of, spread(of, 3, 0, 0), survey(NODES, spread(of, 3, 0, 0)), NOW)
    assert isinstance(answer, Move)
    assert (answer.count_here, answer.count_there) == (3, 0)
