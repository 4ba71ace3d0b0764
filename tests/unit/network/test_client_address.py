"""The client's own address on the mesh: what the entry node leaves alone, and how the task's sandbox knows the way
back."""

from __future__ import annotations

from dataclasses import replace as changed

from msgspec.structs import replace

from swarmkit_py.network.names import host_end
from swarmkit_py.network.reconcile import AddLink, Drop, Put, diff
from swarmkit_py.network.state import LinkKey, ReturnKey
from swarmkit_py.network.wanted import Inputs, wanted_state
from tests.unit.network.build import endpoint, ingress, inputs, task

PATH = "/run/netns/t1"


def world(*entries: str, keeps: bool = True) -> Inputs:
    record = task("t1", "10.0.0.5/24")
    record = replace(record, sandbox=replace(record.sandbox, resolver="127.0.0.11", keeps_source=keeps))
    shown = replace(endpoint(80, "10.0.0.5", "10.0.0.6"), kept=["10.0.0.5"])
    return inputs(replace(ingress("10.0.0.3"), entries=list(entries)), endpoints=(shown,), sandboxes=(record,))


def test_a_way_back_to_each_node_that_clients_may_come_in_by() -> None:
    state = wanted_state(world("10.0.0.2", "10.0.0.3"))
    assert state.returns == {ReturnKey(PATH, "eth0", "10.0.0.2"), ReturnKey(PATH, "eth0", "10.0.0.3")}
    rules = state.rulesets[PATH].text()
    assert "02:42:0a:00:00:02 : 0xa000002, 02:42:0a:00:00:03 : 0xa000003" in rules
    assert "notrack" not in rules
    assert "tcp flags & (syn | ack) == syn ct mark set" in rules, "a late packet of another connection turns nothing"
    assert wanted_state(world("10.0.0.2", keeps=False)).returns == frozenset()
    assert "notrack" in wanted_state(world("10.0.0.2", keeps=False)).rulesets[PATH].text()


def test_the_entry_node_leaves_the_address_of_those_alone_that_know_the_way_back() -> None:
    rules = wanted_state(world("10.0.0.2")).rulesets[""].text()
    assert "add element inet swarm kept { 10.0.0.5 }" in rules
    assert "kept { 10.0.0.6 }" not in rules


def test_ways_come_and_go_with_the_nodes() -> None:
    one, two = wanted_state(world("10.0.0.2")), wanted_state(world("10.0.0.2", "10.0.0.3"))
    key = ReturnKey(PATH, "eth0", "10.0.0.3")
    assert Put(key, "", "t1") in diff(two, one)
    assert Drop(key) in diff(one, two)


def test_with_a_new_interface_all_ways_are_made_again() -> None:
    state = wanted_state(world("10.0.0.2"))
    end = host_end("t1", "eth0")
    broken = changed(
        state, links={key: link for key, link in state.links.items() if key != LinkKey("", end)},
        returns=frozenset(), fdb={key: value for key, value in state.fdb.items() if key.link != end})
    operations = diff(state, broken)
    made = [index for index, step in enumerate(operations) if isinstance(step, AddLink)]
    ways = [index for index, step in enumerate(operations)
            if isinstance(step, Put) and isinstance(step.key, ReturnKey)]
    assert len(made) == len(ways) == 1 and made < ways


def test_what_goes_with_its_sandbox_is_not_taken_away_before() -> None:
    state = wanted_state(world("10.0.0.2"))
    gone = wanted_state(Inputs())
    assert not [step for step in diff(gone, state) if isinstance(step, Drop) and isinstance(step.key, ReturnKey)]
