"""All loops of a manager over one store: what a user does, and what becomes of it."""

from __future__ import annotations

import pytest

from swarmkit_py.model.objects import Node, Task
from swarmkit_py.model.states import Availability, NodeState, TaskState, Writer
from tests.builders import service
from tests.unit.manager.rig import Rig


@pytest.fixture(params=range(3))
def rig(request: pytest.FixtureRequest) -> Rig:
    return Rig(seed=request.param)


def test_five_replicas_on_three_nodes(rig: Rig) -> None:
    web = rig.create(service(replicas=5))
    rig.advance(2)
    assert sorted(task.slot for task in rig.running(web)) == [1, 2, 3, 4, 5]
    assert rig.spread(web) == [1, 2, 2]


def test_scaling_up_and_down_keeps_the_survivors(rig: Rig) -> None:
    web = rig.create(service(replicas=5))
    rig.advance(2)
    first = {task.id for task in rig.running(web)}
    rig.scale(web, 10)
    rig.advance(2)
    ten = {task.id for task in rig.running(web)}
    assert len(ten) == 10
    assert first < ten
    rig.scale(web, 3)
    rig.advance(2)
    assert rig.spread(web) == [1, 1, 1]
    assert {task.id for task in rig.tasks(web)} < ten, "nothing new, and nothing of the others left"


def test_a_service_that_is_removed_leaves_nothing(rig: Rig) -> None:
    web, other = rig.create(service(replicas=4)), rig.create(service("other", replicas=1))
    rig.advance(2)
    rig.remove(web)
    rig.advance(2)
    assert rig.tasks(web) == []
    assert len(rig.running(other)) == 1


def test_the_tasks_of_a_node_that_went_down_run_elsewhere_without_delay(rig: Rig) -> None:
    web = rig.create(service(replicas=3))
    rig.advance(2)
    rig.set_node("n1", state=NodeState.DOWN)
    rig.advance(1)
    assert {task.node_id for task in rig.running(web)} == {"node-n2", "node-n3"}
    assert len(rig.running(web)) == 3


def test_a_task_that_fails_is_replaced_in_its_slot_after_five_seconds(rig: Rig) -> None:
    web = rig.create(service(replicas=2))
    rig.advance(2)
    victim = next(task for task in rig.running(web) if task.slot == 2)
    rig.report(victim.id, TaskState.FAILED)
    rig.advance(4.9)
    assert len(rig.running(web)) == 1
    rig.advance(0.2)
    successor = next(task for task in rig.running(web) if task.slot == 2)
    assert successor.id != victim.id
    assert rig.task(victim.id).desired_state is TaskState.SHUTDOWN, "it stays as history"


def test_a_drained_node_is_left_and_not_filled_again_by_itself(rig: Rig) -> None:
    web = rig.create(service(replicas=6))
    rig.advance(2)
    rig.set_node("n2", availability=Availability.DRAIN)
    rig.advance(1)
    assert {task.node_id for task in rig.running(web)} == {"node-n1", "node-n3"}
    assert len(rig.running(web)) == 6
    rig.set_node("n2", availability=Availability.ACTIVE)
    rig.advance(10)
    assert "node-n2" not in {task.node_id for task in rig.running(web)}, "no rebalancing"
    rig.scale(web, 9)
    rig.advance(2)
    assert rig.spread(web) == [3, 3, 3]


def test_a_constraint_that_no_longer_holds_moves_the_task(rig: Rig) -> None:
    rig.set_node("n1", labels={"rack": "a"})
    rig.set_node("n2", labels={"rack": "a"})
    db = rig.create(service("db", replicas=2, constraints=["node.labels.rack==a"]))
    rig.advance(2)
    assert {task.node_id for task in rig.running(db)} == {"node-n1", "node-n2"}
    rig.set_node("n1", labels={})
    rig.advance(6)
    assert [task.node_id for task in rig.running(db)] == ["node-n2"] * 2


def test_a_global_service_follows_the_nodes(rig: Rig) -> None:
    agent = rig.create(service("agent", global_=True))
    rig.advance(2)
    assert rig.spread(agent) == [1, 1, 1]
    rig.set_node("n3", availability=Availability.DRAIN)
    rig.set_node("n1", state=NodeState.DOWN)
    rig.advance(2)
    assert [task.node_id for task in rig.running(agent)] == ["node-n2"]
    rig.set_node("n3", availability=Availability.ACTIVE)
    rig.set_node("n1", state=NodeState.READY)
    rig.advance(2)
    assert rig.spread(agent) == [1, 1, 1]


def test_a_removed_node(rig: Rig) -> None:
    web, agent = rig.create(service(replicas=3)), rig.create(service("agent", global_=True))
    rig.advance(2)
    rig.set_node("n1", state=NodeState.DOWN)
    rig.store.update(lambda tx: tx.delete(Node, "node-n1"), writer=Writer.CONTROL)
    rig.advance(2)
    assert {task.node_id for task in rig.running(web)} == {"node-n2", "node-n3"}
    assert rig.spread(agent) == [1, 1]


def test_a_crash_loop_keeps_five_tasks_a_slot(rig: Rig) -> None:
    web = rig.create(service(replicas=1))
    for _ in range(9):
        rig.advance(6)
        rig.report(rig.running(web)[0].id, TaskState.FAILED)
    rig.advance(6)
    assert len(rig.tasks(web)) == 5
    assert len(rig.running(web)) == 1


def test_an_image_that_is_not_there_is_tried_every_five_seconds(rig: Rig) -> None:
    rig.missing_images = {"nosuch:9"}
    web = rig.create(service(replicas=2, image="nosuch:9"))
    rig.advance(11)
    assert len(rig.tasks(web)) == 2 * 4, "the first, its successor that failed in its preparation, and two more"
    rig.missing_images = set()
    rig.advance(10)
    assert len(rig.running(web)) == 2


def test_too_many_for_one_transaction() -> None:
    rig = Rig()
    rig.store.check = lambda: None  # quadratic here
    web = rig.create(service(replicas=2500))
    rig.advance(5)
    assert sorted(task.slot for task in rig.running(web)) == list(range(1, 2501))
    rig.scale(web, 0)
    rig.advance(5)
    assert rig.store.all(Task) == []
