"""moby#25526: a service may ask to see its clients' own addresses through the mesh, by any node, and while it
changes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.engine.hosts import Hosts, running_swarm
from tests.engine.test_no_request_lost import RATE, check, load

pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(300)]
NODES = {"manager1": "10.7.0.1", "worker1": "10.7.0.2", "worker2": "10.7.0.3"}
CLIENT = "10.7.0.100"
LABEL = "swarmkit.ingress.source"


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """A service with the label, not on the manager; one without."""
    with running_swarm() as cluster:
        common = ("service", "create", "--replicas", "4", "--constraint", "node.role==worker")
        cluster.docker("manager1", *common, "--name", "plain", "-p", "81:80", "traefik/whoami")
        cluster.docker("manager1", *common, "--name", "seen", "--label", f"{LABEL}=preserve", "-p", "80:80", "-p",
                       "8080:80", "traefik/whoami")
        yield cluster


def seen(hosts: Hosts, node: str, port: int) -> tuple[str, str]:
    """Who answered, and which address it saw."""
    page = hosts.curl(node, port) or ""
    found = re.search(r"IP: (\S+)\nRemoteAddr: (\S+):\d+", page)
    return (found[1], found[2]) if found else ("", page)


def test_the_client_s_own_address_by_any_node_and_at_every_task(hosts: Hosts) -> None:
    for node in NODES:
        for port in (80, 8080):
            answers = {seen(hosts, node, port) for _ in range(4)}
            assert {address for _, address in answers} == {CLIENT}, (node, port)
            assert len({task for task, _ in answers}) == 4, "each of the tasks had its turn"


def test_without_the_label_all_is_as_ever(hosts: Hosts) -> None:
    for node in NODES:
        assert seen(hosts, node, 81)[1].startswith("10.0.0."), "the entry node's, on ingress"
    assert f"the label {LABEL} is preserve" in hosts.docker_error(
        "manager1", "service", "create", "--label", f"{LABEL}=keep", "nginx")


def test_from_the_entry_node_itself_and_from_a_node_without_a_task(hosts: Hosts) -> None:
    ask = "curl -s -m 3 http://{} | sed -n 's/^RemoteAddr: \\(.*\\):.*/\\1/p'"
    assert hosts.shell("manager1", ask.format("10.7.0.2")).strip() == "10.7.0.1"
    assert hosts.shell("manager1", ask.format("127.0.0.1")).strip().startswith("10.0.0.")


def test_an_update_loses_no_request_and_the_label_holds_for_new_tasks(hosts: Hosts) -> None:
    with load(hosts) as report:
        hosts.docker("manager1", "service", "update", "--update-parallelism", "2", "--update-monitor", "0s",
                     "--force", "seen")
        hosts.docker("manager1", "service", "scale", "-d", "seen=2")
        hosts.until(lambda: sum(len(hosts.docker(node, "ps", "-q", "--filter", "name=seen.").split())
                                for node in ("worker1", "worker2")) == 2, "two are left")
    check(report, RATE)
    assert {seen(hosts, node, 80)[1] for node in NODES} == {CLIENT}
    hosts.docker("manager1", "service", "update", "--label-rm", LABEL, "--update-monitor", "0s", "--force", "seen")
    assert all(seen(hosts, node, 80)[1].startswith("10.0.0.") for node in NODES)


def test_what_somebody_takes_away_is_put_back(hosts: Hosts) -> None:
    hosts.docker("manager1", "service", "update", "--label-add", f"{LABEL}=preserve", "--update-monitor", "0s",
                 "--force", "seen")
    container = hosts.docker("worker1", "ps", "-q", "--filter", "name=seen.").split()[0]
    pid = hosts.docker("worker1", "inspect", "-f", "{{.State.Pid}}", container).strip()
    inside = f"nsenter -t {pid} -n "
    hosts.shell("worker1", inside + "ip rule del priority 100; " + inside + "ip route flush table 167772162")
    hosts.until(lambda: hosts.shell("worker1", inside + "ip rule").count("fwmark") == 3, "the rules are back")
    hosts.until(lambda: "via 10.0.0.2" in hosts.shell("worker1", inside + "ip route show table 167772162"),
                "and routes")
    hosts.until(lambda: {seen(hosts, "manager1", 80)[1] for _ in range(2)} == {CLIENT}, "answers come back")
