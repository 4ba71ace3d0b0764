"""Health, limits, options and files of containers, on a real host, typed with the real docker command.

One host serves all tests of a command: a sandbox takes seconds to make, a container a tenth of one.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.docker_clis import cli_parameters
from tests.engine.hosts import Hosts, running_hosts
from tests.sandbox.traces import traces

pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(300)]
HOST = "manager1"


@pytest.fixture(scope="module", params=cli_parameters())
def hosts(request: pytest.FixtureRequest) -> Iterator[Hosts]:
    docker: Path = request.param
    with running_hosts("one_node", docker) as cluster:
        yield cluster


@pytest.fixture
def clean(hosts: Hosts) -> Iterator[Hosts]:
    yield hosts
    for container in hosts.docker(HOST, "ps", "-aq").split():
        hosts.docker(HOST, "rm", "-f", container)
    assert [path for path in cgroups(hosts) if len(path.name) == 64] == [], "cgroups of removed containers"


def cgroups(hosts: Hosts) -> list[Path]:
    """Every cgroup of the cluster, from outside."""
    tops = json.loads((hosts.cluster.run_dir.parent / f"{hosts.cluster.name}.json").read_text())["cgroups"]
    return [Path(place) for top in tops for place, _, _ in os.walk(top)]


@pytest.fixture
def limited(clean: Hosts) -> Hosts:
    if not cgroups(clean):
        pytest.skip("only root can make cgroups for a lab")
    return clean


def inspect(hosts: Hosts, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(hosts.docker(HOST, "inspect", name))[0]
    return found


CHECK = ("--health-cmd", "test ! -e /tmp/bad", "--health-interval", "200ms", "--health-retries", "2")


def health(hosts: Hosts, name: str) -> str:
    return str(inspect(hosts, name)["State"]["Health"]["Status"])


def test_a_health_check_is_counted_and_shown(clean: Hosts) -> None:
    clean.docker(HOST, "run", "-d", "--name", "h1", *CHECK, "nginx")
    clean.until(lambda: health(clean, "h1") == "healthy", "it is healthy")
    assert "(healthy)" in clean.docker(HOST, "ps", "--format", "{{.Status}}")
    clean.docker(HOST, "exec", "h1", "touch", "/tmp/bad")
    clean.until(lambda: health(clean, "h1") == "unhealthy", "it is unhealthy")
    found = inspect(clean, "h1")["State"]["Health"]
    assert found["FailingStreak"] >= 2 and len(found["Log"]) <= 5 and found["Log"][-1]["ExitCode"] == 1
    assert clean.docker(HOST, "ps", "-q", "--filter", "health=unhealthy") != ""
    assert clean.docker(HOST, "ps", "-q", "--filter", "health=healthy") == ""
    clean.docker(HOST, "exec", "h1", "rm", "/tmp/bad")
    clean.until(lambda: health(clean, "h1") == "healthy", "it is healthy again")


def test_a_check_that_hangs_is_a_failure_and_leaves_nothing(clean: Hosts) -> None:
    clean.docker(HOST, "run", "-d", "--name", "h1", "--health-cmd", "sleep 100", "--health-interval", "100ms",
                 "--health-timeout", "300ms", "--health-retries", "1", "nginx")
    clean.until(lambda: health(clean, "h1") == "unhealthy", "it is unhealthy")
    log = inspect(clean, "h1")["State"]["Health"]["Log"]
    assert (log[-1]["ExitCode"], log[-1]["Output"]) == (-1, "Health check exceeded timeout (0.3s)")
    clean.until(lambda: clean.docker(HOST, "top", "h1").count("sleep 100") <= 1, "no killed check is left running")


def test_the_checks_go_on_when_the_daemon_was_killed(clean: Hosts) -> None:
    clean.docker(HOST, "run", "-d", "--name", "h1", *CHECK, "nginx")
    clean.until(lambda: health(clean, "h1") == "healthy", "it is healthy")
    before = inspect(clean, "h1")["State"]
    kill_swarmd(clean)
    clean.until(lambda: clean.run(HOST, "inspect", "h1").returncode == 0, "the daemon answers again")
    assert inspect(clean, "h1")["State"]["Pid"] == before["Pid"] and health(clean, "h1") == "healthy"
    clean.docker(HOST, "exec", "h1", "touch", "/tmp/bad")
    clean.until(lambda: health(clean, "h1") == "unhealthy", "the new daemon's checks see it")


def kill_swarmd(hosts: Hosts) -> None:
    """SIGKILL for this cluster's own daemon, its only one."""
    daemon, = traces(hosts.cluster).processes["swarmd"]
    daemon.kill()


