"""Three managers with the real docker command and a real etcd: any of them answers, one may die, two may not."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarmkit_py.etcd.member import find_program
from tests.engine.docker_clis import cli_parameters
from tests.engine.hosts import Hosts, running_hosts
from topologies.cluster import PROJECT

ETCD = find_program("etcd") or find_program(str(PROJECT / ".kit" / "bin" / "etcd"))

pytestmark = [
    pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(300),
    pytest.mark.skipif(ETCD is None, reason="no etcd 3.4 or newer here"),
]

MANAGERS = ("manager1", "manager2", "manager3")
NODES = (*MANAGERS, "worker1", "worker2")
NO_LEADER = ("rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers "
             "are online. Make sure more than half of the managers are online.")
LATEST = 20.0
"""Seconds: Swarm's own bound for another leader (10 to 20)."""


@pytest.fixture(params=cli_parameters())
def hosts(request: pytest.FixtureRequest) -> Iterator[Hosts]:
    docker: Path = request.param
    with running_hosts("three_managers", docker) as cluster:
        yield cluster


def _swarm(hosts: Hosts) -> None:
    hosts.docker("manager1", "swarm", "init", "--advertise-addr", "10.7.0.1")
    tokens = {role: hosts.docker("manager1", "swarm", "join-token", "-q", role).strip()
              for role in ("manager", "worker")}
    for host in NODES[1:]:
        role = host.rstrip("0123456789")
        said = hosts.docker(host, "swarm", "join", "--token", tokens[role], "10.7.0.1:2377")
        assert said.strip() == f"This node joined a swarm as a {role}."


def _managers(hosts: Hosts, seen_from: str) -> dict[str, str]:
    """What `docker node ls` shows in its column MANAGER STATUS; {} if it shows nothing."""
    listed = hosts.run(seen_from, "node", "ls", "--format", "{{.Hostname}} {{.ManagerStatus}}").stdout.splitlines()
    return {name: status for name, _, status in (line.partition(" ") for line in listed) if status}


def _all_three(hosts: Hosts, seen_from: str) -> bool:
    return sorted(_managers(hosts, seen_from).values()) == ["Leader", "Reachable", "Reachable"]


def _replicas(hosts: Hosts, host: str) -> str:
    return hosts.run(host, "service", "ls", "--format", "{{.Replicas}}").stdout.strip()


def _pids(hosts: Hosts, *names: str) -> dict[str, list[str]]:
    return {name: sorted(hosts.shell(name, "pgrep -x nginx").split()) for name in names}


def test_three_managers(hosts: Hosts) -> None:
    _swarm(hosts)
    _any_manager_answers(hosts)
    leader = _another_leads_when_the_leader_s_host_dies(hosts)
    _a_host_that_boots_is_a_manager_again(hosts)
    _two_lost_are_too_many(hosts, leader)
    _no_secret_in_clear(hosts)
    _what_a_stopped_manager_has_stored_can_be_read(hosts)


def _any_manager_answers(hosts: Hosts) -> None:
    for host in MANAGERS:
        hosts.until(lambda host=host: _all_three(hosts, host), f"{host} shows three managers")
    hosts.shell("manager2", "printf sesame-42 | docker secret create door -")
    hosts.docker("manager2", "service", "create", "-d", "--name", "web", "--replicas", "5", "--secret", "door",
                 "nginx:1.18")
    assert hosts.docker("manager3", "service", "inspect", "web", "--format", "{{.Spec.Name}}").strip() == "web"
    hosts.until(lambda: _replicas(hosts, "manager3") == "5/5", "five tasks run")
    info = hosts.docker("manager3", "info", "--format", "{{.Swarm.Managers}} {{.Swarm.ControlAvailable}}")
    assert info.strip() == "3 true"
    assert len(hosts.docker("worker1", "info", "--format", "{{range .Swarm.RemoteManagers}}x{{end}}").strip()) == 3


