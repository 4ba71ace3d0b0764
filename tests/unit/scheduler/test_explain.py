"""Each filter's no, with the facts that tell what would help."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from swarmkit_py.manager.scheduler.explain import survey, verdicts
from swarmkit_py.manager.scheduler.filters import FILTERS
from swarmkit_py.model.objects import Endpoint, Node, Service, Task
from swarmkit_py.model.specs import Platform
from swarmkit_py.model.states import Availability, NodeState, TaskState
from tests.builders import MEGABYTE, node, port, service, task

HOST_PORT = Endpoint(ports=[port(8090, mode="host")])


def refused(of: Service, place: Node, others: list[Task] | None = None) -> list[tuple[str, dict[str, str]]]:
    waiting = task(of, 9, state=TaskState.PENDING)
    [verdict] = verdicts(waiting, survey([place], others or []))
    return [(refusal.filter, refusal.facts) for refusal in verdict.refusals]


def running_on(of: Service, slot: int = 1) -> Task:
    return task(of, slot, state=TaskState.RUNNING, node_id="node-worker1")


@pytest.mark.parametrize(("of", "place", "name", "facts"), [
    (service(), node(state=NodeState.DOWN), "ready", {"state": "down"}),
    (service(), node(availability=Availability.PAUSE), "ready", {"availability": "pause"}),
    (service(cpus=3), node(), "resource", {"cpus": "3", "free_cpus": "2"}),
    (service(memory=2048 * MEGABYTE), node(), "resource", {"memory_mib": "2048", "free_memory_mib": "1024"}),
    (service(constraints=["node.role==worker", "node.labels.rack==a"]), node(labels={"rack": "b"}), "constraint",
     {"key": "node.labels.rack", "operator": "==", "value": "a", "has": "b"}),
    (service(constraints=["node.ip!=10.7.0.0/24"]), node(), "constraint",
     {"key": "node.ip", "operator": "!=", "value": "10.7.0.0/24", "has": "10.7.0.1"}),
])
def test_what_a_node_says(of: Service, place: Node, name: str, facts: dict[str, str]) -> None:
    assert refused(of, place) == [(name, facts)]


def test_what_its_tasks_say() -> None:
    web = service("web", max_replicas=1, endpoint=HOST_PORT)
    assert refused(web, node(), [running_on(web)]) == [
        ("host port", {"ports": "8090/tcp", "by": "web.1"}), ("max replicas", {"limit": "1", "here": "1"})]


def test_platform_and_driver() -> None:
    def with_template(**more: Any) -> Service:
        of = service()
        return replace(of, spec=replace(of.spec, task_template=replace(of.spec.task_template, **more)))

    arm = service()
    placement = arm.spec.task_template.placement
    assert placement is not None
    wanted = with_template(placement=replace(placement, platforms=[Platform(os="linux", architecture="arm64")]))
    assert refused(wanted, node()) == [("platform", {"wanted": "linux/arm64", "has": "linux/x86_64"})]
    assert refused(with_template(log_driver={"Name": "syslog"}), node()) == [("plugin", {"missing": "Log/syslog"})]


def test_a_node_that_fits_has_nothing_against_it() -> None:
    assert refused(service(), node()) == []


def test_a_task_made_for_one_node_is_judged_there_only() -> None:
    of = replace(task(), node_id="node-b")
    infos = survey([node("a"), node("b", state=NodeState.DOWN)], [])
    assert [(v.hostname, [r.filter for r in v.refusals]) for v in verdicts(of, infos)] == [("b", ["ready"])]


def test_every_filter_has_its_facts() -> None:
    from swarmkit_py.manager.scheduler.explain import _FACTS

    assert {make(task()).name for make in FILTERS} == set(_FACTS)
