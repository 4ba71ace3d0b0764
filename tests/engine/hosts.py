"""A running cluster for tests: bare hosts from `topologies`, typed at with a given docker command."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import wait_for
from topologies import clusters

NODES = ("manager1", "worker1", "worker2")
"""Of the topology `three_nodes`."""
IDLE = ("tools", "sh", "-c", "trap exit TERM; sleep 1d & wait")
"""An image and a command that does nothing, until it is told to stop."""

class Hosts:
    """The hosts of one cluster, and a docker command to type at them from outside."""

    def __init__(self, cluster: clusters.Cluster, docker: Path) -> None:
        self.cluster = cluster
        self._docker = docker

    def socket(self, host: str) -> Path:
        return self.cluster.socket(host)

    def run(self, host: str, *words: str) -> subprocess.CompletedProcess[str]:
        """The docker command with these words on `host`, not checked."""
        command = [str(self._docker), "-H", f"unix://{self.socket(host)}", *words]
        return _run(command, 90)

    def docker(self, host: str, *words: str) -> str:
        """Its stdout; a failure fails the test with what it said."""
        done = self.run(host, *words)
        assert done.returncode == 0, f"docker {' '.join(words)} on {host}: {done.stdout}{done.stderr}"
        return done.stdout

    def docker_error(self, host: str, *words: str) -> str:
        """Its stderr; a success fails the test."""
        done = self.run(host, *words)
        assert done.returncode != 0, f"docker {' '.join(words)} on {host} succeeded: {done.stdout}"
        return done.stderr

    def table(self, host: str, *words: str) -> list[str]:
        """The rows a listing prints, without its heading."""
        return self.docker(host, *words).splitlines()[1:]

    def shell(self, host: str, line: str, within: float = 60) -> str:
        """A line typed in a shell on the host itself, with this docker command first in PATH."""
        path = f"PATH={self._docker.parent}:$PATH; "
        return _run(self.cluster.enter_argv(host, ["sh", "-c", path + line]), within).stdout

    def curl(self, host: str, port: int = 80) -> str | None:
        """What `host` answers the client (outside the swarm), or None if it answers nothing."""
        argv = ["curl", "-s", "--fail", "--max-time", "3", f"http://{host}:{port}/"]
        done = _run(self.cluster.enter_argv("client", argv), 20)
        return done.stdout if done.returncode == 0 else None

    def until(self, condition: Callable[[], bool], what: str, within: float = 20) -> None:
        wait_for(condition, what, within=within)


def _run(argv: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, check=False, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)


@contextmanager
def running_hosts(topology: str, docker: Path | None = None, name: str | None = None) -> Iterator[Hosts]:
    """A cluster of bare hosts under a name of its own, gone when the block ends."""
    command = docker or Path(shutil.which("docker") or "docker")
    cluster = clusters.start(topology, name or f"t{uuid.uuid4().hex[:8]}")
    try:
        yield Hosts(cluster, command)
    finally:
        cluster.stop()


@contextmanager
def running_swarm(
    docker: Path | None = None, topology: str = "three_nodes", settings: tuple[str, ...] = (),
) -> Iterator[Hosts]:
    """The same as one swarm: manager1 manages it, every other host but the client has joined it as a worker.
    `settings`: of `docker swarm update`, made before anybody joins."""
    with running_hosts(topology, docker) as hosts:
        hosts.docker(NODES[0], "swarm", "init", "--advertise-addr", "10.7.0.1")
        if settings:
            hosts.docker(NODES[0], "swarm", "update", *settings)
        token = hosts.docker(NODES[0], "swarm", "join-token", "-q", "worker").strip()
        for worker in (name for name in hosts.cluster.call("status") if name.startswith("worker")):
            hosts.docker(worker, "swarm", "join", "--token", token, "10.7.0.1:2377")
        yield hosts
