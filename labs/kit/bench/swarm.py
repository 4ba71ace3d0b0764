"""Owns a swarm to measure on: hosts from `topologies`, made a swarm and given services through the Docker API."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labs.kit.engine_client import Engine
from labs.kit.waiting import until
from swarmkit_py.errors import Internal
from topologies import clusters
from topologies.cluster import PROJECT

PORT = ":2377"
PACE = 0.01
"""Seconds between two looks: fine enough for what is measured, cheap enough not to disturb it."""


class Swarm:
    """The hosts of one cluster. `seconds_to_start`: from nothing to every host's Docker answering."""

    def __init__(self, cluster: clusters.Cluster, seconds_to_start: float) -> None:
        self.cluster = cluster
        self.seconds_to_start = seconds_to_start
        self.nodes = [host for host in cluster.hosts if host.role != "client"]
        self.engines = {host.name: Engine(cluster.socket(host.name), timeout=60) for host in self.nodes}
        self.manager = self.engines["manager1"]

    @property
    def workers(self) -> list[str]:
        return [host.name for host in self.nodes if host.role == "worker"]

    def form(self) -> float:
        """Init, join all at once, wait until all are Ready. Seconds from the first call."""
        started = time.monotonic()
        address = self.cluster.host("manager1").address.partition("/")[0]
        self.manager.post("/swarm/init", {"ListenAddr": "0.0.0.0" + PORT, "AdvertiseAddr": address})
        token = self.manager.get("/swarm")["JoinTokens"]["Worker"]
        joining = {"ListenAddr": "0.0.0.0" + PORT, "RemoteAddrs": [address + PORT], "JoinToken": token}
        if self.workers:
            with ThreadPoolExecutor(len(self.workers)) as pool:
                list(pool.map(lambda name: self.engines[name].post("/swarm/join", joining), self.workers))
        wait(self.all_ready, "all nodes are Ready", 60)
        return time.monotonic() - started

    def all_ready(self) -> bool:
        nodes = self.manager.get("/nodes")
        return len(nodes) == len(self.nodes) and all(node["Status"]["State"] == "ready" for node in nodes)

    def drain_manager(self) -> None:
        """So that there is a node without a task."""
        node = self.manager.get("/nodes/manager1")
        self.manager.post(f"/nodes/{node['ID']}/update", {**node["Spec"], "Availability": "drain"},
                          version=node["Version"]["Index"])

    @contextmanager
    def service(self, name: str, replicas: int, image: str = "tools:latest", *, command: list[str] | None = None,
                ports: list[dict[str, Any]] | None = None, on: str = "") -> Iterator[None]:
        """A service whose tasks all run, gone without trace after the block; `on` ties it to one node."""
        container = {"Image": image, **({"Command": command} if command else {}), "StopGracePeriod": 1_000_000_000}
        placement = {"Constraints": [f"node.hostname=={on}"]} if on else {}
        before = self.containers()
        self.manager.post("/services/create", {
            "Name": name, "TaskTemplate": {"ContainerSpec": container, "Placement": placement},
            "Mode": {"Replicated": {"Replicas": replicas}}, "EndpointSpec": {"Ports": ports or []},
        })
        try:
            self.wait_running(name, replicas)
            yield
        finally:
            self.manager.delete(f"/services/{name}")
            wait(lambda: self.containers() == before, f"nothing of {name} is left", 90)

    def wait_running(self, name: str, replicas: int) -> None:
        """Until so many tasks of the service run."""
        wait(lambda: self.running(name) == replicas, f"{replicas} replicas of {name} run", 120)

    def scale(self, name: str, replicas: int) -> None:
        service = self.manager.get(f"/services/{name}")
        spec = {**service["Spec"], "Mode": {"Replicated": {"Replicas": replicas}}}
        self.manager.post(f"/services/{name}/update", spec, version=service["Version"]["Index"])

    def running(self, name: str) -> int:
        """How many tasks of the service run, as `docker service ls` counts them."""
        found = self.manager.get("/services", status="true", filters={"name": {name: True}})
        return next((int(s["ServiceStatus"]["RunningTasks"]) for s in found if s["Spec"]["Name"] == name), 0)

    def tasks(self, name: str) -> list[dict[str, Any]]:
        """The service's tasks that run."""
        tasks = self.manager.get("/tasks", filters={"service": {name: True}, "desired-state": {"running": True}})
        return [task for task in tasks if task["Status"]["State"] == "running"]

    def containers(self) -> int:
        return sum(len(engine.get("/containers/json")) for engine in self.engines.values())

    def on_host(self, host: str, argv: list[str], within: float = 60) -> str:
        """What a command on a host prints. Raises Internal if it fails."""
        return _output(self.cluster.enter_argv(host, argv), within)

    def in_task(self, host: str, container: str, argv: list[str], within: float = 60) -> str:
        """What a command inside a container prints, by the docker command."""
        docker = shutil.which("docker") or shutil.which(PROJECT / ".kit" / "bin" / "docker")
        if docker is None:
            raise Internal("there is no docker command on this machine; run ./lab once, it installs one")
        return _output([docker, "-H", f"unix://{self.cluster.socket(host)}", "exec", container, *argv], within)

    def background(self, host: str, argv: list[str]) -> subprocess.Popen[str]:
        """A command on a host that goes on; read its stdout, end it yourself."""
        return subprocess.Popen(self.cluster.enter_argv(host, argv), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def address(self, host: str) -> str:
        return self.cluster.host(host).address.partition("/")[0]


@contextmanager
def bare_swarm(nodes: int) -> Iterator[Swarm]:
    """Bare hosts under a name nobody uses, gone when the block ends, or this process."""
    started = time.monotonic()
    cluster = clusters.start(f"nodes:{nodes}", f"bench-{uuid.uuid4().hex[:6]}", lifeline=True)
    try:
        yield Swarm(cluster, time.monotonic() - started)
    finally:
        cluster.stop()


def wait(condition: Any, what: str, within: float) -> None:
    """Until it holds. Raises Internal after `within` seconds."""
    if not until(condition, within, PACE):
        raise Internal(f"not within {within:g} s: {what}")


def _output(argv: list[str], within: float) -> str:
    try:
        done = subprocess.run(argv, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=within)
    except subprocess.TimeoutExpired:
        raise Internal(f"{_words(argv)}: no end within {within:g} s") from None
    if done.returncode:
        raise Internal(f"{_words(argv)}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def _words(argv: list[str]) -> str:
    return json.dumps(" ".join(Path(word).name if "/" in word else word for word in argv[-6:]))
