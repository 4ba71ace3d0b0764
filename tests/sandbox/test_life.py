"""A cluster starts, answers, and leaves nothing, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from swarmkit_py.errors import AlreadyExists, InvalidArgument, NotFound
from tests.sandbox.conftest import STAND_IN, Start, fresh_name
from tests.sandbox.traces import mounts, traces
from tests.waiting import wait_for
from topologies import clusters
from topologies.cluster import PROJECT, MachineFault
from topologies.processes import identify

pytestmark = pytest.mark.kernel

KEEPS_ALIVE = ["lab-keeper", "lab-gate", "lab-init", "lab-supervisor", "lab-zygote"]


def greeting(path: Path) -> str:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(5)
        peer.connect(os.fspath(path))
        return peer.recv(64).decode()


def answer(path: Path) -> str:
    """As `greeting`; nothing while nobody listens."""
    try:
        return greeting(path)
    except OSError:
        return ""


def test_every_daemon_answers_on_its_own_socket_with_its_own_name(start: Start) -> None:
    cluster = start("three_nodes")
    assert [host.name for host in cluster.hosts] == ["manager1", "worker1", "worker2", "client"]
    for name in ("manager1", "worker1", "worker2"):
        assert greeting(cluster.socket(name)) == name
    with pytest.raises(NotFound, match="outside the swarm"):
        cluster.socket("client")


def test_stop_leaves_nothing(start: Start) -> None:
    cluster = start("three_nodes")
    before = traces(cluster)
    assert len(before.processes["swarmd"]) == 3
    cluster.stop()
    wait_for(lambda: not before.left(), "nothing is left", 2)
    with pytest.raises(NotFound):
        clusters.find(cluster.name)


@pytest.mark.parametrize("victim", KEEPS_ALIVE)
def test_killing_any_process_that_holds_it_ends_all_of_it(start: Start, victim: str) -> None:
    name = fresh_name()
    before = traces(start(name=name))
    before.processes[victim][0].kill()
    wait_for(lambda: not before.left(), f"nothing is left after kill -9 of {victim}", 15)
    again = start(name=name)
    assert greeting(again.socket("manager1")) == "manager1"


def test_a_killed_watcher_is_replaced(start: Start) -> None:
    cluster = start()
    before = traces(cluster)
    old = before.processes["lab-watcher"][0]
    old.kill()
    wait_for(lambda: traces(cluster).processes.get("lab-watcher", [old])[0] != old, "a new watcher")
    after = traces(cluster)
    after.processes["lab-keeper"][0].kill()
    wait_for(lambda: not after.left(), "nothing is left", 15)


@pytest.mark.usefixtures("own_base")
def test_when_keeper_and_watcher_are_both_killed_the_next_start_sweeps(start: Start) -> None:
    name = fresh_name()
    before = traces(start(name=name))
    for role in ("lab-keeper", "lab-watcher"):
        # Stopped first, so that neither can see the other's end.
        before.processes[role][0].kill(signal.SIGSTOP)
    for role in ("lab-watcher", "lab-keeper"):
        before.processes[role][0].kill()
    wait_for(lambda: not any(p.alive() for some in before.processes.values() for p in some), "all processes ended")
    assert before.ledger.path.exists()
    start()
    assert before.left() == []
    start(name=name)


@pytest.mark.parametrize("deleted", ["swarmlab", ""])
def test_a_runtime_directory_deleted_under_it_leaves_nothing(own_base: Path, start: Start, deleted: str) -> None:
    """By hand, by a cleaner of /tmp, or with a temporary directory that it lay in."""
    before = traces(start())
    shutil.rmtree(own_base / deleted)
    before.processes["lab-keeper"][0].kill()
    wait_for(lambda: not before.left(), "nothing is left", 15)
    own_base.mkdir(exist_ok=True)  # the fixture's to remove


def test_a_killed_daemon_comes_back(start: Start) -> None:
    cluster = start()
    traces(cluster).processes["swarmd"][0].kill()
    wait_for(lambda: cluster.call("status")["manager1"]["restarts"] == 1, "the end is noticed")
    wait_for(lambda: cluster.call("status")["manager1"]["running"], "it is started again")
    assert wait_for(lambda: answer(cluster.socket("manager1")), "it answers") == "manager1"


def test_a_daemon_that_is_stopped_stays_so_until_it_is_started(start: Start) -> None:
    cluster = start()
    cluster.call("daemon", host="manager1", action="stop")
    wait_for(lambda: not cluster.call("status")["manager1"]["running"], "it ends")
    assert answer(cluster.socket("manager1")) != "manager1"
    assert cluster.call("status")["manager1"]["due_at"] is None
    cluster.call("daemon", host="manager1", action="start")
    assert wait_for(lambda: answer(cluster.socket("manager1")), "it answers") == "manager1"
    with pytest.raises(NotFound, match="there are: manager1"):
        cluster.call("daemon", host="nobody", action="stop")
    with pytest.raises(InvalidArgument, match="not 'pause'"):
        cluster.call("daemon", host="manager1", action="pause")


def test_a_killed_host_leaves_the_others(start: Start) -> None:
    cluster = start("three_nodes")
    identify(cluster.host("worker1").pid).kill()
    assert greeting(cluster.socket("manager1")) == "manager1"


SCRIPT = """
import os, sys, signal
sys.path.insert(0, {project!r})
from topologies import clusters
clusters.start("one_node", {name!r}, lifeline=True, daemon={daemon!r})
print("ready", flush=True)
signal.pause()
"""


def test_the_lifeline_ends_it_with_the_process_that_holds_it(start: Start) -> None:
    name = fresh_name()
    script = SCRIPT.format(project=str(PROJECT), name=name, daemon=STAND_IN)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "ready\n"
        before = traces(clusters.find(name))
        assert before.left()
        holder.kill()
    wait_for(lambda: not before.left(), "nothing is left", 15)


def test_without_a_lifeline_it_outlives_its_starter(start: Start) -> None:
    name = fresh_name()
    script = SCRIPT.format(project=str(PROJECT), name=name, daemon=STAND_IN)
    script = script.replace("lifeline=True", "lifeline=False").replace("signal.pause()", "")
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    cluster = clusters.find(name)
    assert greeting(cluster.socket("manager1")) == "manager1"
    cluster.stop()


def test_two_of_the_same_topology_at_once(start: Start) -> None:
    one, other = start(), start()
    assert {one.host("manager1").netns, other.host("manager1").netns} == {
        Path(f"/proc/{c.host('manager1').pid}/ns/net").stat().st_ino for c in (one, other)
    }
    assert one.host("manager1").netns != other.host("manager1").netns
    one.stop()
    assert greeting(other.socket("manager1")) == "manager1"


def test_a_name_that_is_taken(start: Start) -> None:
    cluster = start()
    with pytest.raises(AlreadyExists, match="already running"):
        start(name=cluster.name)
    assert greeting(cluster.socket("manager1")) == "manager1"


def test_a_bad_topology_file_is_the_users_mistake_and_leaves_nothing(start: Start, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("topos = {}")
    name, before = fresh_name(), mounts()
    with pytest.raises(InvalidArgument, match="topos"):
        start(str(tmp_path / "own.py"), name)
    wait_for(lambda: all(cluster.name != name for cluster in clusters.running()), "it has ended")
    assert mounts() == before


def test_a_daemon_that_cannot_start_says_its_last_words(start: Start) -> None:
    with pytest.raises(MachineFault, match="does not start: .*no such daemon"):
        clusters.start("one_node", fresh_name(), daemon="tests.sandbox.fails")
