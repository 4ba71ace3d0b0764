"""Networks of the user on real kernels: who reaches whom, virtual addresses, what is left when they go."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from tests.net.lab import HERE, Lab
from tests.net.overlays import Net, Overlays, Service
from tests.net.test_converge import everything

pytestmark = pytest.mark.kernel


@pytest.fixture
def nets(lab: Lab) -> Iterator[Overlays]:
    yield Overlays(lab, Net("red", 4097, "10.5.0"), Net("blue", 4098, "10.5.0"), Net("green", 4099, "10.6.0"),
                   Net("inner", 4100, "10.7.0", internal=True))


def test_tasks_reach_exactly_those_who_share_a_network(nets: Overlays) -> None:
    """Two networks have the same subnet, and the same addresses on it: who answers tells which network it was."""
    nets.place("r1", 0, red="10.5.0.10")
    nets.place("r2", 1, red="10.5.0.11")
    nets.place("b1", 0, blue="10.5.0.10")
    nets.place("b2", 2, blue="10.5.0.11")
    nets.place("g1", 1, green="10.6.0.10")
    nets.place("rg", 2, red="10.5.0.12", green="10.6.0.12")
    expected = {
        ("r1", "10.5.0.11"): "r2", ("r1", "10.5.0.12"): "rg", ("r2", "10.5.0.10"): "r1", ("r2", "10.5.0.12"): "rg",
        ("b1", "10.5.0.11"): "b2", ("b2", "10.5.0.10"): "b1",
        ("g1", "10.6.0.12"): "rg", ("rg", "10.6.0.10"): "g1", ("rg", "10.5.0.10"): "r1", ("rg", "10.5.0.11"): "r2",
    }
    addresses = sorted({address for _, places in nets.tasks.values() for address in places.values()})
    seen = {}
    for task, (_, places) in nets.tasks.items():
        for address in addresses:
            if address not in places.values() and not nets.ask(task, address)[0].endswith(("Error", "timeout")):
                seen[task, address] = nets.ask(task, address)[0].split()[0]
    assert seen == expected
    assert [host.call("verify") for host in nets.lab.hosts] == [[], [], []]


def test_interfaces_are_in_the_networks_order_and_the_way_out_is_last(nets: Overlays) -> None:
    made = nets.place("t1", 0, green="10.6.0.10", red="10.5.0.10")
    host = nets.lab.hosts[0]
    found = [line.split()[::2][:2] for line in host.run("ip", "-br", "-4", "addr", sandbox="t1").splitlines()]
    assert found == [["lo", "127.0.0.1/8"], ["eth0@if" + found[1][0].partition("@if")[2], "10.6.0.10/24"],
                     ["eth1@if" + found[2][0].partition("@if")[2], "10.5.0.10/24"],
                     ["eth2@if" + found[3][0].partition("@if")[2], made["BridgeAddress"]]]
    assert "default via 172.18.0.1 dev eth2" in host.run("ip", "route", sandbox="t1")


def test_an_internal_network_has_no_way_out_but_does_not_close_others(nets: Overlays) -> None:
    made = nets.place("t1", 0, inner="10.7.0.10")
    assert "BridgeAddress" not in made
    host = nets.lab.hosts[0]
    assert host.run("ip", "route", sandbox="t1").splitlines() == [
        "10.7.0.0/24 dev eth0 proto kernel scope link src 10.7.0.10 "]
    assert "BridgeAddress" in nets.place("t2", 1, inner="10.7.0.11", red="10.5.0.10")
    assert nets.ask("t1", "10.7.0.11") == ["t2 10.7.0.10"]
    assert nets.ask("t1", nets.lab.client.address)[0].endswith("Error")


@pytest.fixture
def web(nets: Overlays) -> Overlays:
    """Three tasks behind 10.5.0.2, one on each node, and a client of theirs on the first."""
    for n in range(3):
        nets.place(f"w{n}", n, red=f"10.5.0.{10 + n}")
    nets.place("client", 0, red="10.5.0.20")
    nets.services["web"] = Service("red", "10.5.0.2", ["w0", "w1", "w2"])
    nets.tell()
    return nets


def test_a_virtual_address_is_balanced_one_connection_after_the_other(web: Overlays) -> None:
    for protocol in ("tcp", "udp"):
        answers = web.ask("client", "10.5.0.2", protocol=protocol, count=6)
        assert Counter(answers) == {f"w{n} 10.5.0.201": 2 for n in range(3)}
    assert "1 received" in web.lab.hosts[0].run("ping", "-c1", "10.5.0.2", sandbox="client")


def test_a_task_may_ask_its_own_virtual_address_and_meet_itself(web: Overlays) -> None:
    for n in range(3):
        assert {answer[:2] for answer in web.ask(f"w{n}", "10.5.0.2", count=3)} == {"w0", "w1", "w2"}


def test_a_virtual_address_without_tasks_refuses_at_once(web: Overlays) -> None:
    web.services["web"].backends = []
    web.tell()
    begin = time.monotonic()
    for protocol in ("tcp", "udp"):
        assert web.ask("client", "10.5.0.2", protocol=protocol, count=10) == ["ConnectionRefusedError"] * 10
    assert time.monotonic() - begin < 2


def test_who_leaves_the_service_keeps_its_connections_and_gets_no_new_ones(web: Overlays) -> None:
    host = web.lab.hosts[0]
    with host.talk("flow.py", "10.5.0.2", "8081", "tcp", sandbox="client") as say:
        leaver = say()
        web.services["web"].backends.remove(leaver)
        web.tell()
        assert [say(), say()] == [leaver, leaver]
        assert leaver not in {answer[:2] for answer in web.ask("client", "10.5.0.2", count=8)}


def test_a_udp_client_that_keeps_its_port_is_led_to_who_serves(web: Overlays) -> None:
    with web.lab.hosts[0].talk("flow.py", "10.5.0.2", "8080", "udp", sandbox="client") as say:
        before = say()
        assert say() == before, "one flow, one task"
        web.services["web"].backends.remove(before)
        web.tell()
        assert say() in {"w0", "w1", "w2"} - {before}


def test_no_connection_fails_while_tasks_come_and_go_behind_the_address(web: Overlays, tmp_path: Path) -> None:
    host = web.lab.hosts[0]
    command = [*host.enter("client"), sys.executable, str(HERE / "ask.py"), "tcp", "10.5.0.2", "8080", "1000000"]
    with (tmp_path / "answers").open("w+") as file, subprocess.Popen(command, stdout=file) as asking:
        for _, backends in zip(range(60), cycle([["w0"], ["w1", "w2"], ["w2"], ["w0", "w1", "w2"]]), strict=False):
            web.services["web"].backends = list(backends)
            web.tell_one(host)
        asking.kill()
        asking.wait()
        file.seek(0)
        answers = Counter(line.split()[0] for line in file.read().splitlines()[:-1])
    assert set(answers) == {"w0", "w1", "w2"}
    assert sum(answers.values()) > 200


def test_a_network_goes_with_its_last_task_and_can_come_back_at_once(web: Overlays) -> None:
    host = web.lab.hosts[2]
    directory = host.exec_root / "networks"
    assert [path.name for path in directory.iterdir()] == ["red"]
    web.take_away("w2")
    assert list(directory.iterdir()) == []
    assert host.call("verify") == []
    web.place("w2", 2, red="10.5.0.12")
    assert web.ask("client", "10.5.0.12") == ["w2 10.5.0.20"]


def network_state(nets: Overlays, host_index: int, net: str) -> dict[str, object]:
    host = nets.lab.hosts[host_index]
    place = f"../networks/{net}"
    return {
        "rules": sorted(host.run("nft", "list", "ruleset", sandbox=place).split()),
        "fdb": sorted(line for line in host.run("bridge", "fdb", sandbox=place).splitlines() if " dst " in line),
        "links": sorted((line.split()[0].partition("@")[0], "UP" in line.split()[-1].strip("<>").split(","))
                        for line in host.run("ip", "-br", "link", sandbox=place).splitlines()),
        "addresses": sorted(line.split()[3] + line.split()[1] for line in host.run(
            "ip", "-o", "-4", "addr", sandbox=place).splitlines()),
    }


def test_a_new_controller_takes_over_from_a_killed_one(web: Overlays) -> None:
    host = web.lab.hosts[0]
    before, own = everything(host), network_state(web, 0, "red")
    host.kill()
    assert len(set(web.ask("client", "10.5.0.2", count=3))) == 3, "the network outlives its controller"
    host.boot()
    assert host.call("verify") == []
    assert everything(host) == before
    assert network_state(web, 0, "red") == own
    assert web.resolve("client", "web") == "NOERROR 10.5.0.2"
    web.take_away("w0")
    web.take_away("client")
    assert host.call("verify") == []
    assert list((host.exec_root / "networks").iterdir()) == []


MEDDLING = {
    "a forwarding entry is deleted": ("red", "bridge fdb del 02:42:0a:05:00:0b dev vx-4097 self"),
    "a neighbour entry is deleted": ("red", "ip neigh del 10.5.0.11 dev vx-4097"),
    "a virtual address is gone": ("red", "ip addr del 10.5.0.2/32 dev br-4097"),
    "the map is flushed": ("red", "nft flush map inet swarm vips"),
    "the table is gone": ("red", "nft delete table inet swarm"),
    "the bridge is down": ("red", "ip link set br-4097 down"),
    "the VXLAN device is gone": ("red", "ip link del vx-4097"),
    "nothing is forwarded": ("red", "echo 0 > /proc/sys/net/ipv4/ip_forward; ip link set vx-4097 mtu 1400"),
    "a stranger is there": ("red", "ip link add stranger type bridge"),
    "a task's interface is down": ("client", "ip link set eth0 down"),
    "a task's address is gone": ("client", "ip addr flush dev eth0"),
    "a task's way out is gone": ("client", "ip route del default"),
    "a task's interface has another name": ("client", "ip link set eth0 down; ip link set eth0 name eth9"),
    "a task's way to the resolver is gone": ("client", "nft flush ruleset"),
}


@pytest.fixture
def awake(web: Overlays) -> Overlays:
    """The first host's controller minds the time by itself."""
    host = web.lab.hosts[0]
    host.kill()
    host.boot("real")
    return web


def test_meddling_is_repaired_within_two_seconds(awake: Overlays) -> None:
    host = awake.lab.hosts[0]
    host.call("verify")
    own = network_state(awake, 0, "red")
    for what, (where, command) in MEDDLING.items():
        place = "client" if where == "client" else f"../networks/{where}"
        begin = time.monotonic()
        host.run("sh", "-c", command, sandbox=place)
        assert host.call("verify"), what
        while host.call("verify"):
            assert time.monotonic() - begin < 2, (what, host.call("verify"))
        assert network_state(awake, 0, "red") == own, what
        assert len(set(awake.ask("client", "10.5.0.2", count=3))) == 3, what
        assert awake.resolve("client", "web") == "NOERROR 10.5.0.2", what
        assert awake.ask("client", awake.lab.client.address) == ["ConnectionRefusedError"], what
