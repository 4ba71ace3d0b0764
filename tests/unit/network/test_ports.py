from __future__ import annotations

import socket

import pytest

from swarmkit_py import errors
from swarmkit_py.network.ports import FIRST_DYNAMIC, listens_here, lowest_free, place_ports
from swarmkit_py.runtime.base import PortMapping


def mapping(published: int, target: int = 80, protocol: str = "tcp") -> PortMapping:
    return PortMapping(protocol=protocol, published_port=published, target_port=target)


def place(*asked: PortMapping, taken: set[tuple[str, int]] | None = None,
          listening: tuple[tuple[str, int], ...] = ()) -> list[int]:
    placed = place_ports("0123456789abcdef", asked, taken or set(), lambda key: key in listening)
    return [port.published_port for port in placed]


def test_a_port_of_zero_gets_the_lowest_free_one() -> None:
    assert place(mapping(0), mapping(0, 81), taken={("tcp", FIRST_DYNAMIC)}) == [FIRST_DYNAMIC + 1, FIRST_DYNAMIC + 2]
    assert place(mapping(0), listening=(("tcp", FIRST_DYNAMIC),)) == [FIRST_DYNAMIC + 1]


@pytest.mark.parametrize("taken", [{("tcp", 80)}, set()])
def test_a_taken_port_is_refused_in_dockers_words(taken: set[tuple[str, int]]) -> None:
    with pytest.raises(errors.Conflict) as caught:
        place(mapping(80), taken=taken, listening=() if taken else (("tcp", 80),))
    assert str(caught.value) == (
        "driver failed programming external connectivity on endpoint 0123456789ab: "
        "Bind for 0.0.0.0:80 failed: port is already allocated"
    )


def test_the_same_port_twice_in_one_sandbox_is_a_conflict_but_tcp_and_udp_are_not() -> None:
    assert place(mapping(53), mapping(53, protocol="udp")) == [53, 53]
    with pytest.raises(errors.Conflict):
        place(mapping(53), mapping(53, 81))


@pytest.mark.parametrize("bad", [mapping(80, protocol="sctp"), mapping(65536), mapping(-1), mapping(80, 0)])
def test_what_is_no_port_is_refused(bad: PortMapping) -> None:
    with pytest.raises(errors.InvalidArgument):
        place(bad)


def test_a_listening_program_is_seen() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        number = server.getsockname()[1]
        assert listens_here(("tcp", number))
    assert not listens_here(("tcp", number))


def test_addresses_are_the_lowest_free_ones() -> None:
    assert lowest_free("172.17.0.1/16", []) == "172.17.0.2/16"
    assert lowest_free("172.17.0.1/16", ["172.17.0.2/16", "172.17.0.4/16"]) == "172.17.0.3/16"
    with pytest.raises(errors.Unavailable):
        lowest_free("10.0.0.1/30", ["10.0.0.2/30"])
