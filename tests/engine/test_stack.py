"""A real compose file, from deploy to nothing left: three services, a secret, a config, a health check, networks with
names, placement, an update that works and one that does not."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.docker_clis import cli_parameters
from tests.engine.hosts import NODES, Hosts, running_swarm

pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(400)]

FILE = Path(__file__).parent / "compose" / "shop.yml"


@pytest.fixture(params=cli_parameters())
def hosts(request: pytest.FixtureRequest) -> Iterator[Hosts]:
    with running_swarm(request.param) as cluster:
        yield cluster


def deploy(hosts: Hosts, version: str) -> None:
    """`docker stack deploy`, with this version of the web service."""
    command = ["docker", "-H", f"unix://{hosts.socket('manager1')}", "stack", "deploy", "-c", str(FILE), "shop"]
    command[0] = str(hosts._docker)
    done = subprocess.run(command, env={"WEB_VERSION": version, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
                          capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def replicas(hosts: Hosts) -> dict[str, str]:
    lines = hosts.docker("manager1", "stack", "services", "--format", "{{.Name}} {{.Replicas}}", "shop").splitlines()
    return dict(line.split(maxsplit=1) for line in lines)


def update_state(hosts: Hosts) -> str:
    shown = "{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}"
    return hosts.docker("manager1", "service", "inspect", "--format", shown, "shop_web").strip()


def served_version(hosts: Hosts) -> str:
    found = re.search(r"version: nginx/(\S+)", hosts.curl("worker2", 8080) or "")
    return found[1] if found else ""


def task_of(hosts: Hosts, service: str) -> tuple[str, str]:
    """Host and container of one running task."""
    for host in NODES:
        wanted = f"label=com.docker.swarm.service.name=shop_{service}"
        ids = hosts.docker(host, "ps", "-q", "--filter", wanted).split()
        if ids:
            return host, ids[0]
    raise AssertionError(f"no task of {service} runs")


def inside(hosts: Hosts, service: str, *words: str) -> str:
    host, container = task_of(hosts, service)
    return hosts.run(host, "exec", container, *words).stdout


def test_a_stack_from_deploy_to_nothing_left(hosts: Hosts) -> None:
    deploy(hosts, "1.18")
    _converges(hosts)
    _has_what_it_was_given(hosts)
    _updates_and_goes_back(hosts)
    _leaves_nothing(hosts)


def _converges(hosts: Hosts) -> None:
    wanted = {"shop_web": "3/3", "shop_api": "2/2", "shop_db": "1/1"}
    hosts.until(lambda: replicas(hosts) == wanted, "the stack converges", within=60)
    assert hosts.table("manager1", "stack", "ls")[0].split()[:2] == ["shop", "3"]
    assert served_version(hosts) == "1.18.0"
    rows = hosts.table("manager1", "stack", "ps", "--filter", "desired-state=running", "shop")
    placed = {row.split()[1]: row.split()[3] for row in rows}
    assert placed["shop_db.1"] == "worker1"
    assert {placed["shop_api.1"], placed["shop_api.2"]} == {"worker1", "worker2"}


def _has_what_it_was_given(hosts: Hosts) -> None:
    assert inside(hosts, "web", "cat", "/etc/motd") == "Welcome to the shop\n"
    assert inside(hosts, "db", "cat", "/run/secrets/password") == "correct horse\n"
    assert inside(hosts, "web", "curl", "-s", "http://api/").startswith("Hostname: "), "a name in a shared network"
    assert "correct horse" in inside(hosts, "api", "curl", "-s", "--max-time", "3", "telnet://db:5432")
    assert inside(hosts, "web", "curl", "-s", "--max-time", "3", "http://db/") == "", "no network in common"
    host, container = task_of(hosts, "web")
    health = ("inspect", "--format", "{{.State.Health.Status}}", container)
    hosts.until(lambda: hosts.docker(host, *health).strip() == "healthy", "the web service is healthy")
    assert hosts.table("worker1", "volume", "ls")[0].split() == ["local", "shop_data"]


def _updates_and_goes_back(hosts: Hosts) -> None:
    before = set(hosts.docker("manager1", "service", "ps", "-q", "shop_db").split())
    deploy(hosts, "1.19")
    hosts.until(lambda: update_state(hosts) == "completed", "the update completes", within=90)
    assert served_version(hosts) == "1.19.10"
    assert set(hosts.docker("manager1", "service", "ps", "-q", "shop_db").split()) == before, "the others stay"
    deploy(hosts, "1.20-broken")
    hosts.until(lambda: update_state(hosts) == "rollback_completed", "the bad version is rolled back", within=90)
    hosts.until(lambda: replicas(hosts)["shop_web"] == "3/3", "three of the good version run again", within=30)
    assert served_version(hosts) == "1.19.10"
    assert "task: non-zero exit (1)" in hosts.docker("manager1", "stack", "ps", "--no-trunc", "shop")


def _leaves_nothing(hosts: Hosts) -> None:
    printed = hosts.docker("manager1", "stack", "rm", "shop")
    assert printed.count("Removing") == 7, "three services, two networks, a secret and a config"
    for list_ in (("stack", "ls"), ("service", "ls"), ("secret", "ls"), ("config", "ls")):
        assert hosts.table("manager1", *list_) == []
    assert "shop" not in hosts.docker("manager1", "network", "ls")
    for host in NODES:
        hosts.until(lambda host=host: hosts.docker(host, "ps", "-aq") == "",  # type: ignore[misc]
                    f"{host} has no container left", within=30)
        hosts.until(lambda host=host: "shop" not in hosts.docker(host, "network", "ls"),  # type: ignore[misc]
                    f"{host} carries no network of the stack", within=30)
    assert hosts.curl("worker2", 8080) is None
