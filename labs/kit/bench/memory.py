"""Measures memory: the proportional set size (PSS) of everything that runs on the emulated hosts."""

from __future__ import annotations

from statistics import median

from labs.kit.bench.results import ENGINE, Result
from labs.kit.bench.services import IDLE, PYTHON, port
from labs.kit.bench.swarm import Swarm

WORKER_MB, MANAGER_MB, TASK_MB = 48.0, 58.0, 3.6
"""A real swarm's PSS: an idle worker, an idle manager, each further task."""
TASKS = 20

SUM_OF_PSS = r"""
import os, re, pathlib
total = 0
for directory in pathlib.Path("/proc").glob("[0-9]*"):
    if int(directory.name) == os.getpid():
        continue
    try:
        total += int(re.search(r"^Pss:\s+(\d+)", (directory / "smaps_rollup").read_text(), re.M)[1])
    except (OSError, TypeError):
        pass
print(total)
"""


def pss_mb(swarm: Swarm, host: str) -> float:
    """Megabytes of all processes in the host's PID namespace, the one that counts left out."""
    return int(swarm.on_host(host, [PYTHON, "-I", "-S", "-c", SUM_OF_PSS])) * 1024 / 1e6


def measure(swarm: Swarm) -> list[Result]:
    """An idle worker, an idle manager, and what each task adds."""
    idle = {host.name: pss_mb(swarm, host.name) for host in swarm.nodes}
    with swarm.service("idle", TASKS, command=IDLE, ports=[port(8099)]):
        busy = {host.name: pss_mb(swarm, host.name) for host in swarm.nodes}
    workers = median(idle[name] for name in swarm.workers)
    grown = sum(busy[name] - idle[name] for name in swarm.workers)
    return [
        Result("memory", "memory of an idle worker (PSS)", workers, "MB", WORKER_MB, ENGINE),
        Result("memory", "memory of an idle manager (PSS)", idle["manager1"], "MB", MANAGER_MB, ENGINE),
        Result("memory", "memory of each further task (PSS)", grown / TASKS, "MB", TASK_MB, ENGINE),
    ]
