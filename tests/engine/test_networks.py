"""Overlays with the real docker command on three hosts: names, aliases, isolation, joining and leaving, removal."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.engine.hosts import IDLE, NODES, Hosts, running_swarm

pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(300)]
MANAGER = NODES[0]


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """A swarm with two overlays of the same subnet and one from the pool, a service on each, an onlooker on two."""
    with running_swarm() as cluster:
        docker = cluster.docker
        docker(MANAGER, "network", "create", "-d", "overlay", "back")
        for name in ("front", "twin"):
            docker(MANAGER, "network", "create", "-d", "overlay", "--subnet", "10.50.0.0/24", name)
        docker(MANAGER, "service", "create", "--name", "web", "--network", "name=front,alias=www", "--replicas", "3",
               "-p", "80:80", "nginx")
        docker(MANAGER, "service", "create", "--name", "far", "--network", "twin", "--replicas", "2", "nginx")
        docker(MANAGER, "service", "create", "--name", "rr", "--network", "back", "--endpoint-mode", "dnsrr",
               "--replicas", "2", "nginx")
        docker(MANAGER, "service", "create", "--name", "eye", "--network", "front", "--mode", "global", *IDLE)
        yield cluster


def inside(hosts: Hosts, node: str, *words: str) -> str:
    """What a command says in the onlooker's task on that node, "" if it fails."""
    # The newest is listed first: an older one may still be on its way out.
    container = hosts.docker(node, "ps", "-q", "--filter", "name=eye.").split()[0]
    done = hosts.run(node, "exec", container, *words)
    return done.stdout if done.returncode == 0 else ""


def looked_up(hosts: Hosts, node: str, name: str) -> list[str]:
    return sorted(inside(hosts, node, "dig", "+short", name).split())


def virtual_ips(hosts: Hosts, service: str) -> dict[str, str]:
    """Network id → address."""
    found = json.loads(hosts.docker(MANAGER, "service", "inspect", service))[0]["Endpoint"]["VirtualIPs"]
    return {vip["NetworkID"]: vip["Addr"] for vip in found}


def network_id(hosts: Hosts, name: str) -> str:
    return hosts.docker(MANAGER, "network", "inspect", "-f", "{{.Id}}", name).strip()


def test_a_service_has_a_virtual_address_on_each_network_ingress_first(hosts: Hosts) -> None:
    assert list(virtual_ips(hosts, "web")) == [network_id(hosts, "ingress"), network_id(hosts, "front")]
    assert list(virtual_ips(hosts, "far")) == [network_id(hosts, "twin")]
    shown = hosts.docker(MANAGER, "service", "inspect", "--pretty", "web")
    assert "Networks: front" in shown
    [rr] = json.loads(hosts.docker(MANAGER, "service", "inspect", "rr"))
    assert "VirtualIPs" not in rr["Endpoint"]


def test_names_lead_to_the_service_on_every_node_and_only_on_shared_networks(hosts: Hosts) -> None:
    address = virtual_ips(hosts, "web")[network_id(hosts, "front")].partition("/")[0]
    for node in NODES:
        for name in ("web", "www"):
            hosts.until(lambda at=node, asked=name: looked_up(hosts, at, asked) == [address],  # type: ignore[misc]
                        f"{name} is {address} on {node}")
        assert len(looked_up(hosts, node, "tasks.web")) == 3
        assert "200" in inside(hosts, node, "curl", "-s", "-m", "3", "-o", "/dev/null", "-w", "%{http_code}", "http://www")
        assert looked_up(hosts, node, "rr") == looked_up(hosts, node, "far") == [], "of other networks"


def test_the_same_address_on_another_network_is_another_task(hosts: Hosts) -> None:
    """web and far have the same virtual address, on two networks that never meet."""
    front, twin = (network_id(hosts, name) for name in ("front", "twin"))
    assert virtual_ips(hosts, "web")[front] == virtual_ips(hosts, "far")[twin]
    answers = {inside(hosts, node, "curl", "-s", "-m", "3", "http://web") for node in NODES for _ in range(3)}
    own = {container[:12] for node in NODES for container in hosts.docker(
        node, "ps", "-q", "--no-trunc", "--filter", "name=web.").split()}
    assert all(any(container in answer for container in own) for answer in answers), answers


