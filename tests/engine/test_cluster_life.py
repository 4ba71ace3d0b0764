"""A cluster's life with the real docker command: settings, locks, a new root, nodes that go and come, daemons
that die while their tasks run."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.docker_clis import cli_parameters
from tests.engine.hosts import Hosts, running_hosts

pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(300)]

DOWN_AFTER, LATEST = 13.5, 16.5
"""Seconds after the last heartbeat until a node is Down."""


@pytest.fixture(params=cli_parameters())
def hosts(request: pytest.FixtureRequest) -> Iterator[Hosts]:
    docker: Path = request.param
    with running_hosts("three_nodes", docker) as cluster:
        yield cluster


def _swarm(hosts: Hosts, *options: str) -> str:
    printed = hosts.docker("manager1", "swarm", "init", "--advertise-addr", "10.7.0.1", *options)
    token = hosts.docker("manager1", "swarm", "join-token", "-q", "worker").strip()
    for worker in ("worker1", "worker2"):
        hosts.docker(worker, "swarm", "join", "--token", token, "10.7.0.1:2377")
    hosts.until(lambda: _states(hosts) == ["Ready"] * 3, "all are Ready")
    return printed


def _states(hosts: Hosts) -> list[str]:
    return sorted(hosts.docker("manager1", "node", "ls", "--format", "{{.Status}}").split())


def _info(hosts: Hosts, host: str = "manager1") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(hosts.docker(host, "info", "--format", "{{json .Swarm}}"))
    return found


def _daemon(hosts: Hosts, host: str, action: str, *, kill: bool = False) -> None:
    hosts.cluster.call("daemon", host=host, action=action, kill=kill)
    running = action != "stop"
    hosts.until(lambda: hosts.cluster.call("status")[host]["running"] is running, f"swarmd on {host}: {action}")


def _crash(hosts: Hosts, host: str) -> None:
    """kill -9, and the host's init starts it again."""
    before = hosts.cluster.call("status")[host]["restarts"]
    hosts.shell(host, "kill -9 $(pgrep -x swarmd)")
    hosts.until(lambda: hosts.cluster.call("status")[host]["restarts"] > before, "it is started again")
    hosts.until(lambda: hosts.run(host, "info").returncode == 0, "it answers again")


def _running(hosts: Hosts) -> list[tuple[str, str]]:
    """(task, node) of those that run and are meant to."""
    rows = hosts.docker("manager1", "service", "ps", "web", "--filter", "desired-state=running", "--format",
                        "{{.ID}} {{.Node}} {{.CurrentState}}").splitlines()
    return sorted((row.split()[0], row.split()[1]) for row in rows if " Running " in row)


def _pids(hosts: Hosts) -> dict[str, list[str]]:
    return {host: sorted(hosts.shell(host, "pgrep -x nginx").split()) for host in ("manager1", "worker1", "worker2")}


def test_settings_locks_and_a_new_root(hosts: Hosts) -> None:
    printed = _swarm(hosts, "--autolock", "--cert-expiry", "48h", "--task-history-limit", "2",
                     "--availability", "drain")
    key = next(word for word in printed.split() if word.startswith("SWMKEY-1-"))
    assert hosts.docker("manager1", "swarm", "unlock-key", "-q").strip() == key
    assert "Drain" in hosts.docker("manager1", "node", "ls")
    _update(hosts)
    _new_root(hosts)
    _locked(hosts, key)


def _update(hosts: Hosts) -> None:
    assert hosts.docker("manager1", "swarm", "update", "--snapshot-interval", "50", "--max-snapshots", "2",
                        "--dispatcher-heartbeat", "2s", "--task-history-limit", "3") == "Swarm updated.\n"
    said = hosts.docker("manager1", "info")
    for line in ("Task History Retention Limit: 3", "Snapshot Interval: 50", "Heartbeat Period: 2 seconds",
                 "Number of Old Snapshots to Retain: 2", "Expiry Duration: 2 days", "Autolock Managers: true"):
        assert line in said
    for options, text in (
        (("--cert-expiry", "30m"), "minimum certificate expiry time is: 1h0m0s"),
        (("--dispatcher-heartbeat", "-1s"), "heartbeat time period cannot be a negative duration"),
        (("--external-ca", "protocol=cfssl,url=https://ca"), "external certificate authorities"),
    ):
        assert text in hosts.docker_error("manager1", "swarm", "update", *options)


def _new_root(hosts: Hosts) -> None:
    before = hosts.docker("manager1", "swarm", "ca")
    token = hosts.docker("manager1", "swarm", "join-token", "-q", "worker")
    assert hosts.docker("manager1", "swarm", "ca", "--rotate", "--cert-expiry", "72h", "-q") != before
    after = hosts.docker("manager1", "swarm", "ca")
    assert after != before
    assert hosts.docker("manager1", "swarm", "join-token", "-q", "worker") != token
    assert not _info(hosts)["Cluster"]["RootRotationInProgress"]
    roots = [node["Description"]["TLSInfo"]["TrustRoot"] for node in json.loads(
        hosts.docker("manager1", "node", "inspect", "manager1", "worker1", "worker2"))]
    assert roots == [after] * 3
    hosts.docker("manager1", "swarm", "ca", "--rotate", "-d")
    hosts.until(lambda: hosts.docker("manager1", "swarm", "ca") != after, "the second rotation ends")
    assert "already part of a swarm" in hosts.docker_error("worker1", "swarm", "join", "--token", "x", "10.7.0.1")


