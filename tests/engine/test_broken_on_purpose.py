"""A real swarm whose hosts lose their power, and whose kernels are tampered with, as `lab` does and shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.docker_clis import cli_parameters
from tests.engine.hosts import Hosts, running_swarm
from tests.sandbox.test_break import lab

pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(180)]


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    docker: Path = cli_parameters()[0].values[0]
    with running_swarm(docker) as cluster:
        cluster.docker("manager1", "service", "create", "--name", "web", "-p", "80:80", "--replicas", "3",
                       "nginx:1.18")
        yield cluster


def test_a_host_without_power_loses_its_tasks_and_rejoins_after_its_boot(hosts: Hosts) -> None:
    hosts.cluster.call("power", name="worker1", action="poweroff")
    hosts.until(lambda: running(hosts) == ["manager1", "worker2", "worker2"]
                or running(hosts) == ["manager1", "manager1", "worker2"], "its task runs elsewhere", 40)
    assert hosts.curl("manager1") and hosts.curl("worker2")
    hosts.cluster.call("power", name="worker1", action="start")
    hosts.until(lambda: state(hosts, "worker1") == "Ready", "it is back")
    hosts.until(lambda: hosts.curl("worker1") is not None, "its published port answers without a task")
    assert hosts.shell("worker1", "pgrep -x nginx || true") == ""


def test_verify_names_what_differs_until_it_is_mended(hosts: Hosts) -> None:
    at = ("--name", hosts.cluster.name)
    hosts.until(lambda: lab("net", "verify", *at).returncode == 0, "all agree")
    hosts.until(lambda: broken_and_seen(hosts, at), "seen before it is mended", 60)
    hosts.until(lambda: lab("net", "verify", "worker1", *at).returncode == 0, "it is mended")
    hosts.cluster.call("power", name="worker2", action="poweroff")
    off = lab("net", "verify", "--json", *at)
    assert (off.returncode, json.loads(off.stdout)["worker2"]) == (3, None)


def broken_and_seen(hosts: Hosts, at: tuple[str, str]) -> bool:
    """True if `lab net verify` was faster than the reconciler, which hears of the change at once."""
    hosts.shell("worker1", "ip link set vx-4096 down")
    said = lab("net", "verify", *at)
    return said.returncode == 1 and "link vx-4096 differs: up is False, should be True" in said.stdout


def running(hosts: Hosts) -> list[str]:
    return sorted(hosts.docker("manager1", "service", "ps", "web", "--filter", "desired-state=running", "--format",
                               "{{.Node}}").split())


def state(hosts: Hosts, node: str) -> str:
    return hosts.docker("manager1", "node", "inspect", node, "--format", "{{.Status.State}}").strip().title()