def test_a_worker_knows_a_network_while_it_has_a_task_there(hosts: Hosts) -> None:
    hosts.docker(MANAGER, "service", "create", "--name", "one", "--network", "back", "--constraint",
                 "node.hostname==worker1", *IDLE)
    assert "back" in hosts.docker("worker1", "network", "ls")
    assert "one." in hosts.docker("worker1", "network", "inspect", "back")
    hosts.docker(MANAGER, "service", "rm", "one", "rr")
    hosts.until(lambda: "back" not in hosts.docker("worker1", "network", "ls"), "worker1 lets go of back")
    hosts.docker(MANAGER, "service", "create", "--name", "rr", "--network", "back", "--endpoint-mode", "dnsrr",
                 "--replicas", "2", "nginx")


def test_a_service_joins_and_leaves_a_network(hosts: Hosts) -> None:
    hosts.docker(MANAGER, "service", "update", "--update-parallelism", "0", "--update-monitor", "0s",
                 "--network-add", "back", "eye")
    for node in NODES:
        hosts.until(lambda at=node: len(looked_up(hosts, at, "rr")) == 2, f"rr answers on {node}")  # type: ignore[misc]
    both = {network_id(hosts, "front"), network_id(hosts, "back")}  # the docker command puts them in the order of ids
    assert set(virtual_ips(hosts, "eye")) == both
    hosts.docker(MANAGER, "service", "update", "--network-rm", "back", "--update-monitor", "0s", "eye")
    for node in NODES:
        hosts.until(lambda at=node: looked_up(hosts, at, "rr") == [], f"rr is unknown on {node}")  # type: ignore[misc]
    assert list(virtual_ips(hosts, "eye")) == [network_id(hosts, "front")]


def test_names_follow_a_scale(hosts: Hosts) -> None:
    for count in (5, 1, 3):
        hosts.docker(MANAGER, "service", "scale", "-d", f"web={count}")
        for node in NODES:
            hosts.until(lambda at=node, n=count: len(looked_up(hosts, at, "tasks.web")) == n,  # type: ignore[misc]
                        f"{count} addresses on {node}")


def test_a_network_in_use_stays_and_one_that_only_dying_tasks_use_goes(hosts: Hosts) -> None:
    assert f"network {network_id(hosts, 'twin')} is in use by service" in hosts.docker_error(
        MANAGER, "network", "rm", "twin")
    hosts.docker(MANAGER, "service", "rm", "far")
    assert hosts.docker(MANAGER, "network", "rm", "twin").strip() == "twin"
    hosts.until(lambda: not any("far." in hosts.docker(node, "ps", "-a") for node in NODES), "its tasks are gone")
    assert hosts.docker(MANAGER, "network", "prune", "-f") == ""
    for line in ("twin", "10.50.0.0/24"):
        hosts.docker(MANAGER, "network", "create", "-d", "overlay", "--subnet", "10.50.0.0/24", "twin")
        assert line in hosts.docker(MANAGER, "network", "inspect", "twin")
        assert "twin" in hosts.docker(MANAGER, "network", "prune", "-f")


def test_a_full_network_says_on_the_task_who_has_its_addresses(hosts: Hosts) -> None:
    hosts.docker(MANAGER, "network", "create", "-d", "overlay", "--subnet", "10.60.0.0/29", "small")
    hosts.docker(MANAGER, "service", "create", "-d", "--name", "many", "--network", "small", "--replicas", "6", *IDLE)

    def reasons() -> int:
        rows = hosts.table(MANAGER, "service", "ps", "--no-trunc", "many")
        return sum("no free address on network small (10.60.0.0/29): 5 of 5 are taken, by 1 VIP, " in r for r in rows)

    hosts.until(lambda: reasons() > 0, "the reason stands on the tasks that wait")
    hosts.docker(MANAGER, "service", "scale", "-d", "many=1")
    hosts.until(lambda: reasons() == 0, "there is room")
    hosts.docker(MANAGER, "service", "rm", "many")
    hosts.docker(MANAGER, "network", "rm", "small")


def test_options_of_address_management_are_kept_and_shown_as_docker_does(hosts: Hosts) -> None:
    for driver in ("overlay", "bridge"):
        hosts.docker(MANAGER, "network", "create", "-d", driver, "--ipam-opt", "com.example.a=b", f"opt-{driver}")
        shown = hosts.docker(MANAGER, "network", "inspect", "-f", "{{json .IPAM.Options}}", f"opt-{driver}")
        assert json.loads(shown) == {"com.example.a": "b"}
    hosts.docker(MANAGER, "network", "rm", "opt-overlay", "opt-bridge")
