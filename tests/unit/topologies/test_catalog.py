"""Topologies by name, by number, and from a user's own file."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.kit.folder import find_lab
from swarmkit_py.errors import InvalidArgument, NotFound
from topologies import catalog

pytest.importorskip("mininet", reason="Mininet comes from the distribution")

OWN = """
from mininet.topo import Topo

class Mine(Topo):
    def build(self):
        self.addLink(self.addHost("m1", ip="10.9.0.1/24"), self.addSwitch("s1"))

topos = {"mine": Mine}
"""


@pytest.mark.parametrize(
    ("name", "hosts"),
    [
        ("one_node", ["manager1", "client"]),
        ("three_nodes", ["manager1", "worker1", "worker2", "client"]),
        ("four_nodes", ["manager1", "worker1", "worker2", "worker3", "client"]),
        ("three_managers", ["manager1", "manager2", "manager3", "worker1", "worker2", "client"]),
        ("two_racks", ["manager1", "worker1", "worker2", "worker3", "worker4", "client"]),
        ("nodes:2", ["manager1", "worker1", "client"]),
    ],
)
def test_hosts_and_addresses(name: str, hosts: list[str]) -> None:
    topo = catalog.build(catalog.check(name))
    assert topo.hosts(sort=False) == hosts
    numbers = [*range(1, len(hosts)), 100]
    assert [topo.nodeInfo(host)["ip"] for host in hosts] == [f"10.7.0.{number}/24" for number in numbers]


def test_four_nodes_are_of_the_sizes_that_the_lab_of_the_scheduler_counts_with() -> None:
    topo = catalog.build("four_nodes")
    sizes = {host: topo.nodeInfo(host).get("memory", 0) // 2**20 for host in topo.hosts() if host != "client"}
    assert sizes == find_lab("09-scheduler").params(None).capacity


def test_two_racks_are_linked() -> None:
    topo = catalog.build("two_racks")
    assert ("s1", "s2") in topo.links(sort=True)
    assert {node for link in topo.links() for node in link if "s1" in link} >= {"manager1", "worker2", "s2"}


@pytest.mark.parametrize("name", ["nodes:0", "nodes:100", "nodes:x", "one_node:3", "nodes:-1"])
def test_impossible_numbers(name: str) -> None:
    with pytest.raises(InvalidArgument):
        catalog.check(name)


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(NotFound, match="Did you mean 'three_nodes'"):
        catalog.check("three-nodes")


def test_a_file_of_the_users_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(OWN)
    assert catalog.check(str(path)) == str(path)
    assert catalog.build(str(path), OWN).hosts() == ["m1"]


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no topology file"):
        catalog.check(str(tmp_path / "none.py"))


@pytest.mark.parametrize(
    ("text", "why"), [("x = 1", "'topos'"), ("1/0", "ZeroDivisionError"), ("def", "SyntaxError")]
)
def test_a_file_that_is_no_topology(text: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        catalog.build("/somewhere/own.py", text)
