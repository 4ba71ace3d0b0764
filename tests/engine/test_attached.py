"""Containers of one's own on networks, with the real docker command: connected and disconnected while they run, on
bridges and on attachable overlays, from a manager and from a worker; what is left after each kind of end."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.engine.hosts import IDLE, NODES, Hosts, running_swarm

pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(300)]
MANAGER = NODES[0]


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """A swarm with an attachable overlay, a service on it, and a closed one."""
    with running_swarm() as cluster:
        docker = cluster.docker
        docker(MANAGER, "network", "create", "-d", "overlay", "--attachable", "--subnet", "10.50.0.0/24", "open")
        docker(MANAGER, "network", "create", "-d", "overlay", "closed")
        docker(MANAGER, "service", "create", "--name", "web", "--network", "open", "--constraint",
               f"node.hostname=={MANAGER}", *IDLE)
        yield cluster


def inside(hosts: Hosts, node: str, container: str, line: str) -> str:
    """What a shell line in a container says."""
    return hosts.run(node, "exec", container, "sh", "-c", line).stdout.strip()


def leads_to(hosts: Hosts, node: str, container: str, name: str) -> list[str]:
    return sorted(inside(hosts, node, container, f"dig +short {name}").split())


def endpoints(hosts: Hosts, node: str, container: str) -> dict[str, str]:
    """Network → address, as `docker inspect` shows it."""
    [shown] = json.loads(hosts.docker(node, "inspect", container))
    return {name: network["IPAddress"] for name, network in shown["NetworkSettings"]["Networks"].items()}


def carries(hosts: Hosts, node: str, network: str) -> bool:
    return network in hosts.docker(node, "network", "ls", "--format", "{{.Name}}").split()


def test_a_container_moves_between_bridges_while_it_runs(hosts: Hosts) -> None:
    docker = hosts.docker
    docker("worker1", "network", "create", "n1")
    docker("worker1", "network", "create", "--subnet", "10.77.0.0/24", "n2")
    docker("worker1", "run", "-d", "--name", "walker", *IDLE)
    docker("worker1", "run", "-d", "--name", "there", "--network", "n1", *IDLE)
    docker("worker1", "network", "connect", "--alias", "www", "n1", "walker")
    docker("worker1", "network", "connect", "--ip", "10.77.0.9", "n2", "walker")
    shown = endpoints(hosts, "worker1", "walker")
    assert set(shown) == {"bridge", "n1", "n2"} and shown["n2"] == "10.77.0.9"
    for name in ("www", "walker"):
        assert leads_to(hosts, "worker1", "there", name) == [shown["n1"]]
    assert inside(hosts, "worker1", "walker", "ping -c1 -W2 there >/dev/null && echo yes") == "yes"
    assert "endpoint with name walker already exists in network n1" in hosts.docker_error(
        "worker1", "network", "connect", "n1", "walker")
    docker("worker1", "network", "disconnect", "bridge", "walker")
    assert "via 172.19.0.1 dev eth1" in inside(hosts, "worker1", "walker", "ip route"), "the way out is another one"
    docker("worker1", "restart", "-t", "1", "walker")
    assert set(endpoints(hosts, "worker1", "walker")) == {"n1", "n2"}, "it holds for later starts"
    for name in ("n1", "n2"):
        docker("worker1", "network", "disconnect", name, "walker")
    assert leads_to(hosts, "worker1", "there", "www") == []
    assert "is not connected to network n2" in hosts.docker_error(
        "worker1", "network", "disconnect", "n2", "walker")
    assert endpoints(hosts, "worker1", "walker") == {}
    docker("worker1", "network", "connect", "bridge", "walker")
    assert "default via 172.17.0.1" in inside(hosts, "worker1", "walker", "ip route")
    docker("worker1", "rm", "-f", "walker", "there")
    assert docker("worker1", "network", "prune", "-f").split()[2:] == ["n1", "n2"]


def test_what_cannot_be_is_told_in_dockers_words(hosts: Hosts) -> None:
    assert ("Could not attach to network closed: rpc error: code = PermissionDenied desc = network closed not "
            "manually attachable") in hosts.docker_error("worker1", "run", "--rm", "--network", "closed", "nginx")
    assert "network nowhere not found" in hosts.docker_error(
        "worker1", "run", "--rm", "--network", "nowhere", "nginx")
    hosts.docker("worker1", "run", "-d", "--name", "lone", "--network", "none", *IDLE)
    assert "private (none) mode" in hosts.docker_error("worker1", "network", "connect", "open", "lone")
    hosts.docker("worker1", "rm", "-f", "lone")
    task = hosts.docker(MANAGER, "ps", "-q", "--filter", "name=web.").split()[0]
    assert "its networks are its service's" in hosts.docker_error(MANAGER, "network", "connect", "open", task)


def test_on_an_overlay_names_lead_both_ways_and_all_is_given_back(hosts: Hosts) -> None:
    docker = hosts.docker
    assert not carries(hosts, "worker1", "open")
    docker("worker1", "run", "-d", "--name", "guest", "--network", "open", "--network-alias", "visitor", "--ip",
           "10.50.0.77", *IDLE)
    docker("worker2", "run", "-d", "--name", "other", *IDLE)
    docker("worker2", "network", "connect", "open", "other")
    assert carries(hosts, "worker1", "open") and carries(hosts, "worker2", "open")
    assert endpoints(hosts, "worker1", "guest") == {"open": "10.50.0.77"}
    address = endpoints(hosts, "worker2", "other")["open"]
    assert "10.50.0.77/24" in docker("worker1", "network", "inspect", "open")
    task = docker(MANAGER, "ps", "-q", "--filter", "name=web.").split()[0]
    for node, container in ((MANAGER, task), ("worker1", "guest"), ("worker2", "other")):
        for name, wanted in (("visitor", "10.50.0.77"), ("guest", "10.50.0.77"), ("other", address)):
            hosts.until(lambda n=node, c=container, asked=name, w=wanted: leads_to(hosts, n, c, asked) == [w],  # type: ignore[misc]
                        f"{name} is {wanted} on {node}")
            assert inside(hosts, node, container, f"ping -c1 -W2 {name} >/dev/null && echo yes") == "yes", name
        assert leads_to(hosts, node, container, "tasks.guest") == []
    assert len(leads_to(hosts, "worker1", "guest", "web")) == 1
    assert "10.50.0.77 is already in use" in hosts.docker_error(
        MANAGER, "run", "--rm", "--network", "open", "--ip", "10.50.0.77", "nginx")
    assert "is in use by" in hosts.docker_error(MANAGER, "network", "rm", "open")
    docker("worker2", "network", "disconnect", "open", "other")
    docker("worker1", "rm", "-f", "guest")
    for worker in ("worker1", "worker2"):
        hosts.until(lambda at=worker: not carries(hosts, at, "open"), f"{worker} lets go")  # type: ignore[misc]
    hosts.until(lambda: leads_to(hosts, MANAGER, task, "guest") == [], "its name is gone")
    docker("worker2", "rm", "-f", "other")
    docker(MANAGER, "run", "--rm", "--network", "open", "--ip", "10.50.0.77", "tools", "true")


def test_a_container_keeps_its_place_while_its_daemon_is_killed(hosts: Hosts) -> None:
    hosts.docker("worker1", "run", "-d", "--name", "stays", "--network", "open", *IDLE)
    hosts.docker("worker1", "run", "-d", "--name", "goes", "--network", "open", *IDLE)
    before = endpoints(hosts, "worker1", "stays")
    doomed = hosts.docker("worker1", "inspect", "-f", "{{.State.Pid}}", "goes").strip()
    restarts = hosts.cluster.call("status")["worker1"]["restarts"]
    hosts.shell("worker1", f"kill -9 $(pgrep -x swarmd) {doomed}")
    hosts.until(lambda: hosts.cluster.call("status")["worker1"]["restarts"] > restarts, "swarmd is started again")
    hosts.until(lambda: hosts.run("worker1", "info").returncode == 0, "it answers")
    task = hosts.docker(MANAGER, "ps", "-q", "--filter", "name=web.").split()[0]
    hosts.until(lambda: leads_to(hosts, MANAGER, task, "goes") == [], "what died meanwhile is known by no name")
    assert endpoints(hosts, "worker1", "stays") == before
    assert leads_to(hosts, MANAGER, task, "stays") == [before["open"]]
    assert inside(hosts, MANAGER, task, "ping -c1 -W2 stays >/dev/null && echo yes") == "yes"
    hosts.docker("worker1", "rm", "-f", "stays", "goes")


def test_a_node_that_is_removed_takes_its_places_along(hosts: Hosts) -> None:
    hosts.docker("worker2", "run", "-d", "--name", "lost", "--network", "open", "--ip", "10.50.0.99", *IDLE)
    task = hosts.docker(MANAGER, "ps", "-q", "--filter", "name=web.").split()[0]
    hosts.until(lambda: leads_to(hosts, MANAGER, task, "lost") == ["10.50.0.99"], "its name is known")
    hosts.docker(MANAGER, "node", "rm", "--force", "worker2")
    hosts.until(lambda: leads_to(hosts, MANAGER, task, "lost") == [], "its name is forgotten")
    hosts.until(lambda: hosts.run(MANAGER, "run", "--rm", "--network", "open", "--ip", "10.50.0.99", "tools",
                                  "true").returncode == 0, "its address is free")


def test_ports_on_one_address_and_from_a_range_and_options_of_bridges(hosts: Hosts) -> None:
    docker = hosts.docker
    docker(MANAGER, "run", "-d", "--name", "inner", "-p", "127.0.0.1:7100:80", "nginx")
    assert docker(MANAGER, "port", "inner").strip() == "80/tcp -> 127.0.0.1:7100"
    ask = "curl -s -m 3 -o /dev/null -w '%{http_code}' http://"
    hosts.until(lambda: hosts.shell(MANAGER, ask + "127.0.0.1:7100") == "200", "it answers on that address")
    assert hosts.shell(MANAGER, ask + "10.7.0.1:7100") == "000" and hosts.curl(MANAGER, 7100) is None, "on no other"
    for name in ("one", "two"):
        docker(MANAGER, "run", "-d", "--name", f"range-{name}", "-p", "7110-7111:80", "nginx")
    assert [docker(MANAGER, "port", f"range-{name}").strip() for name in ("one", "two")] == [
        "80/tcp -> 0.0.0.0:7110", "80/tcp -> 0.0.0.0:7111"]
    assert "port is already allocated" in hosts.docker_error(MANAGER, "run", "--rm", "-p", "7110-7111:80", "nginx")
    option = "com.docker.network.bridge."
    docker(MANAGER, "network", "create", "-o", f"{option}enable_icc=false", "-o",
           f"{option}host_binding_ipv4=127.0.0.1", "apart")
    for name in ("left", "right"):
        docker(MANAGER, "run", "-d", "--name", name, "--network", "apart", "-p", "80", *IDLE)
    assert docker(MANAGER, "port", "left").startswith("80/tcp -> 127.0.0.1:")
    assert inside(hosts, MANAGER, "left", "ping -c1 -W1 right >/dev/null || echo no") == "no"
    assert "neither true nor false" in hosts.docker_error(
        MANAGER, "network", "create", "-o", f"{option}enable_icc=maybe", "odd")
    docker(MANAGER, "rm", "-f", "inner", "range-one", "range-two", "left", "right")
