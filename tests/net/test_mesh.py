"""Real packets through three emulated hosts: tasks reach each other, and a published port answers on every node."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from tests.net.lab import CallFailed
from tests.net.swarm import Swarm, spec

pytestmark = pytest.mark.kernel


@pytest.fixture
def web(swarm: Swarm) -> Swarm:
    """Two tasks, on the first two nodes; published as tcp/80 and udp/53."""
    swarm.place("t1", 0, "10.0.0.5")
    swarm.place("t2", 1, "10.0.0.6")
    swarm.ports = [("tcp", 80, 8080, ["t1", "t2"]), ("udp", 53, 8080, ["t1", "t2"])]
    swarm.tell()
    return swarm


def test_tasks_on_two_nodes_reach_each_other_unchanged(web: Swarm) -> None:
    first, second, _ = web.lab.hosts
    assert first.ask("tcp", "10.0.0.6", 8080, sandbox="t1") == ["t2 10.0.0.5"]
    assert second.ask("udp", "10.0.0.5", 8080, sandbox="t2") == ["t1 10.0.0.6"]
    assert "mtu 1450" in first.run("ip", "link", "show", "br-ingress")
    assert "mtu 1450" in first.run("ip", "link", "show", "eth0", sandbox="t1")


def test_a_packet_of_1450_bytes_fits_and_one_of_1451_does_not(web: Swarm) -> None:
    code = ("import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            "s.setsockopt(0, 10, 2)\ns.settimeout(3)\ns.connect(('10.0.0.6', 8080))\n"
            "s.send(b'x' * (SIZE - 28))\nprint(s.recv(99).decode())")
    first = web.lab.hosts[0]
    assert first.run(sys.executable, "-c", code.replace("SIZE", "1450"), sandbox="t1").startswith("t2")
    assert first.run(sys.executable, "-c", code.replace("SIZE", "1451"), sandbox="t1", check=False) == ""


def test_a_published_port_answers_on_every_node_one_task_after_the_other(web: Swarm) -> None:
    for host in web.lab.hosts:
        answers = web.lab.client.ask("tcp", host.address, 80, count=6)
        assert Counter(answers) == {f"t1 {web.own(host)}": 3, f"t2 {web.own(host)}": 3}
        assert len(set(answers[:2])) == 2
        assert set(web.lab.client.ask("udp", host.address, 53, count=2)) == set(answers)


def test_a_published_port_answers_from_the_node_itself(web: Swarm) -> None:
    for host in web.lab.hosts:
        for address in ("127.0.0.1", host.address):
            assert {answer[:2] for answer in host.ask("tcp", address, 80, count=2)} == {"t1", "t2"}
            assert {answer[:2] for answer in host.ask("udp", address, 53, count=2)} == {"t1", "t2"}


def test_a_published_port_answers_a_task_and_a_plain_container(web: Swarm) -> None:
    host = web.lab.hosts[0]
    host.call("create", {"ID": "plain", "Mode": "bridge"})
    assert {answer[:2] for answer in host.ask("tcp", "172.17.0.1", 80, count=2, sandbox="plain")} == {"t1", "t2"}
    assert {answer[:2] for answer in host.ask("tcp", "192.168.50.3", 80, count=2, sandbox="t1")} == {"t1", "t2"}


def test_without_tasks_a_published_port_refuses_and_an_unpublished_one_too(web: Swarm) -> None:
    web.take_away("t1")
    web.take_away("t2")
    for host in web.lab.hosts:
        for protocol, port in (("tcp", 80), ("udp", 53), ("tcp", 81)):
            assert web.lab.client.ask(protocol, host.address, port) == ["ConnectionRefusedError"]
            assert host.ask(protocol, "127.0.0.1", port) == ["ConnectionRefusedError"]


def test_scaling_down_leaves_the_others_their_turn(web: Swarm) -> None:
    web.take_away("t2")
    for host in web.lab.hosts:
        assert {answer[:2] for answer in web.lab.client.ask("tcp", host.address, 80, count=4)} == {"t1"}


def test_a_udp_client_that_keeps_its_port_is_led_to_a_living_task(web: Swarm) -> None:
    host = web.lab.hosts[2]
    with web.lab.client.talk("flow.py", host.address, "53", "udp") as say:
        before = say()
        assert say() == before, "one flow, one task"
        web.take_away(before)
        assert say() == ({"t1", "t2"} - {before}).pop()


def test_tasks_and_containers_reach_the_outside_under_the_nodes_address(web: Swarm) -> None:
    host, outside = web.lab.hosts[0], web.lab.client
    outside.serve("", "outside", 9000)
    host.call("create", {"ID": "plain", "Mode": "bridge"})
    for sandbox in ("t1", "plain"):
        assert host.ask("tcp", outside.address, 9000, sandbox=sandbox) == [f"outside {host.address}"]


def test_host_mode_ports_answer_on_their_node_only_and_are_exclusive(swarm: Swarm) -> None:
    wanted = {"Protocol": "tcp", "PublishedPort": 8000, "TargetPort": 8080}
    swarm.place("t1", 0, "10.0.0.5", wanted)
    first, second, _ = swarm.lab.hosts
    assert swarm.lab.client.ask("tcp", first.address, 8000) == ["t1 192.168.50.9"]
    assert first.ask("tcp", "127.0.0.1", 8000) == ["t1 172.18.0.1"]
    assert swarm.lab.client.ask("tcp", second.address, 8000) == ["ConnectionRefusedError"]
    with pytest.raises(CallFailed, match="Bind for 0.0.0.0:8000 failed: port is already allocated") as caught:
        first.call("create", spec("t2", "10.0.0.6", wanted))
    assert caught.value.code == "Conflict"
    first.call("create", {"ID": "plain", "Mode": "bridge"})
    first.call("create", spec("t4", "10.0.0.8"))
    for sandbox in ("t1", "t4", "plain"):
        assert first.ask("tcp", first.address, 8000, sandbox=sandbox)[0].startswith("t1 "), sandbox
    dynamic = first.call("create", spec("t3", "10.0.0.7", {"TargetPort": 8080}))
    assert dynamic["Ports"] == [{"PublishedPort": 32768, "TargetPort": 8080}]


def test_bridges_are_apart(web: Swarm) -> None:
    host = web.lab.hosts[0]
    host.call("create", {"ID": "plain", "Mode": "bridge"})
    host.call("create", spec("t3", "10.0.0.7"))
    host.serve("plain", "plain", 8080)
    assert host.ask("tcp", "10.0.0.5", 8080, sandbox="plain") != ["t1 10.0.0.2"]
    assert host.ask("tcp", "172.17.0.2", 8080, sandbox="t1") == ["TimeoutError"]
    assert host.ask("tcp", "172.18.0.2", 8080, sandbox="t3")[0] in ("TimeoutError", "OSError")
    assert host.ask("tcp", "172.17.0.2", 8080) == ["plain 172.17.0.1"]
