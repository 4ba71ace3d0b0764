"""Hosts lose their power, cables are pulled and slowed: on purpose, and nothing is left of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from labs.kit.events import read_events
from swarmkit_py.errors import FailedPrecondition, InvalidArgument, NotFound, Unimplemented
from tests.sandbox.conftest import Start
from tests.sandbox.test_life import answer
from tests.sandbox.traces import traces
from tests.waiting import wait_for
from topologies.cluster import PROJECT, Cluster
from topologies.processes import descendants, identify

pytestmark = pytest.mark.kernel


def run(cluster: Cluster, host: str, command: str) -> subprocess.CompletedProcess[str]:
    argv = cluster.enter_argv(host, ["sh", "-c", command])
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def same_namespace(pid: int) -> list[int]:
    """All processes of the same pid namespace; swarmd is nobody's child there."""
    space = Path(f"/proc/{pid}/ns/pid").readlink()
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (path / "ns/pid").readlink() == space:
                found.append(int(path.name))
    return found


def reaches(cluster: Cluster, one: str, other: str) -> bool:
    return run(cluster, one, f"ping -c 1 -W 1 {other}").returncode == 0


def lab(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "labs.kit.cli", *words]
    return subprocess.run(argv, cwd=PROJECT, env={**os.environ, "LAB_LANG": "en", **more}, capture_output=True,
                          text=True, check=False)


def test_without_power_every_process_ends_and_the_others_go_on(start: Start) -> None:
    cluster = start("three_nodes")
    pid = cluster.host("worker1").pid
    run(cluster, "worker1", "(sleep 1000; :) >/dev/null 2>&1 & "
                            "setsid sh -c 'trap : TERM; sleep 1000' >/dev/null 2>&1 &")
    wait_for(lambda: len(list(descendants(pid))) >= 3, "something runs there, in the background")
    there = [identify(one) for one in (pid, *descendants(pid), *same_namespace(pid))]
    cluster.call("power", name="worker1", action="poweroff")
    assert len(there) >= 4 and not any(process.alive() for process in there)
    assert not reaches(cluster, "manager1", "worker1")
    assert reaches(cluster, "manager1", "worker2")
    assert "worker1-eth0" not in run(cluster, "manager1", "ip link").stdout
    assert [host.name for host in cluster.hosts if host.pid == 0] == ["worker1"]
    with pytest.raises(FailedPrecondition, match="'lab host worker1 start'"):
        cluster.enter_argv("worker1", ["true"])
    assert cluster.call("evidence", tables=[])["hosts"]["worker1"]["up"] is False
    with pytest.raises(FailedPrecondition, match="off already"):
        cluster.call("power", name="worker1", action="poweroff")


def test_a_host_that_boots_has_its_disk_and_addresses_and_nothing_else(start: Start) -> None:
    cluster = start("three_nodes")
    before = run(cluster, "worker1", "ip -o link show worker1-eth0 | grep -o 'ether [^ ]*'").stdout.strip()
    run(cluster, "worker1", "echo kept > /srv/docker/file; echo kept > /root/file; echo lost > /tmp/file; "
                            "ip link add name extra type bridge; nft add table inet extra")
    for action in ("poweroff", "start"):
        cluster.call("power", name="worker1", action=action)
    wait_for(lambda: answer(cluster.socket("worker1")) == "worker1", "its daemon answers")
    assert run(cluster, "worker1", "cat /srv/docker/file /root/file").stdout == "kept\nkept\n"
    assert run(cluster, "worker1", "test -e /tmp/file || ip link show extra || nft list table inet extra").returncode
    assert before and before in run(cluster, "worker1", "ip -o link show worker1-eth0").stdout
    assert reaches(cluster, "worker1", "manager1") and reaches(cluster, "client", "worker1")
    assert cluster.call("status")["worker1"]["restarts"] == 0
    assert run(cluster, "worker1", "hostname; cat /proc/sys/net/ipv4/ip_forward").stdout == "worker1\n1\n"


def test_reboot_again_and_again_and_with_a_host_somebody_killed(start: Start) -> None:
    cluster = start("three_nodes")
    for _ in range(5):
        cluster.call("power", name="worker1", action="reboot")
    identify(cluster.host("worker1").pid).kill()
    wait_for(lambda: cluster.call("machines")["worker1"]["on"] is False, "its end is seen")
    cluster.call("power", name="worker1", action="start")
    wait_for(lambda: answer(cluster.socket("worker1")) == "worker1", "its daemon answers")
    assert reaches(cluster, "manager1", "worker1")
    swarmds = traces(cluster).processes["swarmd"]
    assert len(swarmds) == 3


def test_a_pulled_cable_is_no_carrier_and_no_error_and_heals_by_itself(start: Start) -> None:
    cluster = start("three_nodes")
    cluster.call("cut", name="worker2", seconds=None)
    assert not reaches(cluster, "worker2", "manager1")
    state = run(cluster, "worker2", "ip -o link show worker2-eth0").stdout
    assert "NO-CARRIER" in state and ",UP" in state
    assert run(cluster, "worker2", "ip route get 10.7.0.1").returncode == 0
    assert cluster.call("heal", name="") == ["worker2"]
    wait_for(lambda: reaches(cluster, "worker2", "manager1"), "it is plugged in again")
    assert cluster.call("heal", name="") == []
    cluster.call("cut", name="worker2", seconds=0.5)
    cluster.call("cut", name="worker1", seconds=None)
    wait_for(lambda: reaches(cluster, "worker2", "manager1"), "it is plugged in again by itself")
    assert cluster.call("machines")["worker1"]["cut"] is True
    cluster.call("power", name="worker1", action="reboot")
    assert not reaches(cluster, "worker1", "manager1"), "a boot mends no cable"
    cluster.call("mend")
    wait_for(lambda: reaches(cluster, "worker1", "manager1"), "mended")


