"""Measures how long services take: to run, to serve through the mesh, to grow."""

from __future__ import annotations

import time
from pathlib import Path

from labs.kit.bench.results import ENGINE, Result
from labs.kit.bench.swarm import Swarm
from swarmkit_py.errors import Internal

CLIENT = Path(__file__).parent / "client.py"
PYTHON = "/usr/bin/python3"
IDLE = ["sleep", "1000000"]

ON_OVERLAY = {5: 3.1, 20: 5.0, 50: 9.6}
WITHOUT_NETWORK = {5: 1.0, 20: 2.6, 50: 6.5, 100: 14.4}
"""Seconds until so many replicas of a real swarm run on five nodes."""
SCALE_5_TO_10 = 1.6


def client(*words: object) -> list[str]:
    """The command line of the client's script."""
    return [PYTHON, "-I", "-S", str(CLIENT), *map(str, words)]


def port(published: int, target: int = 80, mode: str = "ingress") -> dict[str, object]:
    return {"Protocol": "tcp", "TargetPort": target, "PublishedPort": published, "PublishMode": mode}


def serving(swarm: Swarm) -> list[Result]:
    """`service create --replicas 5 -p 80:80` until all five answer through a node without a task."""
    url = f"http://{swarm.address('manager1')}:80/"
    asking = swarm.background("client", client("serve", 5, 60, url))
    assert asking.stdout is not None
    asking.stdout.readline()
    started = time.monotonic()
    with swarm.service("web", 5, "nginx:latest", ports=[port(80)]):
        said = asking.stdout.readline().strip()
        asking.wait()
    if asking.returncode:
        raise Internal(said)
    return [Result("serving", "create --replicas 5 -p 80:80, until all serve via a 6th node",
                   float(said) - started, "s", ON_OVERLAY[5], f"{ENGINE}: 5 tasks on an overlay, not yet asked")]


def replicas(swarm: Swarm) -> list[Result]:
    """5, 20, 50 and 100 replicas on five nodes, with and without a place on an overlay."""
    return [_replicas(swarm, count, overlay) for count in (5, 20, 50, 100) for overlay in (True, False)]


def _replicas(swarm: Swarm, count: int, overlay: bool) -> Result:
    ports = [port(8099)] if overlay else None
    started = time.monotonic()
    with swarm.service("idle", count, command=IDLE, ports=ports):
        seconds = time.monotonic() - started
    real = (ON_OVERLAY if overlay else WITHOUT_NETWORK).get(count)
    where = "on an overlay" if overlay else "no overlay"
    return Result("replicas", f"{count} replicas running, {where}", seconds, "s", real, ENGINE)


def scaling(swarm: Swarm) -> list[Result]:
    """From 5 to 10 replicas on an overlay."""
    with swarm.service("idle", 5, command=IDLE, ports=[port(8099)]):
        started = time.monotonic()
        swarm.scale("idle", 10)
        swarm.wait_running("idle", 10)
        seconds = time.monotonic() - started
    return [Result("scaling", "scale 5 to 10, on an overlay", seconds, "s", SCALE_5_TO_10, ENGINE)]
