"""Owns the clusters that the pictures are taken of: a swarm of three nodes, and what is typed on its manager."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from labs.kit.checks import GraderError
from labs.kit.engine_client import Engine
from labs.kit.waiting import until
from topologies import clusters

SECONDS = 60.0


class Stage:
    """One swarm, and its manager's Docker."""

    def __init__(self, cluster: clusters.Cluster) -> None:
        self.cluster = cluster
        self.manager = Engine(cluster.socket("manager1"))

    def type(self, host: str, line: str) -> str:
        """A line in a shell on a host; its output. Raises GraderError if it fails."""
        done = subprocess.run(self.cluster.enter_argv(host, ["sh", "-c", line]), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=SECONDS, check=False)
        if done.returncode:
            raise GraderError(f"{host}$ {line}: {done.stdout}{done.stderr}")
        return done.stdout

    def docker(self, *lines: str) -> str:
        """docker commands on the manager, one after the other."""
        return "".join(self.type("manager1", f"docker {line}") for line in lines)

    def tasks(self) -> list[dict[str, Any]]:
        """All tasks, as the API has them now."""
        found: list[dict[str, Any]] = self.manager.get("/tasks")
        return found

    def wait(self, holds: Callable[[], bool], what: str) -> None:
        """Raises GraderError when it does not come."""
        if not until(holds, SECONDS):
            raise GraderError(f"it did not come to this: {what}")


@contextmanager
def swarm() -> Iterator[Stage]:
    """Three nodes, Ready, and a client; gone afterwards."""
    cluster = clusters.start("three_nodes", f"pictures-{os.getpid()}")
    try:
        stage = Stage(cluster)
        stage.docker("swarm init --advertise-addr 10.7.0.1")
        token = stage.docker("swarm join-token -q worker").strip()
        for worker in ("worker1", "worker2"):
            stage.type(worker, f"docker swarm join --token {token} 10.7.0.1:2377")
        stage.wait(lambda: len([node for node in stage.manager.get("/nodes")
                                if node["Status"]["State"] == "ready"]) == 3, "three nodes are Ready")
        yield stage
    finally:
        cluster.stop()
