from __future__ import annotations

from swarmkit_py.network.balance import Balance, balancer, virtual_addresses
from swarmkit_py.network.rules import changes
from tests.unit.network.test_directory import record


def test_a_virtual_address_is_found_in_a_map_and_balanced_over_its_tasks() -> None:
    text = balancer([record("web", "10.0.1.5", "10.0.1.6")], "10.0.1.200").text()
    assert "add element inet swarm vips { 10.0.1.2 : goto vip_10_0_1_2 }" in text
    assert "dnat ip to numgen inc mod 2 map { 0 : 10.0.1.5, 1 : 10.0.1.6 }" in text
    assert "ct status dnat snat ip to 10.0.1.200" in text


def test_who_has_no_tasks_or_no_virtual_address_is_in_no_map() -> None:
    assert balancer([record("web"), record("db", "10.0.1.5", mode="dnsrr")], "10.0.1.200").parts == ()
    assert virtual_addresses([record("web"), record("db", mode="dnsrr")]) == ["10.0.1.2"]


def test_without_an_address_for_the_answer_nothing_is_balanced() -> None:
    assert balancer([record("web", "10.0.1.5")], "").parts == ()


def test_the_rules_a_packet_meets_do_not_grow_with_the_services() -> None:
    many = [record(f"s{n}", "10.0.1.5", vip=f"10.0.1.{n}") for n in range(10, 100)]
    assert balancer(many, "10.0.1.200").base == balancer(many[:1], "10.0.1.200").base


def test_a_change_of_backends_is_one_transaction_that_closes_and_opens() -> None:
    old, new = Balance("10.0.1.2", ("10.0.1.5",)), Balance("10.0.1.2", ("10.0.1.6",))
    lines = changes([old], [new]).splitlines()
    assert lines[0] == "delete element inet swarm vips { 10.0.1.2 }"
    assert lines[-1] == "add element inet swarm vips { 10.0.1.2 : goto vip_10_0_1_2 }"
