"""A connection whose task is not there (any more, or in this microsecond) is led elsewhere, not lost: what IPVS does
with `expire_nodest_conn`, and more, since nobody is refused in the moment of a change either."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.net.lab import HERE, Host, Lab
from tests.net.overlays import Net, Overlays, Service
from tests.net.swarm import Swarm
from tests.waiting import wait_for

pytestmark = pytest.mark.kernel
DEAF = "nft add table inet deaf; nft add chain inet deaf in '{ type filter hook input priority -300; }'; " \
       "nft add rule inet deaf in tcp dport 8080 counter drop"


@contextmanager
def asking(host: Host, address: str, port: int, sandbox: str = "") -> Iterator[subprocess.Popen[str]]:
    """One connection that is tried for three seconds: the SYN, and another one after each of the first two."""
    command = [*host.enter(sandbox), sys.executable, str(HERE / "ask.py"), "tcp", address, str(port), "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process


def heard(host: Host, sandbox: str) -> bool:
    """True once the deaf task was asked."""
    return "packets 0 " not in host.run("nft", "list", "table", "inet", "deaf", sandbox=sandbox)


def dropped(host: Host, sandbox: str = "") -> bool:
    return "packets 0 " not in host.run("nft", "list", "chain", "inet", "swarm", "input", sandbox=sandbox)


def count_the_drops(host: Host, what: str, sandbox: str = "") -> None:
    """The same rule in the place of ours, with a counter that says when a packet met it."""
    chain = host.run("nft", "-a", "list", "chain", "inet", "swarm", "input", sandbox=sandbox)
    line = next(line for line in chain.splitlines() if "@served drop" in line)
    rule, _, handle = line.strip().partition(" # handle ")
    host.run("sh", "-c", f"nft replace rule inet swarm input handle {handle} "
             f"{rule.replace('@served drop', '@served counter drop')}", sandbox=sandbox)
    assert what in line


def test_who_meets_a_port_in_the_moment_of_a_change_tries_again(swarm: Swarm) -> None:
    """The kernel starts a packet with the old rules, and finds the chain of the new ones in the map: empty to it."""
    swarm.place("t1", 1, "10.0.0.5")
    swarm.ports = [("tcp", 80, 8080, ["t1"])]
    swarm.tell()
    host = swarm.lab.hosts[0]
    count_the_drops(host, "fib daddr type local")
    host.run("nft", "flush", "chain", "inet", "swarm", "tcp_80")
    with asking(swarm.lab.client, host.address, 80) as client, asking(host, "127.0.0.1", 80) as here:
        wait_for(lambda: dropped(host), "the packet met no rule", within=20)
        host.call("tick")
        assert client.communicate(timeout=20)[0] == "t1 10.0.0.2\n"
        assert here.communicate(timeout=20)[0] == "t1 10.0.0.2\n"


@pytest.fixture
def web(lab: Lab) -> Overlays:
    nets = Overlays(lab, Net("red", 4097, "10.5.0"))
    for n in range(2):
        nets.place(f"w{n}", n, red=f"10.5.0.{10 + n}")
    nets.place("client", 0, red="10.5.0.20")
    nets.services["web"] = Service("red", "10.5.0.2", ["w1"])
    nets.tell()
    return nets


def test_who_meets_a_virtual_address_in_the_moment_of_a_change_tries_again(web: Overlays) -> None:
    host, place = web.lab.hosts[0], "../networks/red"
    count_the_drops(host, "ip daddr", place)
    host.run("nft", "flush", "chain", "inet", "swarm", "vip_10_5_0_2", sandbox=place)
    with asking(host, "10.5.0.2", 8080, "client") as client:
        wait_for(lambda: dropped(host, place), "the packet met no rule", within=20)
        host.call("tick")
        assert client.communicate(timeout=20)[0] == "w1 10.5.0.201\n"


def test_who_got_no_answer_of_a_task_that_left_the_mesh_is_led_to_another(swarm: Swarm) -> None:
    swarm.place("deaf", 1, "10.0.0.5")
    swarm.place("t2", 2, "10.0.0.6")
    swarm.ports = [("tcp", 80, 8080, ["deaf"])]
    swarm.tell()
    first, second, _ = swarm.lab.hosts
    second.run("sh", "-c", DEAF, sandbox="deaf")
    with asking(swarm.lab.client, first.address, 80) as client:
        wait_for(lambda: heard(second, "deaf"), "the deaf task is asked", within=20)
        swarm.ports = [("tcp", 80, 8080, ["t2"])]
        swarm.tell()
        first.call("settle")
        assert client.communicate(timeout=20)[0] == "t2 10.0.0.2\n"


def test_who_got_no_answer_of_a_task_that_left_a_virtual_address_is_led_to_another(web: Overlays) -> None:
    first, second, _ = web.lab.hosts
    second.run("sh", "-c", DEAF, sandbox="w1")
    with asking(first, "10.5.0.2", 8080, "client") as client:
        wait_for(lambda: heard(second, "w1"), "the deaf task is asked", within=20)
        web.services["web"].backends = ["w0"]
        web.tell()
        first.call("settle")
        assert client.communicate(timeout=20)[0] == "w0 10.5.0.201\n"


def test_who_was_answered_keeps_the_task_that_left(swarm: Swarm) -> None:
    swarm.place("t1", 1, "10.0.0.5")
    swarm.place("t2", 2, "10.0.0.6")
    swarm.ports = [("tcp", 80, 8081, ["t1"])]
    swarm.tell()
    host = swarm.lab.hosts[0]
    with swarm.lab.client.talk("flow.py", host.address, "80", "tcp") as say:
        assert say() == "t1"
        swarm.ports = [("tcp", 80, 8081, ["t2"])]
        swarm.tell()
        host.call("settle")
        assert [say(), say()] == ["t1", "t1"]


def test_a_new_connection_from_the_same_port_outlives_the_one_that_is_being_forgotten(swarm: Swarm) -> None:
    """Ports come round within seconds: a client may use one again between the finding of the old one and its end."""
    swarm.place("t1", 1, "10.0.0.5")
    swarm.place("t2", 2, "10.0.0.6")
    swarm.place("t3", 0, "10.0.0.7")
    swarm.ports = [("tcp", 80, 8080, ["t1"])]
    swarm.tell()
    host, client = swarm.lab.hosts[0], swarm.lab.client
    with client.talk("flow.py", host.address, "80", "tcp", "5555") as say:
        assert say() == "t1"
    assert host.call("find_connections", "10.0.0.5") == 1
    assert host.call("forget", "10.0.0.5") == 1, "as the kernel does itself when the port comes round"
    swarm.ports = [("tcp", 80, 8081, ["t2", "t3"])]
    swarm.tell()
    with client.talk("flow.py", host.address, "80", "tcp", "5555") as say:
        served = say()
        assert served in ("t2", "t3")
        host.call("delete_connections")
        assert [say(), say()] == [served, served]
