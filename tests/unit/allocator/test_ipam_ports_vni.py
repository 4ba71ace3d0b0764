"""The pure parts of the allocator: addresses, ports, network identifiers."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmkit_py.manager.allocator.ipam import Pool, gateway_of, next_subnet
from swarmkit_py.manager.allocator.ports import Ports
from swarmkit_py.manager.allocator.vni import next_vni


def test_subnets_are_cut_from_the_pool_in_order() -> None:
    assert next_subnet(["10.0.0.0/8"], 24, []) == "10.0.0.0/24"
    assert next_subnet(["10.0.0.0/8"], 24, ["10.0.0.0/24"]) == "10.0.1.0/24"
    assert next_subnet(["10.0.0.0/8"], 24, ["10.0.0.0/24", "10.0.2.0/24"]) == "10.0.1.0/24"


def test_a_subnet_that_a_user_chose_is_gone_round() -> None:
    assert next_subnet(["10.0.0.0/8"], 24, ["10.0.0.0/23", "192.168.0.0/16"]) == "10.0.2.0/24"


def test_the_next_pool_is_used_when_one_is_full() -> None:
    pools = ["10.9.0.0/24", "10.8.0.0/24"]
    assert next_subnet(pools, 24, ["10.9.0.0/24"]) == "10.8.0.0/24"
    assert next_subnet(pools, 24, pools) is None


def test_the_gateway_is_the_first_address() -> None:
    assert gateway_of("10.0.7.0/24") == "10.0.7.1"


def test_network_identifiers_from_4096() -> None:
    assert next_vni(set()) == 4096
    assert next_vni({4096, 4098}) == 4097


def test_addresses_come_in_turn_and_one_just_freed_rests() -> None:
    pool = Pool("10.0.0.0/24")
    first, second = pool.take(("task", "a")), pool.take(("task", "b"))
    assert (first, second) == ("10.0.0.2/24", "10.0.0.3/24")
    pool.release("10.0.0.2/24", ("task", "a"))
    assert pool.take(("task", "c")) == "10.0.0.4/24"


def test_a_whole_subnet_is_used_and_then_none_is_left() -> None:
    pool = Pool("10.0.0.0/29")
    taken = [pool.take(("task", str(number))) for number in range(6)]
    assert taken == [f"10.0.0.{last}/29" for last in (2, 3, 4, 5, 6)] + [None]
    pool.release("10.0.0.4/29", ("task", "2"))
    assert pool.take(("node", "n")) == "10.0.0.4/29"
    assert pool.takers() == "5 of 5 are taken, by 0 VIPs, 4 tasks, 1 node"


def test_a_range_and_a_gateway_of_one_s_own() -> None:
    pool = Pool("10.9.0.0/24", gateway="10.9.0.130", ip_range="10.9.0.128/30")
    taken = [pool.take(("task", str(number))) for number in range(4)]
    assert taken == ["10.9.0.128/24", "10.9.0.129/24", "10.9.0.131/24", None]
    whole = Pool("10.9.0.0/29", gateway="10.9.0.6")
    assert [whole.take(("task", str(number))) for number in range(6)] == [
        f"10.9.0.{last}/29" for last in (1, 2, 3, 4, 5)] + [None]


@settings(deadline=None)
@given(prefix=st.integers(24, 29), gateway=st.integers(1, 6), more=st.integers(0, 5), turns=st.integers(1, 300))
def test_no_address_is_given_twice_nor_the_gateway_s(prefix: int, gateway: int, more: int, turns: int) -> None:
    subnet = ipaddress.IPv4Network(f"10.9.0.0/{prefix}")
    size = min(prefix + more, 32)
    pool = Pool(str(subnet), str(subnet[gateway]), str(list(subnet.subnets(new_prefix=size))[-1]))
    held: dict[str, int] = {}
    for turn in range(turns):
        address = pool.take(("task", str(turn)))
        if address is None:
            assert len(held) == pool.capacity
            oldest = next(iter(held), None)
            if oldest is None:
                return
            pool.release(oldest, ("task", str(held.pop(oldest))))
            continue
        plain = ipaddress.IPv4Address(address.partition("/")[0])
        assert address not in held and plain in subnet
        assert plain not in (subnet[gateway], subnet[0], subnet[-1])
        held[address] = turn


def test_only_its_holder_gives_an_address_back() -> None:
    pool = Pool("10.0.0.0/30")
    assert pool.take(("task", "a")) == "10.0.0.2/30"
    pool.release("10.0.0.2/30", ("task", "b"))
    assert pool.take(("task", "c")) is None


def test_after_a_restart_addresses_go_on_after_the_highest_held() -> None:
    pool = Pool("10.0.0.0/24")
    pool.hold("10.0.0.9/24", ("task", "a"))
    pool.hold("10.0.0.3/24", ("task", "b"))
    assert pool.take(("task", "c")) == "10.0.0.10/24"


@given(st.lists(st.one_of(st.none(), st.integers(0, 30)), max_size=80))
def test_no_address_is_ever_held_twice(steps: list[int | None]) -> None:
    """None takes one; a number gives the one of that turn back."""
    pool, held, subnet = Pool("10.0.0.0/28"), dict[int, str](), ipaddress.IPv4Network("10.0.0.0/28")
    for turn, step in enumerate(steps):
        if step is None:
            address = pool.take(("task", str(turn)))
            assert (address is None) == (len(held) == 13)
            if address is not None:
                assert address not in held.values()
                assert ipaddress.IPv4Interface(address).ip in list(subnet.hosts())[1:]
                held[turn] = address
        elif step in held:
            pool.release(held.pop(step), ("task", str(step)))


def test_ports_come_in_turn_per_protocol() -> None:
    ports = Ports()
    assert [ports.take("tcp", "a"), ports.take("tcp", "a"), ports.take("udp", "a")] == [30000, 30001, 30000]
    ports.release("tcp", 30000, "a")
    assert ports.take("tcp", "b") == 30002


def test_a_port_in_use_is_left_out_and_keeps_its_first_holder() -> None:
    ports = Ports()
    ports.hold("tcp", 30000, "a")
    ports.hold("tcp", 30000, "b")
    assert ports.holder("tcp", 30000) == "a"
    assert ports.take("tcp", "c") == 30001
    ports.release("tcp", 30000, "b")
    assert ports.holder("tcp", 30000) == "a"


def test_when_all_dynamic_ports_are_taken_there_is_none() -> None:
    ports = Ports()
    taken = {ports.take("tcp", "a") for _ in range(2768)}
    assert taken == set(range(30000, 32768))
    assert ports.take("tcp", "a") is None


@pytest.mark.parametrize("subnet", ["10.0.0.0/30", "10.0.0.0/24", "10.0.0.0/16"])
def test_capacity_leaves_out_network_gateway_and_broadcast(subnet: str) -> None:
    assert Pool(subnet).capacity == ipaddress.IPv4Network(subnet).num_addresses - 3
