"""Secrets, configs, templates and mounts through the real docker command on three real hosts."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Iterator

import pytest

from tests.engine.docker_clis import path_cli
from tests.engine.hosts import Hosts, running_swarm

pytestmark = [
    pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(300),
    pytest.mark.skipif(path_cli() is None, reason="no docker command on PATH"),
]
ALL = ("manager1", "worker1", "worker2")
FIRST, SECOND = "first-very-secret-7f3a", "second-very-secret-91bc"
ON_WORKER1 = ("--constraint", "node.hostname==worker1")


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with running_swarm() as cluster:
        yield cluster


def make(hosts: Hosts, kind: str, name: str, data: str, *options: str) -> None:
    """`docker secret|config create` with the data on its standard input."""
    line = f"printf %s {shlex.quote(data)} | docker {kind} create {shlex.join(options)} {name} -"
    assert len(hosts.shell("manager1", line).strip()) == 25, f"{kind} {name} was not made"


def in_task(hosts: Hosts, host: str, service: str, script: str) -> str:
    """What a shell script prints in the one running task of a service on a host."""
    label = f"label=com.docker.swarm.service.name={service}"
    [container] = hosts.docker(host, "ps", "-q", "--filter", label).split()
    return hosts.docker(host, "exec", container, "sh", "-c", script)


def places_with(hosts: Hosts, text: str) -> dict[str, list[str]]:
    """Files below each host's disk and run directory that hold a text, plainly or as base64."""
    found = {}
    for host in ALL:
        lines = [hosts.shell(host, f"grep -rlF -e {shlex.quote(form)} /srv /run 2>/dev/null")
                 for form in (text, base64.b64encode(text.encode()).decode().rstrip("="))]
        found[host] = sorted(set("".join(lines).split()))
    return found


def test_a_secret_reaches_its_tasks_and_nobody_else(hosts: Hosts) -> None:
    make(hosts, "secret", "pw", FIRST)
    make(hosts, "secret", "pw2", SECOND)
    make(hosts, "config", "conf", '{{.Node.Hostname}} {{.Service.Name}} {{secret "pw"}} {{env "SLOT"}}',
         "--template-driver", "golang")
    hosts.docker(
        "manager1", "service", "create", "--name", "s", *ON_WORKER1, "--secret", "pw",
        "--secret", "source=pw,target=mine,mode=0400", "--config", "source=conf,target=/etc/x.conf",
        "--env", "SLOT=slot{{.Task.Slot}}", "--hostname", "{{.Node.Hostname}}-{{.Task.Slot}}",
        "tools", "sleep", "1000")
    script = "stat -c '%a %u' /run/secrets/mine; cat /run/secrets/pw; echo; cat /etc/x.conf; echo; hostname"
    assert in_task(hosts, "worker1", "s", script).splitlines() == [
        "400 0", FIRST, f"worker1 s {FIRST} slot1", "worker1-1"]
    assert "Read-only file system" in in_task(hosts, "worker1", "s", "(echo x > /run/secrets/pw) 2>&1 || true")

    found = places_with(hosts, FIRST)
    assert (found["manager1"], found["worker2"]) == ([], [])
    assert found["worker1"] and all("/files/" in path for path in found["worker1"]), "only in the task's tmpfs"
    everything = [hosts.docker("manager1", *words.split()) for words in (
        "secret inspect pw", "secret ls", "service inspect s", "inspect s", "events --since 10m --until 0s")]
    everything += [hosts.docker("worker1", "inspect", *hosts.docker("worker1", "ps", "-q").split())]
    assert not any(FIRST in text or base64.b64encode(FIRST.encode()).decode() in text for text in everything)
    refused = hosts.docker_error("manager1", "secret", "rm", "pw")
    assert "secret 'pw' is in use by the following service: s" in refused

    hosts.docker("manager1", "service", "update", "--secret-rm", "pw", "--secret-add", "source=pw2,target=pw",
                 "--config-rm", "conf", "s")
    assert in_task(hosts, "worker1", "s", "cat /run/secrets/pw; ls /run/secrets") == f"{SECOND}pw\n"
    assert hosts.docker("manager1", "secret", "rm", "pw").strip() == "pw"
    assert hosts.docker("manager1", "config", "rm", "conf").strip() == "conf"
    hosts.until(lambda: places_with(hosts, FIRST) == {host: [] for host in ALL}, "no trace of the first secret")
    hosts.docker("manager1", "service", "rm", "s")
    hosts.until(lambda: places_with(hosts, SECOND) == {host: [] for host in ALL}, "no trace of the second secret")