def _another_leads_when_the_leader_s_host_dies(hosts: Hosts) -> str:
    before = _pids(hosts, *NODES[1:])
    hosts.cluster.call("power", name="manager1", action="poweroff")
    hosts.until(lambda: "Leader" in _managers(hosts, "manager2").values(), "another leads", within=3 * LATEST)
    leader = next(host for host, status in _managers(hosts, "manager2").items() if status == "Leader")
    assert leader != "manager1"
    hosts.until(lambda: "manager1" in _managers(hosts, "manager3") and
                _managers(hosts, "manager3")["manager1"] == "Unreachable", "the dead one is shown so", within=60)
    assert _pids(hosts, *NODES[1:]) == before
    _scale(hosts, "manager3", 7)
    hosts.until(lambda: sum(map(len, _pids(hosts, *NODES[1:]).values())) >= 2 * 7, "it scales", within=90)
    demote = ("node", "demote", "manager3" if leader == "manager2" else "manager2")
    refused = "this would result in a loss of quorum"
    hosts.until(lambda: refused in hosts.run("manager2", *demote).stderr, "it is refused")
    return leader


def _scale(hosts: Hosts, host: str, replicas: int) -> None:
    """As one types it again: who has just lost a leader may not know the next one yet."""
    hosts.until(lambda: hosts.run(host, "service", "scale", "-d", f"web={replicas}").stdout.strip()
                == f"web scaled to {replicas}", f"web is scaled to {replicas}", within=60)


def _a_host_that_boots_is_a_manager_again(hosts: Hosts) -> None:
    hosts.cluster.call("power", name="manager1", action="start")
    hosts.until(lambda: _all_three(hosts, "manager1"), "three managers again", within=60)
    assert hosts.docker("manager1", "service", "ls", "-q") == hosts.docker("manager2", "service", "ls", "-q")


def _two_lost_are_too_many(hosts: Hosts, leader: str) -> None:
    lost = [host for host in MANAGERS if host != leader]
    for host in lost:
        hosts.cluster.call("power", name=host, action="poweroff")
    before = _pids(hosts, leader, "worker1", "worker2")
    hosts.until(lambda: NO_LEADER in hosts.run(leader, "service", "scale", "-d", "web=8").stderr, "it is refused")
    assert NO_LEADER in hosts.docker(leader, "info", "--format", "{{.Swarm.Error}}")
    assert _pids(hosts, leader, "worker1", "worker2") == before
    for host in lost:
        hosts.cluster.call("power", name=host, action="start")
    hosts.until(lambda: all(_all_three(hosts, host) for host in MANAGERS), "more than half again", within=60)
    _scale(hosts, lost[1], 8)
    assert len({hosts.shell(host, "curl -s --unix-socket /run/docker.sock http://d/v1.41/secrets")
                for host in MANAGERS}) == 1


def _no_secret_in_clear(hosts: Hosts) -> None:
    """Nor a key: what is on a manager's disk tells nothing."""
    for host in MANAGERS:
        found = hosts.shell(host, "grep -rlE 'sesame-42|SWMTKN-1' /srv/docker/swarm")
        assert found == "", f"{host}: {found}"


def _what_a_stopped_manager_has_stored_can_be_read(hosts: Hosts) -> None:
    """Without changing it: the manager is one again afterwards."""
    dump = f"cd {PROJECT} && {sys.executable} -m swarmkit_py --dump-store --data-root /srv/docker --etcd {ETCD} 2>&1"
    in_use = "a store belongs to the daemon that runs"
    assert in_use in hosts.shell("manager2", dump)
    hosts.cluster.call("daemon", host="manager2", action="stop")
    hosts.until(lambda: in_use not in hosts.shell("manager2", dump), "the daemon and its member have ended")
    first, *objects = [json.loads(line) for line in hosts.shell("manager2", dump).splitlines()]
    assert first["Index"] > 0
    assert [found["Spec"]["Name"] for found in objects if found["Kind"] == "Service"] == ["web"]
    assert sum(found["Kind"] == "Node" for found in objects) == len(NODES)
    hosts.cluster.call("daemon", host="manager2", action="start")
    hosts.until(lambda: _all_three(hosts, "manager2"), "three managers again", within=60)
