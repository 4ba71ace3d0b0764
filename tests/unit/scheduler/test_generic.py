"""Generic resources: offered by nodes, claimed by the scheduler, shown to the container."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.manager.scheduler.loop import Scheduler
from swarmkit_py.model import generic
from swarmkit_py.model.objects import Node, Service, Task
from swarmkit_py.model.specs import ResourceRequirements, Resources
from swarmkit_py.model.states import TaskState
from swarmkit_py.store.memory import Store
from tests.builders import node, service, task
from tests.unit.manager.rig import HandClock


def offering(name: str, *texts: str) -> Node:
    place = node(name)
    assert place.description is not None
    resources = replace(place.description.resources, generic_resources=generic.parse_offer(texts))
    return replace(place, description=replace(place.description, resources=resources))


def wanting(kind: str, count: int) -> Service:
    of = service()
    asked = Resources(generic_resources=[{"DiscreteResourceSpec": {"Kind": kind, "Value": count}}])
    template = replace(of.spec.task_template, resources=ResourceRequirements(reservations=asked))
    return replace(of, spec=replace(of.spec, task_template=template))


def scheduled(nodes: list[Node], tasks: list[Task]) -> list[Task]:
    """The tasks after the scheduler's pass."""
    store = Store(HandClock())
    store.update(lambda tx: [tx.create(obj) for obj in (*nodes, *tasks)])
    scheduler = Scheduler(store, HandClock())
    scheduler.look_at_everything()
    scheduler.tick()
    return store.all(Task)


def pending(of: Service, count: int) -> list[Task]:
    return [task(of, slot, state=TaskState.PENDING) for slot in range(1, count + 1)]


def test_numbers_are_given_until_none_is_left() -> None:
    done = scheduled([offering("a", "coffee=3"), offering("b", "coffee=2"), node("c")],
                     pending(wanting("coffee", 2), 3))
    assert [t.node_id for t in done] == ["node-a", "node-b", ""]
    assert done[0].assigned_generic_resources == [{"DiscreteResourceSpec": {"Kind": "coffee", "Value": 2}}]
    assert generic.environment(done[0].assigned_generic_resources) == ["DOCKER_RESOURCE_COFFEE=2"]
    assert done[2].status.err == "no suitable node (insufficient resources on 3 nodes)"


def test_names_are_given_to_one_task_each() -> None:
    done = scheduled([offering("a", "gpu=one", "gpu=two", "gpu=three")], pending(wanting("gpu", 1), 4))
    given = [generic.environment(t.assigned_generic_resources) for t in done]
    assert given == [["DOCKER_RESOURCE_GPU=one"], ["DOCKER_RESOURCE_GPU=two"], ["DOCKER_RESOURCE_GPU=three"], []]


def test_what_a_running_task_has_is_taken() -> None:
    of = wanting("gpu", 1)
    has = [{"NamedResourceSpec": {"Kind": "gpu", "Value": "one"}}]
    there = replace(task(of, 9, state=TaskState.RUNNING, node_id="node-a"), assigned_generic_resources=has)
    [_, new] = scheduled([offering("a", "gpu=one", "gpu=two")], [there, *pending(of, 1)])
    assert generic.environment(new.assigned_generic_resources) == ["DOCKER_RESOURCE_GPU=two"]


@pytest.mark.parametrize("texts", [["gpu"], ["=1"], ["gpu="], ["gpu=1", "gpu=2"], ["gpu=one", "gpu=2"]])
def test_offers_that_are_none(texts: list[str]) -> None:
    with pytest.raises(InvalidArgument, match="generic resource"):
        generic.parse_offer(texts)


def test_a_task_without_a_wish_claims_nothing() -> None:
    [done] = scheduled([offering("a", "gpu=one")], pending(service(), 1))
    assert done.assigned_generic_resources is None