def _locked(hosts: Hosts, key: str) -> None:
    hosts.docker("manager1", "service", "create", "--name", "web", "--replicas", "2", "nginx")
    before = _pids(hosts)
    _crash(hosts, "manager1")
    assert _info(hosts)["LocalNodeState"] == "locked"
    for words in (("node", "ls"), ("service", "ls"), ("swarm", "join-token", "worker"), ("swarm", "ca")):
        assert "Swarm is encrypted and needs to be unlocked before it can be used." in hosts.docker_error(
            "manager1", *words)
    assert "Please unlock it first or use `--force`" in hosts.docker_error("manager1", "swarm", "leave")
    wrong = key[:-6] + ("AAAAAA" if not key.endswith("AAAAAA") else "BBBBBB")
    assert "swarm could not be unlocked: invalid key provided" in _unlock(hosts, wrong).stderr
    assert "invalid key string" in _unlock(hosts, "key").stderr
    assert _unlock(hosts, key).returncode == 0
    hosts.until(lambda: _states(hosts) == ["Ready"] * 3, "all are back", within=40)
    assert _pids(hosts) == before
    assert "swarm is not locked" in _unlock(hosts, key).stderr
    assert hosts.docker("manager1", "swarm", "update", "--autolock=false") == "Swarm updated.\n"
    assert "no unlock key is set" in hosts.docker_error("manager1", "swarm", "unlock-key")
    _crash(hosts, "manager1")
    assert _info(hosts)["LocalNodeState"] != "locked"


def _unlock(hosts: Hosts, key: str) -> subprocess.CompletedProcess[str]:
    words = [str(hosts._docker), "-H", f"unix://{hosts.socket('manager1')}", "swarm", "unlock"]
    return subprocess.run(words, input=key + "\n", check=False, capture_output=True, text=True, timeout=60)


def test_nodes_go_and_come(hosts: Hosts) -> None:
    _swarm(hosts)
    hosts.docker("manager1", "service", "create", "--name", "web", "--replicas", "6", "nginx")
    before, tasks = _pids(hosts), _running(hosts)
    for host in ("worker1", "manager1"):
        _crash(hosts, host)
    hosts.until(lambda: _states(hosts) == ["Ready"] * 3, "all are back", within=40)
    assert (_pids(hosts), _running(hosts)) == (before, tasks), "the tasks never noticed"
    _down_and_back(hosts)
    _roles(hosts)
    _removed(hosts)


def _down_and_back(hosts: Hosts) -> None:
    _daemon(hosts, "worker2", "stop", kill=True)
    stopped = time.monotonic()
    hosts.until(lambda: "Down" in _states(hosts), "worker2 is Down", within=40)
    assert DOWN_AFTER - 5.5 <= time.monotonic() - stopped <= LATEST + 3, "three heartbeats were missed, no more"
    hosts.until(lambda: len(_running(hosts)) == 6, "six run on two nodes")
    assert {node for _, node in _running(hosts)} == {"manager1", "worker1"}
    _daemon(hosts, "worker2", "start")
    hosts.until(lambda: _states(hosts) == ["Ready"] * 3, "worker2 is back")
    hosts.until(lambda: hosts.docker("worker2", "ps", "-q") == "", "its old tasks are stopped: there are no doubles")
    assert len(_running(hosts)) == 6


def _roles(hosts: Hosts) -> None:
    assert "attempting to demote the last manager of the swarm" in hosts.docker_error(
        "manager1", "node", "demote", "manager1")
    assert "is already a worker" in hosts.docker("manager1", "node", "demote", "worker1")


def _removed(hosts: Hosts) -> None:
    assert "is not down and can't be removed" in hosts.docker_error("manager1", "node", "rm", "worker2")
    assert "It must be demoted to worker before removal" in hosts.docker_error("manager1", "node", "rm", "manager1")
    assert hosts.docker("manager1", "node", "rm", "--force", "worker2").strip() == "worker2"
    hosts.until(lambda: _info(hosts, "worker2")["LocalNodeState"] == "error", "worker2 knows")
    assert "removed from the swarm" in _info(hosts, "worker2")["Error"]
    _crash(hosts, "worker2")
    hosts.until(lambda: _info(hosts, "worker2")["LocalNodeState"] == "error", "its certificate is refused for good")
    _daemon(hosts, "worker1", "stop")
    hosts.until(lambda: "Down" in _states(hosts), "worker1 is Down", within=40)
    assert hosts.docker("manager1", "node", "rm", "worker1").strip() == "worker1"
    assert len(_states(hosts)) == 1
