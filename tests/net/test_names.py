"""The resolver in every task, asked over real sockets in real namespaces."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.lab import HERE, Lab
from tests.net.overlays import Net, Overlays, Service, serve_names

pytestmark = pytest.mark.kernel


@pytest.fixture
def nets(lab: Lab) -> Iterator[Overlays]:
    made = Overlays(lab, Net("red", 4097, "10.5.0"), Net("green", 4099, "10.6.0"),
                    Net("inner", 4100, "10.7.0", internal=True))
    made.place("r1", 0, red="10.5.0.10")
    made.place("r2", 1, red="10.5.0.11")
    made.place("rg", 2, red="10.5.0.12", green="10.6.0.12")
    made.place("in", 0, inner="10.7.0.10")
    made.services["web"] = Service("red", "10.5.0.2", ["r1", "r2"], aliases=["www"])
    made.services["db"] = Service("green", "", ["rg"])
    made.tell()
    yield made


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_names_lead_to_virtual_addresses_and_to_tasks(nets: Overlays, protocol: str) -> None:
    expected = {
        ("web", "A"): "NOERROR 10.5.0.2", ("WEB.", "A"): "NOERROR 10.5.0.2", ("www", "A"): "NOERROR 10.5.0.2",
        ("web.red", "A"): "NOERROR 10.5.0.2", ("tasks.web", "A"): "NOERROR 10.5.0.10 10.5.0.11",
        ("r2", "A"): "NOERROR 10.5.0.11", ("web", "AAAA"): "NOERROR", ("web", "MX"): "NOERROR",
        ("11.0.5.10.in-addr.arpa", "PTR"): "NOERROR r2.red.", ("2.0.5.10.in-addr.arpa", "PTR"): "NOERROR web.red.",
        ("99.0.5.10.in-addr.arpa", "PTR"): "NXDOMAIN", ("db", "A"): "NXDOMAIN", ("rg", "A"): "NXDOMAIN",
    }
    assert {asked: nets.resolve("r1", *asked, protocol) for asked in expected} == expected
    assert nets.resolve("rg", "db") == "NOERROR 10.6.0.12", "one who shares that network knows it"
    assert nets.resolve("rg", "web") == "NOERROR 10.5.0.2"


def test_names_follow_at_once_on_every_node(nets: Overlays) -> None:
    nets.services["web"].backends = ["r2"]
    nets.services["new"] = Service("red", "10.5.0.3", ["r1"])
    nets.tell()
    for task in ("r1", "r2", "rg"):
        assert nets.resolve(task, "tasks.web") == "NOERROR 10.5.0.11"
        assert nets.resolve(task, "new") == "NOERROR 10.5.0.3"


def test_many_backends_are_cut_over_udp_and_whole_over_tcp(nets: Overlays) -> None:
    addresses = [f"10.5.0.{n}" for n in range(30, 130)]
    nets.tasks |= {f"x{n}": (nets.lab.hosts[1], {"red": address}) for n, address in enumerate(addresses)}
    nets.services["big"] = Service("red", "10.5.0.4", [f"x{n}" for n in range(100)])
    nets.tell_one(nets.lab.hosts[0])
    assert nets.resolve("r1", "tasks.big").startswith("NOERROR TC")
    assert nets.resolve("r1", "tasks.big", protocol="tcp").split() == ["NOERROR", *sorted(addresses)]


def test_an_offline_machine_says_so_at_once(nets: Overlays) -> None:
    begin = time.monotonic()
    assert nets.resolve("r1", "www.example.org") == "NXDOMAIN"
    assert nets.resolve("in", "www.example.org") == "NXDOMAIN"
    assert time.monotonic() - begin < 3


def test_other_names_are_asked_of_the_machines_resolvers(nets: Overlays, tmp_path: Path) -> None:
    host = nets.lab.hosts[0]
    (tmp_path / "resolv.conf").write_text("nameserver 192.168.50.9\n")
    host.run("mount", "--bind", str(tmp_path / "resolv.conf"), "/etc/resolv.conf")
    host.kill()
    host.boot()
    serve_names(nets.lab.client)
    assert nets.resolve("r1", "www.example.org") == "NOERROR 10.9.9.9"
    assert nets.resolve("r1", "www.example.org", protocol="tcp") == "NOERROR 10.9.9.9"
    assert nets.resolve("r1", "web") == "NOERROR 10.5.0.2"
    assert nets.resolve("in", "www.example.org") == "NXDOMAIN", "an internal network tells nobody outside"


def test_a_container_may_serve_names_itself(nets: Overlays) -> None:
    host = nets.lab.hosts[1]
    serve_names(host, "r2")
    said = nets.lab.hosts[0].run(sys.executable, str(HERE / "names.py"), "any.name", "A", "udp", "10.5.0.11",
                                 sandbox="r1")
    assert said.strip() == "NOERROR 10.9.9.9"
    assert nets.resolve("r2", "web") == "NOERROR 10.5.0.2"


def test_a_removed_task_lets_go_of_its_sockets(nets: Overlays) -> None:
    host = nets.lab.hosts[0]
    before = host.call("fds")
    for _ in range(3):
        nets.place("t9", 0, red="10.5.0.19")
        assert nets.resolve("t9", "web", protocol="tcp") == "NOERROR 10.5.0.2"
        nets.take_away("t9")
    assert host.call("fds") == before
