from __future__ import annotations

import pytest

from swarmkit_py import errors
from swarmkit_py.network.firewall import Firewall, TooLong
from swarmkit_py.network.ingress import Forward
from swarmkit_py.network.rules import Ruleset
from swarmkit_py.network.table import FOREIGN, Table

BASE = "table inet swarm {\n}\n"


class Nft(Firewall):
    """Keeps what it is told; `room` is how long a transaction may be."""

    def __init__(self, room: int = 1 << 20) -> None:
        self.said: list[str] = []
        self.room = room
        self.broken = False

    def run(self, text: str) -> None:
        if len(text) > self.room:
            raise TooLong("nft: Message too long")
        if self.broken:
            raise errors.Internal("nft: no")
        self.said.append(text)

    def listing(self) -> str:
        return "".join(self.said)

    def generation(self) -> int:
        return len(self.said)


def ports(count: int) -> tuple[Forward, ...]:
    return tuple(Forward("tcp", 1000 + n, (("10.0.0.5", 80),)) for n in range(count))


def test_the_first_time_all_is_written_then_only_what_changed() -> None:
    nft = Nft()
    table = Table(nft)
    table.put(Ruleset(BASE, ports(2)))
    table.put(Ruleset(BASE, ports(3)))
    assert nft.said[0].startswith("table inet swarm {"), "nothing is deleted where nothing is"
    assert nft.said[1].count("add chain") == 1
    assert table.current() == Ruleset(BASE, ports(3))


def test_a_foreign_change_is_noticed_and_then_all_is_written_again() -> None:
    nft = Nft()
    table = Table(nft)
    table.put(Ruleset(BASE, ports(1)))
    nft.said.append("flush ruleset")
    assert table.current() == FOREIGN
    table.put(Ruleset(BASE, ports(1)))
    assert nft.said[-1].startswith("add table")


def test_a_table_too_large_for_one_transaction_goes_in_pieces() -> None:
    nft = Nft(room=6000)
    table = Table(nft)
    table.put(Ruleset(BASE, ports(60)))
    assert len(nft.said) == 4
    assert "".join(nft.said).count("add chain") == 60


def test_after_a_failure_nothing_is_taken_for_granted() -> None:
    nft = Nft()
    table = Table(nft)
    table.put(Ruleset(BASE, ports(1)))
    nft.broken = True
    with pytest.raises(errors.Internal):
        table.put(Ruleset(BASE, ports(2)))
    assert table.current() == FOREIGN


def test_a_table_left_by_an_earlier_run_is_replaced() -> None:
    nft = Nft()
    nft.said.append(BASE)
    Table(nft).put(Ruleset(BASE, ports(1)))
    assert nft.said[-1].startswith("add table inet swarm\ndelete table inet swarm\n")


def test_where_nobody_else_has_business_any_transaction_is_foreign() -> None:
    nft = Nft()
    table = Table(nft, sole=True)
    table.put(Ruleset(BASE, ports(1)))
    assert table.current() == Ruleset(BASE, ports(1))
    nft.said.append("table ip other {}")
    assert table.current() == FOREIGN


def test_where_others_may_have_tables_only_a_change_of_ours_counts() -> None:
    class Shared(Nft):
        def listing(self) -> str:
            return "".join(text for text in self.said if "other" not in text)

    nft, listings = Shared(), {}
    table = Table(nft, listings=listings)
    table.put(Ruleset(BASE))
    nft.said.append("table ip other {}")
    assert table.current() == Ruleset(BASE)
    nft.said.append("flush table inet swarm")
    assert table.current() == FOREIGN
    assert listings == {Ruleset(BASE): BASE}
