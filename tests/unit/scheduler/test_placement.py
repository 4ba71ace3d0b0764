"""The choice of nodes: pure, so every rule is one call."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from swarmkit_py.manager.scheduler.nodeinfo import NodeInfo
from swarmkit_py.manager.scheduler.placement import TaskGroup, Unplaced, check_preassigned, place
from swarmkit_py.model.objects import Endpoint, Service, Task
from swarmkit_py.model.specs import Placement, PlacementPreference, Platform, SpreadOver
from swarmkit_py.model.states import Availability, NodeState, TaskState
from tests.builders import MEGABYTE, node, port, service, task


def info(name: str, tasks: list[Task] | None = None, **facts: Any) -> NodeInfo:
    """A node with these tasks running on it."""
    result = NodeInfo(node(name, id=name, **facts))
    for one in tasks or []:
        result.put(replace(one, node_id=name, status=replace(one.status, state=TaskState.RUNNING)))
    return result


def group(of: Service, count: int = 1, now: float = 0.0) -> TaskGroup:
    return TaskGroup([task(of, slot) for slot in range(1, count + 1)], now)


def running(of: Service, count: int) -> list[Task]:
    return [task(of, slot) for slot in range(1, count + 1)]


def chosen(of: Service, nodes: list[NodeInfo], count: int = 1) -> list[str]:
    """The node of each task, or why it has none, by slot."""
    tasks = group(of, count)
    result = place(tasks, nodes)
    assert set(result) == {t.id for t in tasks.tasks}
    return [r.why if isinstance(r := result[t.id], Unplaced) else r for t in tasks.tasks]


WEB, DB = service("web"), service("db")


def test_tasks_are_spread_evenly_and_ties_go_by_the_order_given() -> None:
    nodes = [info("a"), info("b"), info("c")]
    assert chosen(WEB, nodes, 5) == ["a", "b", "c", "a", "b"]
    assert chosen(WEB, nodes[::-1], 2) == ["c", "b"]


def test_the_service_s_own_count_comes_before_the_total() -> None:
    nodes = [info("a", running(WEB, 1)), info("b", running(DB, 7))]
    assert chosen(WEB, nodes) == ["b"]


def test_equal_for_the_service_the_emptier_node_wins() -> None:
    nodes = [info("a", running(DB, 2)), info("b", running(DB, 1)), info("c", running(DB, 3))]
    assert chosen(WEB, nodes, 4) == ["b", "a", "c", "b"]


def test_tasks_on_their_way_out_do_not_count_but_hold_their_resources() -> None:
    leaving = replace(task(service("web", memory=800 * MEGABYTE)), desired_state=TaskState.SHUTDOWN)
    nodes = [info("a", [leaving]), info("b", running(DB, 1))]
    assert chosen(WEB, nodes) == ["a"]
    assert chosen(service("big", memory=800 * MEGABYTE), nodes) == ["b"]


def test_a_node_where_this_version_keeps_failing_comes_last() -> None:
    nodes = [info("a"), info("b", running(WEB, 3))]
    for _ in range(5):
        nodes[0].task_failed((WEB.id, 0), when=100.0)
    tasks = group(WEB, now=399.0)
    assert list(place(tasks, nodes).values()) == ["b"]
    assert list(place(group(WEB, now=401.0), nodes).values()) == ["a"], "five minutes later it is forgiven"
    assert list(place(group(replace(WEB, spec_index=9), now=399.0), nodes).values()) == ["a"], "another version"
    assert list(place(tasks, nodes[:1]).values()) == ["a"], "better than nothing"


def test_four_failures_are_forgiven() -> None:
    nodes = [info("a"), info("b", running(WEB, 3))]
    for _ in range(4):
        nodes[0].task_failed((WEB.id, 0), when=100.0)
    assert list(place(group(WEB, now=100.0), nodes).values()) == ["a"]


def test_placing_changes_no_node() -> None:
    nodes = [info("a"), info("b")]
    assert chosen(WEB, nodes, 4) == chosen(WEB, nodes, 4)
    assert [n.total for n in nodes] == [0, 0]


REASONS: list[tuple[Service, list[NodeInfo], str]] = [
    (WEB, [info("a", state=NodeState.DOWN), info("b", availability=Availability.DRAIN),
           info("c", availability=Availability.PAUSE)], "3 nodes not available for new tasks"),
    (WEB, [info("a", state=NodeState.DOWN)], "1 node not available for new tasks"),
    (service(cpus=3), [info("a"), info("b")], "insufficient resources on 2 nodes"),
    (service(memory=2048 * MEGABYTE), [info("a")], "insufficient resources on 1 node"),
    (service(constraints=["node.labels.rack==a"]), [info("a"), info("b", labels={"rack": "b"})],
     "scheduling constraints not satisfied on 2 nodes"),
    (service(max_replicas=1), [info("a", running(service(), 1))], "max replicas per node limit exceed"),
    (service(cpus=1, constraints=["node.role==manager"]),
     [info("a"), info("b", cpus=0.5), info("c"), info("d", state=NodeState.DOWN)],
     "scheduling constraints not satisfied on 2 nodes; 1 node not available for new tasks; "
     "insufficient resources on 1 node"),
]


@pytest.mark.parametrize(("of", "nodes", "why"), REASONS, ids=[why[:45] for _, _, why in REASONS])
def test_the_reason_counts_the_nodes_most_frequent_first(of: Service, nodes: list[NodeInfo], why: str) -> None:
    assert chosen(of, nodes) == [f"no suitable node ({why})"]


def test_without_any_node_there_is_nothing_to_explain() -> None:
    assert chosen(WEB, []) == ["no suitable node"]


def test_host_ports_as_a_real_swarm_answered_it() -> None:
    hp = service("hp", endpoint=Endpoint(ports=[port(8090, mode="host")]))
    full = "no suitable node (host-mode port already in use on 3 nodes)"
    assert chosen(hp, [info("a"), info("b"), info("c")], 5) == ["a", "b", "c", full, full]
    taken = [info(name, running(hp, 1)) for name in "abc"]
    assert chosen(service("hp2", endpoint=hp.endpoint), taken) == [full]


def test_the_same_host_port_of_another_protocol_is_free() -> None:
    tcp = service("tcp", endpoint=Endpoint(ports=[port(53, mode="host")]))
    udp = service("udp", endpoint=Endpoint(ports=[port(53, mode="host", protocol="udp")]))
    assert chosen(udp, [info("a", running(tcp, 1))]) == ["a"]
    assert chosen(tcp, [info("a", running(service("mesh", endpoint=Endpoint(ports=[port(53)])), 1))]) == ["a"]


def test_reservations_of_one_group_add_up() -> None:
    nodes = [info("a", cpus=2), info("b", cpus=1)]
    assert chosen(service(cpus=0.75), nodes, 4) == [
        "a", "b", "a", "no suitable node (insufficient resources on 2 nodes)"]


def test_max_replicas_per_node() -> None:
    nodes = [info("a"), info("b")]
    limit = "no suitable node (max replicas per node limit exceed)"
    assert chosen(service(max_replicas=2), nodes, 5) == ["a", "b", "a", "b", limit]


@pytest.mark.parametrize(("wanted", "fits"), [
    (Platform(architecture="amd64", os="linux"), True), (Platform(), True), (Platform(os="linux"), True),
    (Platform(architecture="x86_64"), True), (Platform(architecture="arm64", os="linux"), False),
    (Platform(architecture="amd64", os="windows"), False),
])
def test_platforms(wanted: Platform, fits: bool) -> None:
    of = with_placement(Placement(platforms=[wanted]))
    assert chosen(of, [info("a")]) == (["a"] if fits else ["no suitable node (unsupported platform on 1 node)"])


def with_placement(placement: Placement) -> Service:
    plain = service()
    template = replace(plain.spec.task_template, placement=placement)
    return replace(plain, spec=replace(plain.spec, task_template=template))


def spread_over(*labels: str) -> Service:
    preferences = [PlacementPreference(spread=SpreadOver(spread_descriptor=f"node.labels.{x}")) for x in labels]
    return with_placement(Placement(preferences=preferences))


def test_a_spread_preference_evens_out_the_branches_not_the_nodes() -> None:
    nodes = [info("a", labels={"rack": "1"}), info("b", labels={"rack": "1"}), info("c", labels={"rack": "2"})]
    assert Counter(chosen(spread_over("rack"), nodes, 8)) == {"a": 2, "b": 2, "c": 4}


def test_nodes_without_the_label_are_a_branch_of_their_own() -> None:
    nodes = [info("a", labels={"rack": "1"}), info("b"), info("c")]
    assert Counter(chosen(spread_over("rack"), nodes, 8)) == {"a": 4, "b": 2, "c": 2}


def test_preferences_nest() -> None:
    nodes = [info(n, labels={"dc": n[0], "rack": n[:2]}) for n in ("e1x", "e1y", "e2x", "w1x")]
    assert Counter(chosen(spread_over("dc", "rack"), nodes, 16)) == {"w1x": 8, "e2x": 4, "e1x": 2, "e1y": 2}


def test_a_branch_that_is_full_leaves_the_rest_to_the_others() -> None:
    of = spread_over("rack")
    placement = of.spec.task_template.placement
    assert placement is not None
    of = with_placement(replace(placement, max_replicas=2))
    nodes = [info("a", labels={"rack": "1"}), info("b", labels={"rack": "2"}), info("c", labels={"rack": "2"})]
    assert Counter(chosen(of, nodes, 6)) == {"a": 2, "b": 2, "c": 2}


def test_a_preassigned_task_is_only_checked_for_fit() -> None:
    one = task(service(cpus=3))
    assert check_preassigned(one, info("a")) == Unplaced("insufficient resources on 1 node")
    assert check_preassigned(one, info("a", cpus=4)) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=6), st.integers(1, 25))
def test_counts_of_a_service_never_differ_more_than_they_must(loads: list[tuple[int, int]], count: int) -> None:
    """Water-filling: no node gets a task while another has two fewer; and as many as sorting each time would do."""
    nodes = [info(str(n), running(WEB, mine) + running(DB, other)) for n, (mine, other) in enumerate(loads)]
    placed = chosen(WEB, nodes, count)
    mine = [load[0] for load in loads]
    totals = [sum(load) for load in loads]
    for name in placed:
        best = min(range(len(loads)), key=lambda n: (mine[n], totals[n], n))
        assert name == str(best)
        mine[best] += 1
        totals[best] += 1


def test_a_node_needs_the_drivers_that_a_task_names() -> None:
    ordinary = info("a")
    able = info("b")
    assert able.node.description is not None
    engine = replace(able.node.description.engine, plugins=[{"Type": "Log", "Name": "syslog"}])
    able.node = replace(able.node, description=replace(able.node.description, engine=engine))
    wanting = replace(WEB, spec=replace(WEB.spec, task_template=replace(
        WEB.spec.task_template, log_driver={"Name": "syslog"})))
    assert chosen(wanting, [ordinary, able]) == ["b"]
    assert chosen(wanting, [ordinary]) == ["no suitable node (missing plugin on 1 node)"]
