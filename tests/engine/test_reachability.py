"""Issue 4, done-when 2 and the even spread of 3: five nodes, three overlays, two of them with the same subnet. Who is
on which network is asked of the Engine API; who answers whom is tried from inside every task."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.engine.hosts import Hosts, running_swarm

pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(600)]
MANAGER, WORKERS = "manager1", ("worker1", "worker2", "worker3", "worker4")
NODES = (MANAGER, *WORKERS)
ASK = Path(__file__).parent / "who_answers.py"
CONNECTIONS = 1000


class Task(NamedTuple):
    """A running task's container, as `docker inspect` on its node tells of it. `addresses`: by network's name."""

    node: str
    service: str
    id: str
    pid: int
    addresses: dict[str, str]


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with running_swarm(topology="two_racks") as cluster:
        docker = cluster.docker
        docker(MANAGER, "network", "create", "-d", "overlay", "back")
        for name in ("front", "twin"):
            docker(MANAGER, "network", "create", "-d", "overlay", "--subnet", "10.50.0.0/24", name)
        for name in ("front", "twin", "back"):
            docker(MANAGER, "service", "create", "-d", "--mode", "global", "--network", name, "--name", f"on-{name}",
                   *(("-p", "80:80") if name == "front" else ()), "nginx")
        docker(MANAGER, "service", "create", "-d", "--replicas", "2", "--network", "front", "--network", "back",
               "--name", "on-both", "nginx")
        cluster.until(lambda: len(tasks(cluster)) == 17, "15 global tasks and 2 on both networks run", within=120)
        yield cluster


def tasks(hosts: Hosts) -> list[Task]:
    return [task for node in NODES for task in _on(hosts, node)]


def _on(hosts: Hosts, node: str) -> list[Task]:
    ids = hosts.docker(node, "ps", "-q").split()
    told = json.loads(hosts.docker(node, "inspect", *ids)) if ids else []
    return [Task(node, one["Config"]["Labels"]["com.docker.swarm.service.name"], one["Id"][:12], one["State"]["Pid"],
                 {name: place["IPAddress"] for name, place in one["NetworkSettings"]["Networks"].items()
                  if name in ("front", "twin", "back")}) for one in told]


def ask(hosts: Hosts, node: str, pids: list[int], width: int, addresses: list[str]) -> dict[int, list[str]]:
    words = " ".join(["/usr/bin/python3", str(ASK), ",".join(map(str, pids)), str(width), *addresses])
    said = hosts.shell(node, words, within=120)
    return {int(pid): answers for pid, answers in json.loads(said).items()}


def test_tasks_reach_each_other_exactly_where_they_share_an_overlay(hosts: Hosts) -> None:
    there = tasks(hosts)
    assert len(there) == 17
    wrong, reached, apart = compare(hosts, there)
    assert not wrong, "\n".join(wrong)
    assert reached > 100 and apart > 100, "the same look saw both: those that are reached and those that are not"


def test_daemons_killed_in_the_middle_of_a_change_come_back_to_the_same(hosts: Hosts) -> None:
    hosts.docker(MANAGER, "service", "scale", "-d", "on-both=7")
    for node in ("worker1", "worker3"):
        before = hosts.cluster.call("status")[node]["restarts"]
        hosts.shell(node, "kill -9 $(pgrep -x swarmd)")
        hosts.until(lambda n=node, b=before: hosts.cluster.call("status")[n]["restarts"] > b,  # type: ignore[misc]
                    "it is started again")
        hosts.until(lambda n=node: hosts.run(n, "info").returncode == 0, "it answers again")  # type: ignore[misc]
    seen: list[list[str]] = []

    def as_told() -> bool:
        there = tasks(hosts)
        seen.append([f"{len(there)} tasks"] if len(there) != 22 else compare(hosts, there)[0])
        return not seen[-1]

    hosts.until(as_told, "22 tasks, each reached where it should be", within=60)


def compare(hosts: Hosts, there: list[Task]) -> tuple[list[str], int, int]:
    """Every pair that does not behave as its networks say, and how many pairs share a network and do not."""
    targets = [(task, network, address) for task in there for network, address in task.addresses.items()]
    addresses = [address for _, _, address in targets]
    assert len(set(addresses)) < len(addresses), "the twins have no address in common: nothing is put to the test"
    wrong, reached, apart = [], 0, 0
    for node in NODES:
        mine = [task for task in there if task.node == node]
        answers = ask(hosts, node, [task.pid for task in mine], 32, addresses)
        for asker in mine:
            for (target, network, address), said in zip(targets, answers[asker.pid], strict=True):
                shared = network in asker.addresses
                reached, apart = reached + shared, apart + (not shared)
                if (said == target.id) is not shared and asker.id != target.id:
                    wrong.append(f"{asker.service} on {node} asked {target.service} on {target.node} at {address} "
                                 f"({network}, shared: {shared}): {said}")
    return wrong, reached, apart


@pytest.mark.parametrize("way", ["mesh", "virtual address"])
def test_a_thousand_connections_are_spread_evenly(hosts: Hosts, way: str) -> None:
    there = tasks(hosts)
    if way == "mesh":
        said = ask(hosts, "client", [0], 16, ["10.7.0.2"] * CONNECTIONS)[0]
    else:
        asker = next(task for task in there if task.service == "on-both")
        vips = json.loads(hosts.docker(MANAGER, "service", "inspect", "on-front"))[0]["Endpoint"]["VirtualIPs"]
        front = hosts.docker(MANAGER, "network", "inspect", "-f", "{{.Id}}", "front").strip()
        vip = next(one["Addr"].partition("/")[0] for one in vips if one["NetworkID"] == front)
        said = ask(hosts, asker.node, [asker.pid], 16, [vip] * CONNECTIONS)[asker.pid]
    served = Counter(said)
    assert set(served) == {task.id for task in there if task.service == "on-front"}, served
    mean = CONNECTIONS / len(served)
    assert all(abs(count - mean) <= 0.2 * mean for count in served.values()), served
