"""The course notes' commands, typed as in the notes, with the real docker command of both versions, on real hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.docker_clis import cli_parameters
from tests.engine.hosts import Hosts, running_hosts

pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(300)]


@pytest.fixture(params=cli_parameters(both=True))
def hosts(request: pytest.FixtureRequest) -> Iterator[Hosts]:
    docker: Path = request.param
    with running_hosts("three_nodes", docker) as cluster:
        yield cluster


def test_the_notes_from_docker_info_to_service_rm(hosts: Hosts) -> None:
    """One walk through CONFIG and SERVICE; updates and rollback are `test_updates`'."""
    _config_swarm_manager(hosts)
    _add_the_workers(hosts)
    _config_service(hosts)
    _scale(hosts)
    _drain_and_back(hosts)
    assert hosts.docker("manager1", "service", "rm", "web").strip() == "web"
    hosts.until(lambda: hosts.docker("manager1", "ps", "-aq") == "", "manager1 has no container left")
    hosts.until(lambda: hosts.curl("worker1") is None, "nothing answers on the published port")


def _config_swarm_manager(hosts: Hosts) -> None:
    assert hosts.shell("manager1", "docker info | grep Swarm").strip() == "Swarm: inactive"
    printed = hosts.docker("manager1", "swarm", "init", "--advertise-addr", "10.7.0.1")
    assert re.search(r"Swarm initialized: current node \([0-9a-z]{25}\) is now a manager\.", printed)
    assert re.search(r"docker swarm join --token SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25} 10\.7\.0\.1:2377", printed)
    assert hosts.shell("manager1", "docker info | grep Swarm").strip() == "Swarm: active"
    rows = hosts.table("manager1", "node", "ls")
    assert len(rows) == 1 and "*" in rows[0] and "Leader" in rows[0] and "Ready" in rows[0]


def _add_the_workers(hosts: Hosts) -> None:
    token = hosts.docker("manager1", "swarm", "join-token", "-q", "worker").strip()
    for worker in ("worker1", "worker2"):
        printed = hosts.docker(worker, "swarm", "join", "--token", token, "10.7.0.1:2377")
        assert printed.strip() == "This node joined a swarm as a worker."
    hosts.until(lambda: [row.count("Ready") for row in hosts.table("manager1", "node", "ls")] == [1, 1, 1], "3 Ready")
    refused = hosts.docker_error("worker1", "node", "ls")
    assert "This node is not a swarm manager." in refused


def _config_service(hosts: Hosts) -> None:
    hosts.docker("manager1", "service", "create", "--replicas", "5", "-p", "80:80", "--name", "web", "nginx")
    [row] = hosts.table("manager1", "service", "ls")
    assert row.split()[1:5] == ["web", "replicated", "5/5", "nginx:latest"] and "*:80->80/tcp" in row
    rows = hosts.table("manager1", "service", "ps", "web")
    assert sorted(row.split()[1] for row in rows) == [f"web.{n}" for n in range(1, 6)]
    assert all("Running" in row for row in rows)
    on_worker1 = hosts.table("manager1", "node", "ps", "worker1")
    assert len(on_worker1) == len([row for row in rows if " worker1 " in row]) > 0
    for host in ("manager1", "worker1", "worker2"):
        assert hosts.curl(host) is not None, f"{host} does not answer on 80"


def _scale(hosts: Hosts) -> None:
    before = set(hosts.docker("manager1", "service", "ps", "-q", "web").split())
    assert "web scaled to 10" in hosts.docker("manager1", "service", "scale", "web=10")
    rows = hosts.table("manager1", "service", "ps", "--no-trunc", "web")
    per_host = sorted(sum(f" {host} " in row for row in rows) for host in ("manager1", "worker1", "worker2"))
    assert per_host == [3, 3, 4]
    assert before <= set(hosts.docker("manager1", "service", "ps", "-q", "web").split())


def _drain_and_back(hosts: Hosts) -> None:
    assert hosts.docker("manager1", "node", "update", "--availability", "drain", "worker2").strip() == "worker2"

    def moved() -> bool:
        running = hosts.table("manager1", "service", "ps", "--filter", "desired-state=running", "web")
        return len(running) == 10 and not any(" worker2 " in row for row in running) and all(
            " Running " in row for row in running)

    hosts.until(moved, "10 tasks run, none on worker2", within=40)
    assert hosts.docker("manager1", "node", "update", "--availability", "active", "worker2").strip() == "worker2"


def test_the_same_through_the_docker_sdk() -> None:
    """docker-py, which graders and students' programs use, drives the same daemon."""
    import docker

    with running_hosts("three_nodes") as hosts:
        clients = {name: docker.DockerClient(base_url=f"unix://{hosts.socket(name)}", version="1.41")
                   for name in ("manager1", "worker1", "worker2")}
        try:
            manager = clients["manager1"]
            assert manager.swarm.init(advertise_addr="10.7.0.1", listen_addr="0.0.0.0:2377")
            token = manager.swarm.attrs["JoinTokens"]["Worker"]
            for worker in ("worker1", "worker2"):
                assert clients[worker].swarm.join(["10.7.0.1:2377"], token)
            hosts.until(lambda: len([n for n in manager.nodes.list()
                                     if n.attrs["Status"]["State"] == "ready"]) == 3, "3 ready")
            ports = docker.types.EndpointSpec(ports={80: 80})
            mode = docker.types.ServiceMode("replicated", replicas=3)
            web = manager.services.create("nginx", name="web", mode=mode, endpoint_spec=ports)
            hosts.until(lambda: _running(web) == 3, "3 tasks run")
            assert web.scale(6)
            hosts.until(lambda: _running(web) == 6, "6 tasks run")
            assert hosts.curl("worker2") is not None
            assert web.remove()
            assert manager.services.list() == []
        finally:
            for client in clients.values():
                client.close()


def _running(service: object) -> int:
    tasks = service.tasks(filters={"desired-state": "running"})  # type: ignore[attr-defined]
    return sum(task["Status"]["State"] == "running" for task in tasks)
