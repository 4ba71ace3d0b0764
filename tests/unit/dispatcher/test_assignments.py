"""What each node is told is a function of the tables."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from swarmkit_py.manager.dispatcher.assignments import (
    Survey,
    assignment_for,
    complete_message,
    concerns_nodes,
    difference,
    survey,
)
from swarmkit_py.model.assignment import NodeAssignment, Peer
from swarmkit_py.model.objects import Attachment, Endpoint, Network, Node, Service, Task, TaskStatus
from swarmkit_py.model.states import NodeState, TaskState
from tests.builders import in_state, network, node, port, service, task

INGRESS, BACK = network(), network("back", subnet="10.0.1.0/24", vni=4097)
ONE, TWO = (
    replace(node(name, addr=addr), attachments=[Attachment(network_id=INGRESS.id, addresses=[on_ingress])])
    for name, addr, on_ingress in (("one", "10.7.0.1", "10.0.0.2/24"), ("two", "10.7.0.2", "10.0.0.3/24"))
)
WEB = service("web", endpoint=Endpoint(ports=[port(8080, 80)]))


def on(
    where: Node, address: str, state: TaskState = TaskState.RUNNING, net: Network = INGRESS, **more: object
) -> Task:
    made = task(WEB, node_id=where.id, state=state, networks=[Attachment(network_id=net.id, addresses=[address])])
    return replace(made, **more)


def look(*tasks: Task, nodes: tuple[Node, ...] = (ONE, TWO), services: tuple[Service, ...] = (WEB,)) -> Survey:
    return survey(tasks, nodes, [INGRESS, BACK], services)


def test_tasks_from_assigned_on_go_to_their_node_whatever_became_of_them() -> None:
    tasks = {state: on(ONE, "10.0.0.9/24", state) for state in TaskState}
    told = assignment_for(look(*tasks.values()), ONE.id).tasks
    assert {t.status.state for t in told.values()} == set(TaskState) - {TaskState.NEW, TaskState.PENDING}
    assert assignment_for(look(*tasks.values()), TWO.id).tasks == {}


def test_every_node_carries_ingress_and_other_networks_only_where_a_task_needs_them() -> None:
    back = on(ONE, "10.0.1.5/24", net=BACK)
    shared = look(back)
    assert set(assignment_for(shared, ONE.id).networks) == {INGRESS.id, BACK.id}
    assert set(assignment_for(shared, TWO.id).networks) == {INGRESS.id}
    assert set(assignment_for(look(in_state(back, TaskState.SHUTDOWN)), ONE.id).networks) == {INGRESS.id}


def test_a_network_comes_with_the_node_s_own_address_and_everybody_else_s() -> None:
    shared = look(on(ONE, "10.0.0.10/24"), on(TWO, "10.0.0.9/24"), on(TWO, "10.0.0.100/24"))
    found = assignment_for(shared, ONE.id).networks[INGRESS.id]
    assert (found.node_address, found.vni, found.subnet, found.gateway, found.ingress) == (
        "10.0.0.2/24", 4096, "10.0.0.0/24", "10.0.0.1", True)
    assert found.peers == [Peer(address=a, node_address="10.7.0.2") for a in ("10.0.0.3", "10.0.0.9", "10.0.0.100")]


@pytest.mark.parametrize(("state", "is_peer"), [
    (TaskState.NEW, False), (TaskState.PENDING, False), (TaskState.ASSIGNED, True), (TaskState.PREPARING, True),
    (TaskState.RUNNING, True), (TaskState.COMPLETE, False), (TaskState.FAILED, False), (TaskState.ORPHANED, False),
])
def test_an_address_is_a_peer_from_assigned_until_the_end(state: TaskState, is_peer: bool) -> None:
    peers = assignment_for(look(on(TWO, "10.0.0.9/24", state)), ONE.id).networks[INGRESS.id].peers
    assert ("10.0.0.9" in [peer.address for peer in peers]) == is_peer


def test_a_node_without_an_address_is_nobody_s_peer() -> None:
    nowhere = replace(TWO, status=replace(TWO.status, addr=""))
    shared = look(on(TWO, "10.0.0.9/24"), nodes=(ONE, nowhere))
    assert assignment_for(shared, ONE.id).networks[INGRESS.id].peers == []


@pytest.mark.parametrize(("change", "serves"), [
    ({}, True), ({"desired_state": TaskState.SHUTDOWN}, False), ({"desired_state": TaskState.REMOVE}, False),
    ({"status": TaskStatus(state=TaskState.STARTING)}, False),
    ({"status": TaskStatus(state=TaskState.FAILED)}, False),
])
def test_backends_are_running_and_wanted(change: dict[str, object], serves: bool) -> None:
    told = assignment_for(look(on(ONE, "10.0.0.9/24", **change)), TWO.id).endpoints["tcp/8080"]
    assert (told.service_name, told.target_port) == ("web", 80)
    assert told.backends == (["10.0.0.9"] if serves else [])


def test_a_closing_task_serves_no_more_and_is_drained() -> None:
    web = on(ONE, "10.0.0.9/24")
    closing = replace(web, status=replace(web.status, closing=True))
    assert [endpoint.backends for endpoint in look(closing).endpoints.values()] == [[]]
    assert look(closing).leaving == [closing] and look(web).leaving == []
    assert concerns_nodes(web, closing)
    ended = in_state(closing, TaskState.FAILED)
    assert look(ended).leaving == []


def test_a_down_node_serves_nothing() -> None:
    down = replace(ONE, status=replace(ONE.status, state=NodeState.DOWN))
    shared = look(on(ONE, "10.0.0.9/24"), on(TWO, "10.0.0.8/24"), nodes=(down, TWO))
    assert assignment_for(shared, TWO.id).endpoints["tcp/8080"].backends == ["10.0.0.8"]


def test_only_ingress_ports_of_services_that_exist_are_endpoints() -> None:
    host_only = replace(WEB, endpoint=Endpoint(ports=[port(9000, mode="host"), port(53, 53, protocol="udp")]))
    assert set(look(services=(host_only,)).endpoints) == {"udp/53"}
    assert look(on(ONE, "10.0.0.9/24"), services=()).endpoints == {}
    assert look(services=(replace(WEB, endpoint=None),)).endpoints == {}


def test_networks_that_are_not_allocated_yet_are_not_told() -> None:
    fresh = replace(INGRESS, subnet="", vni=0)
    assert assignment_for(survey([], [ONE], [fresh]), ONE.id).networks == {}


def test_a_task_s_own_progress_is_no_news_for_its_node() -> None:
    before = on(ONE, "10.0.0.9/24", TaskState.PREPARING)
    after = replace(before, status=TaskStatus(state=TaskState.READY, message="prepared"), index=99)
    old, new = (assignment_for(look(t), ONE.id) for t in (before, after))
    assert difference(old, new).empty
    stopped = assignment_for(look(replace(after, desired_state=TaskState.SHUTDOWN)), ONE.id)
    assert [t.id for t in difference(new, stopped).tasks] == [before.id]


def test_which_changes_concern_nodes() -> None:
    pending, assigned, ready, running, failed = (
        on(ONE, "10.0.0.9/24", s, id="t") for s in
        (TaskState.PENDING, TaskState.ASSIGNED, TaskState.READY, TaskState.RUNNING, TaskState.FAILED))
    assert concerns_nodes(None, pending)
    assert concerns_nodes(pending, assigned)
    assert not concerns_nodes(assigned, ready)
    assert concerns_nodes(ready, running)
    assert concerns_nodes(running, failed)
    assert concerns_nodes(failed, None)
    assert concerns_nodes(ONE, TWO)
    assert concerns_nodes(running, replace(running, desired_state=TaskState.SHUTDOWN))


@pytest.mark.parametrize("seed", range(30))
def test_differences_lead_from_any_assignment_to_any_other(seed: int) -> None:
    rng = random.Random(seed)

    def some() -> NodeAssignment:
        tasks = [
            on(rng.choice([ONE, TWO]), f"10.0.{i % 2}.{i + 10}/24", rng.choice(list(TaskState)),
               rng.choice([INGRESS, BACK]), id=f"t{i}", desired_state=rng.choice(list(TaskState)))
            for i in rng.sample(range(12), rng.randint(0, 12))
        ]
        services = tuple(s for s in (WEB, service("api", endpoint=Endpoint(ports=[port(81)]))) if rng.random() < 0.7)
        return assignment_for(look(*tasks, services=services), ONE.id)

    have = some()
    wanted = some()
    message = difference(have, wanted).message(7)
    assert (message.complete, message.applies_to, message.results_in) == (False, 7, 8)
    tasks = {**{k: t for k, t in have.tasks.items() if k not in message.removed_tasks},
             **{t.id: t for t in message.tasks}}
    networks = {**{k: n for k, n in have.networks.items() if k not in message.removed_networks},
                **{n.id: n for n in message.networks}}
    endpoints = {**{k: e for k, e in have.endpoints.items() if k not in message.removed_endpoints},
                 **{e.key: e for e in message.endpoints}}
    assert (networks, endpoints) == (wanted.networks, wanted.endpoints)
    assert {k: replace(t, status=TaskStatus()) for k, t in tasks.items()} == {
        k: replace(t, status=TaskStatus()) for k, t in wanted.tasks.items()}
    assert difference(wanted, wanted).empty
    whole = complete_message(wanted, 1)
    assert (whole.complete, len(whole.tasks), len(whole.networks)) == (True, len(wanted.tasks), len(wanted.networks))