def test_a_slow_cable_is_slow_in_each_direction_and_then_as_before(start: Start) -> None:
    cluster = start("three_nodes")
    cluster.call("shape", one="s1", other="worker1", rate="8mbit", delay="", loss="")
    for host, other in (("worker1", "manager1"), ("manager1", "worker1")):
        assert 5 < megabits(cluster, host, other) < 9
    assert megabits(cluster, "worker2", "manager1") > 50
    cluster.call("shape", one="worker1", other="s1", rate="", delay="", loss="")
    assert megabits(cluster, "worker1", "manager1") > 50
    assert "tbf" not in run(cluster, "worker1", "tc qdisc show").stdout


def megabits(cluster: Cluster, one: str, other: str) -> float:
    with subprocess.Popen(cluster.enter_argv(other, ["iperf3", "-s", "-1"]), stdout=subprocess.DEVNULL) as server:
        wait_for(lambda: run(cluster, other, "ss -ltn | grep :5201").returncode == 0, "it listens")
        said = run(cluster, one, f"iperf3 -c {other} -t 1 -f m")
        server.wait(10)
    found = re.search(r"([\d.]+) Mbits/sec +receiver", said.stdout)
    assert found, said.stdout + said.stderr
    return float(found[1])


def test_what_is_asked_wrongly_is_said(start: Start) -> None:
    cluster = start("three_nodes")
    for method, params in (("power", {"name": "wroker1", "action": "start"}), ("cut", {"name": "s1", "seconds": 1}),
                           ("heal", {"name": "x"}), ("daemon", {"host": "x", "action": "stop"})):
        with pytest.raises(NotFound, match="there are: manager1, worker1, worker2, client"):
            cluster.call(method, **params)
    with pytest.raises(NotFound, match="There are: .*worker1–s1"):
        cluster.call("shape", one="worker1", other="worker2", rate="1mbit", delay="", loss="")
    with pytest.raises(InvalidArgument, match="as in 10mbit"):
        cluster.call("shape", one="worker1", other="s1", rate="fast", delay="", loss="")
    with pytest.raises(FailedPrecondition, match="on already"):
        cluster.call("power", name="client", action="start")


def test_a_delay_is_made_or_refused_by_name_and_changes_nothing_then(start: Start) -> None:
    cluster = start("three_nodes")
    cluster.call("shape", one="worker1", other="s1", rate="8mbit", delay="", loss="")
    try:
        cluster.call("shape", one="worker1", other="s1", rate="", delay="100ms", loss="")
    except Unimplemented as refusal:
        assert "netem" in refusal.message
        assert "rate 8Mbit" in run(cluster, "worker1", "tc qdisc show dev worker1-eth0").stdout
    else:
        said = run(cluster, "worker1", "ping -c 3 manager1").stdout
        assert float(said.rsplit("= ", 1)[1].split("/")[1]) >= 200


def test_the_command_says_what_it_did_notes_it_and_knows_where_it_is_typed(start: Start) -> None:
    cluster = start("three_nodes")
    at = ("--name", cluster.name)
    assert "lab host worker1 start" in lab("host", "worker1", "poweroff", *at).stdout
    assert "off (lab host worker1 start)" in lab("status", *at).stdout
    assert lab("host", "worker1", "start", *at).returncode == 0
    assert lab("cut", "worker1", "60", *at).returncode == 0
    assert "cable pulled" in lab("status", *at).stdout
    assert lab("heal", *at).stdout.strip() == "Plugged in again: worker1."
    assert "is stopped" in lab("daemon", "stop", "worker2", "--kill", *at).stdout
    cluster.call("mend")
    wait_for(lambda: answer(cluster.socket("worker2")) == "worker2", "mended")
    assert lab("host", "client", "poweroff", *at).returncode == 0
    noted = [(event.action, event.host) for event in read_events(cluster.outside / "events.jsonl")]
    assert noted == [("poweroff", "worker1"), ("start", "worker1"), ("cut", "worker1"), ("heal", "worker1"),
                     ("daemon-kill", "worker2"), ("poweroff", "client")]
    wrong = lab("host", "wroker1", "poweroff", *at)
    assert (wrong.returncode, "there are: manager1" in wrong.stderr) == (2, True)
    assert lab("host", "worker1", "explode", *at).returncode == 2
    inside = lab("cut", "worker1", SWARM_HOST="manager1")
    assert (inside.returncode, "terminal of your own" in inside.stderr) == (2, True)


def test_nothing_is_left_of_a_cluster_with_hosts_off_and_cables_pulled(start: Start) -> None:
    cluster = start("three_nodes")
    before = traces(cluster)
    cluster.call("power", name="worker1", action="reboot")
    cluster.call("power", name="worker2", action="poweroff")
    cluster.call("cut", name="manager1", seconds=60)
    own = [Path(path) for path in before.ledger.cgroups]
    cluster.stop()
    wait_for(lambda: not before.left() and not any(path.exists() for path in own), "nothing is left", 5)
