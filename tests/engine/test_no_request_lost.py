"""Issue moby#30321: with a steady stream of requests through the mesh, no change of a service loses one of them."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engine.hosts import Hosts, running_swarm

pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(300)]
STEADY = Path(__file__).parent / "steady.py"
RATE = 200
SECONDS = float(os.environ.get("LOAD_SECONDS", "0"))
"""How long to scale between 2 and 20; once at least."""


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with running_swarm() as cluster:
        cluster.docker("manager1", "service", "create", "--replicas", "10", "-p", "80:80", "--name", "web", "nginx")
        yield cluster


@contextmanager
def load(hosts: Hosts) -> Iterator[dict[str, Any]]:
    """Requests from the client, to each node in turn; what came of them is in the dict after the block."""
    argv = hosts.cluster.enter_argv(
        "client", ["/usr/bin/python3", str(STEADY), str(RATE), "10.7.0.1", "10.7.0.2", "10.7.0.3"])
    report: dict[str, Any] = {}
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        try:
            assert client.stdout is not None and client.stdout.readline() == "flowing\n"
            yield report
        finally:
            said, _ = client.communicate(timeout=60)
            report.update(json.loads(said))


def check(report: dict[str, Any], least: int) -> None:
    lost = report["failures"]
    assert lost == [], f"{len(lost)} of {report['asked']} requests lost; the first: {lost[:5]}"
    assert report["asked"] >= least, f"only {report['asked']} requests: nothing was put to the test"


def running(hosts: Hosts) -> int:
    return len(hosts.docker("manager1", "service", "ps", "-q", "--filter", "desired-state=running", "web").split())


def containers(hosts: Hosts) -> int:
    return sum(len(hosts.docker(host, "ps", "-q").split()) for host in ("manager1", "worker1", "worker2"))


def test_scaling_down_and_up_again_loses_no_request(hosts: Hosts) -> None:
    end = time.monotonic() + SECONDS
    with load(hosts) as report:
        scale(hosts, 2)
        scale(hosts, 20)
        scale(hosts, 2)
        while time.monotonic() < end:
            scale(hosts, 20)
            scale(hosts, 2)
        scale(hosts, 1)
        scale(hosts, 10)
    print(f"{report['asked']} requests in {report['seconds']:.0f} s, the slowest took {report['slowest']:.2f} s")
    check(report, RATE * 2)


def scale(hosts: Hosts, count: int) -> None:
    hosts.docker("manager1", "service", "scale", "-d", f"web={count}")
    hosts.until(lambda: containers(hosts) == count, f"{count} containers run", within=60)


@pytest.mark.parametrize("order", ["stop-first", "start-first"])
def test_a_rolling_update_loses_no_request(hosts: Hosts, order: str) -> None:
    before = set(hosts.docker("manager1", "service", "ps", "-q", "web").split())
    with load(hosts) as report:
        hosts.docker("manager1", "service", "update", "--update-order", order, "--update-parallelism", "2",
                     "--update-monitor", "0s", "--force", "web")
    now = hosts.docker("manager1", "service", "ps", "-q", "--filter", "desired-state=running", "web").split()
    assert len(now) == 10 and before.isdisjoint(now)
    check(report, RATE * 3)


def test_draining_a_node_loses_no_request(hosts: Hosts) -> None:
    with load(hosts) as report:
        for availability in ("drain", "active"):
            hosts.docker("manager1", "node", "update", "--availability", availability, "worker2")
            hosts.until(lambda: containers(hosts) == 10 == running(hosts), "10 run")
            if availability == "drain":
                hosts.until(lambda: not hosts.docker("worker2", "ps", "-q"), "worker2 is empty")
    check(report, RATE)


def test_the_measure_sees_a_lost_request(hosts: Hosts) -> None:
    """The control: containers that die without a word are noticed, or the tests above would prove nothing."""
    with load(hosts) as report:
        for host in ("manager1", "worker1", "worker2"):
            for container in hosts.docker(host, "ps", "-q").split():
                hosts.docker(host, "kill", container)
    assert report["failures"], f"not one of {report['asked']} requests failed while every container died"