def test_memory(limited: Hosts) -> None:
    done = limited.run(HOST, "run", "--name", "m1", "-m", "32m", "--memory-swap", "32m", "tools", "tail", "/dev/zero")
    assert done.returncode == 137
    state = inspect(limited, "m1")["State"]
    assert (state["OOMKilled"], state["ExitCode"]) == (True, 137)


def test_processes_and_cpu(limited: Hosts) -> None:
    done = limited.run(HOST, "run", "--rm", "--pids-limit", "5", "tools", "sh", "-c",
                       "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait")
    assert "Cannot fork" in done.stderr
    limited.docker(HOST, "run", "-d", "--name", "c1", "--cpus", "0.25", "-m", "64m", "nginx")
    pid = inspect(limited, "c1")["Id"]
    cpu = next(path for path in cgroups(limited) if path.name == pid and (path / "cpu.cfs_quota_us").exists()
               or path.name == pid and (path / "cpu.max").exists())
    assert "25000" in "".join((cpu / name).read_text() for name in ("cpu.cfs_quota_us", "cpu.max")
                              if (cpu / name).exists())
    limited.docker(HOST, "update", "-m", "80m", "--restart", "always", "c1")
    found = inspect(limited, "c1")["HostConfig"]
    assert (found["Memory"], found["RestartPolicy"]["Name"]) == (80 * 2**20, "always")
    assert "/ 80MiB" in limited.docker(HOST, "stats", "--no-stream", "c1")


def test_pause(limited: Hosts) -> None:
    limited.docker(HOST, "run", "-d", "--name", "p1", "nginx")
    limited.docker(HOST, "pause", "p1")
    assert "(Paused)" in limited.docker(HOST, "ps", "--format", "{{.Status}}")
    assert "is already paused" in limited.docker_error(HOST, "pause", "p1")
    assert "unpause the container before exec" in limited.docker_error(HOST, "exec", "p1", "true")
    limited.docker(HOST, "unpause", "p1")
    assert "is not paused" in limited.docker_error(HOST, "unpause", "p1")
    limited.docker(HOST, "pause", "p1")
    limited.docker(HOST, "stop", "p1")
    assert inspect(limited, "p1")["State"]["Status"] == "exited"


def test_options_reach_the_process(clean: Hosts) -> None:
    script = "ulimit -n; cat /proc/sys/net/core/somaxconn; id -G; grep Seccomp: /proc/self/status; tr '\\0' ' ' " \
             "</proc/1/cmdline"
    said = clean.docker(HOST, "run", "--rm", "--init", "--ulimit", "nofile=100:200", "--sysctl",
                        "net.core.somaxconn=77", "--group-add", "www-data", "tools", "sh", "-c", script)
    assert said.split()[:3] == ["100", "77", "0"] and "33" in said.split()
    assert "Seccomp:\t2" in said and "/sbin/docker-init" in said
    assert "Unable to find group nope" in clean.docker_error(
        HOST, "run", "--rm", "--group-add", "nope", "tools", "true")


def test_a_command_in_a_container_has_its_limits(clean: Hosts) -> None:
    clean.docker(HOST, "run", "-d", "--name", "tight", "--ulimit", "nofile=100:200", "tools", "sleep", "1000")
    assert clean.docker(HOST, "exec", "tight", "sh", "-c", "ulimit -n; ulimit -Hn").split() == ["100", "200"]


def test_logs_are_rotated(clean: Hosts) -> None:
    clean.docker(HOST, "run", "-d", "--name", "l1", "--log-opt", "max-size=2k", "--log-opt", "max-file=2", "tools",
                 "sh", "-c", "i=0; while [ $i -lt 150 ]; do i=$((i+1)); echo line $i; sleep 0.02; done; sleep 100")
    clean.until(lambda: clean.docker(HOST, "logs", "--tail", "1", "l1") == "line 150\n", "all is written")
    lines = clean.docker(HOST, "logs", "l1").splitlines()
    assert 20 < len(lines) < 150, "the oldest are gone, more than one file is kept"
    assert lines == [f"line {number}" for number in range(151 - len(lines), 151)], "none between is missing"


