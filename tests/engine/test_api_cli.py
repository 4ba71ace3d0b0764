"""The real docker commands, 28 and 20.10, against the API: what they print and how they end."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.api_rig import Docker, served_in_thread
from tests.engine.docker_clis import cli_parameters

pytestmark = [pytest.mark.cli, pytest.mark.timeout(120)]


@pytest.fixture(params=cli_parameters(both=True))
def docker(request: pytest.FixtureRequest) -> Iterator[Docker]:
    cli: Path = request.param
    with served_in_thread() as path:
        yield Docker(cli, path)


@pytest.fixture
def manager(docker: Docker) -> Docker:
    printed = docker.out("swarm", "init", "--advertise-addr", "10.7.0.1")
    assert re.search(r"Swarm initialized: current node \([0-9a-z]{25}\) is now a manager\.", printed)
    assert re.search(r"docker swarm join --token SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25} 10\.7\.0\.1:2377", printed)
    return docker


def columns(table: str) -> list[list[str]]:
    """Rows of a listing as cells."""
    return [re.split(r"\s{2,}", line.rstrip()) for line in table.splitlines()]


def test_version_and_info(docker: Docker) -> None:
    assert docker.out("version", "--format", "{{.Server.APIVersion}} {{.Client.APIVersion}}") == "1.41 1.41\n"
    assert " Swarm: inactive\n" in docker.out("info")
    assert docker.out("info", "--format", "{{.Name}}") == "manager1\n"


def test_services_as_a_real_swarm_prints_them(manager: Docker) -> None:
    manager.out("service", "create", "--detach", "--name", "web", "--replicas", "5", "-p", "80:80", "nginx")
    heading, row = columns(manager.out("service", "ls"))
    assert heading == ["ID", "NAME", "MODE", "REPLICAS", "IMAGE", "PORTS"]
    assert row[1:] == ["web", "replicated", "5/5", "nginx:latest", "*:80->80/tcp"]
    heading, *rows = columns(manager.out("service", "ps", "web"))
    assert heading == ["ID", "NAME", "IMAGE", "NODE", "DESIRED STATE", "CURRENT STATE", "ERROR", "PORTS"]
    assert [row[1] for row in rows] == [f"web.{slot}" for slot in range(1, 6)]
    assert all(row[4] == "Running" and re.fullmatch("Running .* ago", row[5]) for row in rows)
    assert {row[3] for row in rows} == {"manager1", "worker1", "worker2"}
    assert len(columns(manager.out("node", "ps", "worker1"))) - 1 == sum(row[3] == "worker1" for row in rows)
    assert "web.1" in manager.out("service", "ps", "--filter", "name=web.1", "web")
    assert manager.out("service", "rm", "web") == "web\n"


def test_service_inspect_pretty(manager: Docker) -> None:
    manager.out("service", "create", "-d", "--name", "web", "--replicas", "5", "-p", "80:80", "swb/tiny:1")
    printed = re.sub(r"ID:\t\t\w{25}", "ID:\t\t<ID>", manager.out("service", "inspect", "--pretty", "web"))
    assert printed == (
        "\nID:\t\t<ID>\nName:\t\tweb\nService Mode:\tReplicated\n Replicas:\t5\nPlacement:\nUpdateConfig:\n"
        " Parallelism:\t1\n On failure:\tpause\n Monitoring Period: 5s\n Max failure ratio: 0\n"
        " Update order:      stop-first\nRollbackConfig:\n Parallelism:\t1\n On failure:\tpause\n"
        " Monitoring Period: 5s\n Max failure ratio: 0\n Rollback order:    stop-first\nContainerSpec:\n"
        " Image:\t\tswb/tiny:1@sha256:" + "f" * 64 + "\n Init:\t\tfalse\nResources:\nEndpoint Mode:\tvip\nPorts:\n"
        " PublishedPort = 80\n  Protocol = tcp\n  TargetPort = 80\n  PublishMode = ingress \n\n")


def test_progress_until_converged(manager: Docker) -> None:
    printed = manager.out("service", "create", "--name", "web", "--replicas", "2", "--update-monitor", "1s", "nginx")
    assert "overall progress: 2 out of 2 tasks" in printed and "converged" in printed.splitlines()[-1]
    printed = manager.out("service", "scale", "web=3")
    assert "web scaled to 3" in printed and "3 out of 3 tasks" in printed


def test_nodes(manager: Docker) -> None:
    heading, *rows = columns(manager.out("node", "ls"))
    assert heading == ["ID", "HOSTNAME", "STATUS", "AVAILABILITY", "MANAGER STATUS", "ENGINE VERSION"]
    [leader] = [row for row in rows if row[0].endswith(" *")]
    assert leader[1:] == ["manager1", "Ready", "Active", "Leader", "0.1.0"] and len(rows) == 3
    assert manager.out("node", "update", "--availability", "drain", "worker1") == "worker1\n"
    assert manager.out("node", "inspect", "worker1", "--format", "{{.Spec.Availability}}") == "drain\n"
    assert "Leader:\t\tYes" in manager.out("node", "inspect", "--pretty", "self")
    assert "is not down and can't be removed" in manager.error("node", "rm", "worker1")
    assert "nosuch" in manager.error("node", "inspect", "nosuch")


def test_logs_of_a_service_say_whose_they_are(manager: Docker) -> None:
    manager.out("service", "create", "-d", "--name", "web", "--replicas", "2", "nginx")
    lines = sorted(manager.out("service", "logs", "web").splitlines())
    assert len(lines) == 2
    for slot, line in enumerate(lines, 1):
        assert re.fullmatch(rf"web\.{slot}\.\w{{12}}@\w+\s+\| hello from {slot}", line)


def test_swarm_tokens_and_certificate(manager: Docker) -> None:
    old = manager.out("swarm", "join-token", "-q", "worker")
    assert "Successfully rotated worker join token." in manager.out("swarm", "join-token", "--rotate", "worker")
    assert manager.out("swarm", "join-token", "-q", "worker") != old
    assert manager.out("swarm", "ca").startswith("-----BEGIN CERTIFICATE-----\n")
    assert "no unlock key is set" in manager.error("swarm", "unlock-key", "-q")
    said = manager.out("swarm", "update", "--autolock")
    key = manager.out("swarm", "unlock-key", "-q").strip()
    assert key.startswith("SWMKEY-1-") and key in said
    assert "Successfully rotated manager unlock key." in manager.out("swarm", "unlock-key", "--rotate")
    assert manager.out("swarm", "unlock-key", "-q").strip() != key
    assert manager.out("swarm", "update", "--autolock=false") == "Swarm updated.\n"


def test_a_worker(docker: Docker) -> None:
    assert docker.out("swarm", "join", "--token", "x", "10.7.0.1:2377") == "This node joined a swarm as a worker.\n"
    assert "Worker nodes can't be used to view or modify cluster state." in docker.error("node", "ls")
    assert " Is Manager: false\n" in docker.out("info")
    assert docker.out("swarm", "leave") == "Node left the swarm.\n"


def test_networks(manager: Docker) -> None:
    names = [row[1:] for row in columns(manager.out("network", "ls"))]
    assert names == [["NAME", "DRIVER", "SCOPE"], ["bridge", "bridge", "local"],
                     ["docker_gwbridge", "bridge", "local"],
                     ["host", "host", "local"], ["ingress", "overlay", "swarm"], ["none", "null", "local"]]
    assert manager.out("network", "inspect", "-v", "ingress", "--format", "{{.Scope}}") == "swarm\n"
    made = manager.out("network", "create", "-d", "overlay", "--attachable", "--subnet", "10.9.0.0/24", "--ip-range",
                       "10.9.0.128/25", "--label", "team=a", "back").strip()
    assert len(made) == 25
    [shown] = json.loads(manager.out("network", "inspect", "back"))
    assert shown["IPAM"]["Config"] == [{"Subnet": "10.9.0.0/24", "IPRange": "10.9.0.128/25", "Gateway": ""}]
    assert (shown["Attachable"], shown["Labels"], shown["Containers"]) == (True, {"team": "a"}, None)
    assert manager.error("network", "create", "-d", "overlay", "back").strip() == (
        "Error response from daemon: network with name back already exists")
    assert manager.out("network", "ls", "-q", "--no-trunc", "--filter", "label=team=a").strip() == made
    manager.out("service", "create", "-d", "--name", "db", "--network", "back", "busybox", "sleep", "1d")
    assert "is in use by service" in manager.error("network", "rm", "back")
    assert manager.out("network", "ls", "-q", "--filter", "dangling=true") == ""
    manager.out("service", "rm", "db")
    assert manager.out("network", "prune", "-f", "--filter", "label!=team") == ""
    assert manager.out("network", "prune", "-f", "--filter", "until=1h") == ""
    assert manager.out("network", "prune", "-f").split() == ["Deleted", "Networks:", "back"]
    assert len(manager.out("network", "create", "mine").strip()) == 64
    assert ["mine", "bridge", "local"] in [row[1:] for row in columns(manager.out("network", "ls"))]


def test_run_passes_output_input_and_exit_code(docker: Docker) -> None:
    done = docker.run("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n", b"err\n")
    data = os.urandom(300_000)
    done = docker.run("run", "--rm", "-i", "busybox", "cat", stdin=data)
    assert (done.returncode, done.stdout) == (0, data)
    assert docker.out("ps", "-aq") == ""


def test_a_container_in_the_background(docker: Docker) -> None:
    docker.out("run", "-d", "--name", "c1", "-p", "8080:80", "-e", "A=b", "nginx")
    [row] = columns(docker.out("ps"))[1:]
    assert row[1:3] == ["nginx", '"sleep 1000"'] and row[-2:] == ["0.0.0.0:8080->80/tcp", "c1"]
    assert docker.out("port", "c1") == "80/tcp -> 0.0.0.0:8080\n"
    assert docker.run("exec", "c1", "sh", "-c", "exit 5").returncode == 5
    assert docker.out("exec", "-i", "c1", "cat", stdin=b"xyz") == "xyz"
    assert "sleep 1000" in docker.out("top", "c1")
    assert docker.out("stop", "c1") == "c1\n" and docker.out("rm", "c1") == "c1\n"
    assert "No such container: c1" in docker.error("stop", "c1")


def test_logs_of_a_container(docker: Docker) -> None:
    docker.out("run", "--name", "c1", "busybox", "sh", "-c", "echo a; echo b >&2")
    done = docker.run("logs", "c1")
    assert (done.stdout, done.stderr) == (b"a\n", b"b\n")
    assert re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z a\n", docker.run("logs", "-t", "c1").stdout)


def on_a_terminal(docker: Docker, *words: str) -> tuple[int, bytes]:
    """The command with a terminal on all three of its ends: (exit status, what the screen got)."""
    master, slave = pty.openpty()
    process = subprocess.Popen([*docker.prefix, *words], stdin=slave, stdout=slave, stderr=slave,
                               start_new_session=True)
    os.close(slave)
    screen = b""
    try:
        while select.select([master], [], [], 30)[0] and (data := os.read(master, 4096)):
            screen += data
    except OSError:
        pass  # the last user of the terminal has gone
    finally:
        os.close(master)
    return process.wait(30), screen


def test_terminals(docker: Docker) -> None:
    code, screen = on_a_terminal(docker, "run", "--rm", "-it", "busybox", "sh", "-c", "tty; exit 4")
    assert code == 4 and b"/dev/pts/" in screen
    docker.out("run", "-d", "--name", "c1", "nginx")
    code, screen = on_a_terminal(docker, "exec", "-it", "c1", "sh", "-c", "tty; exit 3")
    assert code == 3 and b"/dev/pts/" in screen


def test_what_cannot_be_had_is_said_in_a_sentence(docker: Docker) -> None:
    assert "this kit is offline; images of this host" in docker.error("run", "nosuch")
    assert "HostConfig.Isolation is not there yet" in docker.error("run", "--isolation", "hyperv", "nginx")
    assert "docker commit is not there yet in this kit" in docker.error("commit", "x")
    assert "the runtime of this node cannot do that" in docker.error("pause", "x")
    assert "Image is up to date for nginx:latest" in docker.out("pull", "nginx")
    assert "No such object: nosuch" in docker.error("inspect", "nosuch")