def test_what_is_not_there_and_what_is_too_large(hosts: Hosts) -> None:
    assert "secret not found: nope" in hosts.docker_error(
        "manager1", "service", "create", "--secret", "nope", "tools")
    said = hosts.shell("manager1", "head -c 512000 /dev/zero | docker secret create big - 2>&1")
    assert "secret data must be larger than 0 and less than 512000 bytes" in said
    make(hosts, "secret", "one", FIRST)
    assert "secret one already exists" in hosts.shell("manager1", "echo x | docker secret create one - 2>&1")
    assert "This node is not a swarm manager" in hosts.docker_error("worker1", "secret", "ls")
    rows = hosts.table("manager1", "secret", "ls", "--filter", "name=on")
    assert len(rows) == 1 and " one " in rows[0]
    assert "can't evaluate field Nope" in hosts.docker_error(
        "manager1", "service", "create", "--env", "A={{.Nope}}", "tools")


def test_mounts_of_a_service(hosts: Hosts) -> None:
    hosts.docker(
        "manager1", "service", "create", "--name", "m", *ON_WORKER1, "--read-only",
        "--mount", "type=volume,source=data-{{.Task.Slot}},target=/data",
        "--mount", "type=tmpfs,target=/scratch,tmpfs-size=1m,tmpfs-mode=0700",
        "--mount", "type=bind,source=/etc,target=/host-etc,readonly",
        "--dns", "10.7.0.100", "--dns-search", "example.test", "--host", "db:10.9.9.9", "tools", "sleep", "1000")
    in_task(hosts, "worker1", "m", "echo kept > /data/f; echo gone > /scratch/f")
    seen = in_task(hosts, "worker1", "m",
                   "stat -c %a /scratch; df -k /scratch | tail -1; cat /etc/resolv.conf /etc/hosts")
    assert seen.startswith("700\n") and " 1024 " in seen
    assert "search example.test" in seen and "10.9.9.9\tdb" in seen
    assert "Read-only" in in_task(hosts, "worker1", "m", "(echo x > /nope) 2>&1; (echo x > /host-etc/x) 2>&1 || true")
    hosts.docker("manager1", "service", "update", "--force", "m")
    assert in_task(hosts, "worker1", "m", "cat /data/f; ls /scratch") == "kept\n"
    [container] = hosts.docker("worker1", "ps", "-q").split()
    mounts = json.loads(hosts.docker("worker1", "inspect", container, "--format", "{{json .Mounts}}"))
    assert {(each["Type"], each["Destination"], each["RW"]) for each in mounts} == {
        ("volume", "/data", True), ("tmpfs", "/scratch", True), ("bind", "/host-etc", False)}
    assert "volume is in use" in hosts.docker_error("worker1", "volume", "rm", "data-1")
    hosts.docker("manager1", "service", "rm", "m")
    hosts.until(lambda: hosts.docker("worker1", "ps", "-aq") == "", "its container is gone")
    assert hosts.docker("worker1", "run", "--rm", "-v", "data-1:/x", "tools", "cat", "/x/f") == "kept\n"
    assert hosts.docker("worker1", "volume", "rm", "data-1").strip() == "data-1"
    assert hosts.table("worker1", "volume", "ls") == []


def test_a_bind_whose_source_is_not_there(hosts: Hosts) -> None:
    hosts.docker("manager1", "service", "create", "-d", "--name", "b", "--restart-condition", "none",
                 "--mount", "type=bind,source=/not/there,target=/x", "tools", "sleep", "1000")
    text = 'invalid mount config for type "bind": bind source path does not exist: /not/there'
    hosts.until(lambda: text in hosts.docker("manager1", "service", "ps", "--no-trunc", "b"), "the reason is shown")