def test_an_exec_that_cannot_be(clean: Hosts) -> None:
    clean.docker(HOST, "run", "-d", "--name", "e1", "nginx")
    cases = (("nope", 127, "executable file not found in $PATH"), ("/etc", 126, "permission denied"))
    for program, code, why in cases:
        done = clean.run(HOST, "exec", "e1", program)
        assert done.returncode == code
        assert f'OCI runtime exec failed: exec failed: unable to start container process: exec: "{program}": {why}' \
            in done.stdout + done.stderr


def test_files_go_in_and_out(clean: Hosts, tmp_path: Path) -> None:
    clean.docker(HOST, "create", "--name", "f1", "tools", "sleep", "100")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/note").write_text("hello")
    big = os.urandom(3_000_000)
    (tmp_path / "in/big").write_bytes(big)
    clean.docker(HOST, "cp", str(tmp_path / "in"), "f1:/tmp")
    clean.docker(HOST, "start", "f1")
    assert clean.docker(HOST, "exec", "f1", "cat", "/tmp/in/note") == "hello"
    clean.docker(HOST, "cp", "f1:/tmp/in/.", str(tmp_path / "out"))
    assert (tmp_path / "out/big").read_bytes() == big
    clean.docker(HOST, "exec", "f1", "ln", "-s", "/etc/hostname", "/tmp/link")
    clean.docker(HOST, "cp", "-L", "f1:/tmp/link", str(tmp_path / "name"))
    assert (tmp_path / "name").read_text() == clean.docker(HOST, "exec", "f1", "hostname")
    assert "/nope" in clean.docker_error(HOST, "cp", "f1:/nope", str(tmp_path))
    assert "A /tmp/in/note" in clean.docker(HOST, "diff", "f1").splitlines()


def test_a_link_in_a_container_leads_nowhere_else(clean: Hosts, tmp_path: Path) -> None:
    """What a container lays in the way of `docker cp` must not reach the host's own files."""
    clean.docker(HOST, "run", "-d", "--name", "f1", "tools", "sh", "-c", "ln -s /../../../../etc /tmp/up; sleep 100")
    clean.until(lambda: "up" in clean.docker(HOST, "exec", "f1", "ls", "/tmp"), "the link is there")
    (tmp_path / "planted").write_text("x1")
    clean.docker(HOST, "cp", str(tmp_path / "planted"), "f1:/tmp/up/planted")
    assert clean.docker(HOST, "exec", "f1", "cat", "/etc/planted") == "x1"
    assert clean.shell(HOST, "ls /etc/planted 2>/dev/null") == ""


def test_export_is_the_whole_file_system(clean: Hosts) -> None:
    clean.docker(HOST, "run", "-d", "--name", "x1", "tools", "sh", "-c", "echo mine > /tmp/mine; sleep 100")
    clean.until(lambda: "mine" in clean.docker(HOST, "exec", "x1", "ls", "/tmp"), "it has written")
    command = ["docker", "-H", f"unix://{clean.socket(HOST)}", "export", "x1"]
    tar = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as found:
        names = found.getnames()
        assert "tmp/mine" in names and "etc/passwd" in names and not any(name.startswith("proc/") for name in names)


def test_top_with_options_of_ps(clean: Hosts) -> None:
    clean.docker(HOST, "run", "-d", "--name", "t1", "nginx")
    rows = [line.split() for line in clean.docker(HOST, "top", "t1", "-o", "pid,comm").splitlines()]
    assert rows[0] == ["PID", "COMMAND"] and {row[1] for row in rows[1:]} == {"nginx"}
    assert "ps" in clean.docker_error(HOST, "top", "t1", "--bogus")


def test_what_was_asked_for_is_shown(clean: Hosts) -> None:
    clean.docker(HOST, "run", "-d", "--name", "w1", "-e", "MINE=1", *CHECK, "nginx")
    found = inspect(clean, "w1")
    assert found["Config"]["Healthcheck"]["Test"] == ["CMD-SHELL", "test ! -e /tmp/bad"]
    assert "MINE=1" in found["Config"]["Env"] and found["State"]["Paused"] is False
