"""A real lab run, one process of the kit killed with -9 at a random moment: nothing stays, the next run starts.

`KILL_RUNS=100 ./lab test tests/labs/test_kill.py` is the long form; `KILL_SEED` replays one.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.sandbox.traces import Traces, traces
from tests.waiting import wait_for
from topologies import clusters, places
from topologies.cluster import PROJECT, Cluster
from topologies.processes import Process, identify

RUNS = int(os.environ.get("KILL_RUNS", "6"))
SEED = int(os.environ.get("KILL_SEED", "20"))
KINDS = [
    "lab", "lab-keeper", "lab-watcher", "lab-gate", "lab-init", "lab-supervisor", "lab-zygote", "swarmd", "conmon",
]

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(60 + 45 * RUNS)]


def test_kill_any_process_of_a_lab_run(own_state: Path, own_base: Path) -> None:
    name, dice = f"t{uuid.uuid4().hex[:8]}", random.Random(SEED)
    links = _links()
    for number in range(RUNS):
        kind = KINDS[number % len(KINDS)] if len(KINDS) <= RUNS else dice.choice(KINDS)
        left = _run_and_kill(name, kind, delay=dice.uniform(0, 6))
        left += [str(path) for path in own_base.iterdir()] + [str(path) for path in _crash_logs()]
        assert left == [], f"run {number} (seed {SEED}), {kind} killed: {left}"
        assert _links() == links, f"run {number} (seed {SEED}), {kind} killed"


def _run_and_kill(name: str, kind: str, delay: float) -> list[str]:
    """One run; what is left of it when it should all be gone."""
    command = [sys.executable, "-m", "labs.kit.cli", "run", "03-scaling", "--solve", "--plain", "--name", name]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as lab:
        cluster = wait_for(lambda: _started(name), "the cluster is there", 40)
        try:
            lab.wait(delay)  # nobody waits for anything here: this is the moment, drawn by chance
        except subprocess.TimeoutExpired:
            pass
        # A shim is there only once a container is: a run in which nothing was killed would prove nothing.
        victim = wait_for(lambda: _victim(traces(cluster), kind, lab.pid), f"there is a {kind} to kill", 20)
        was = traces(cluster)
        victim.kill()
        _end(lab, kind)
    wait_for(lambda: not was.left() and not _of(name), f"nothing is left after {kind} was killed", 20)
    return [*was.left(), *(path for path in was.ledger.cgroups if Path(path).exists())]


def _started(name: str) -> Cluster | None:
    found = _of(name)
    return found[0] if found and (found[0].run_dir / "hosts.json").exists() else None


def _of(name: str) -> list[Cluster]:
    return [cluster for cluster in clusters.running() if cluster.name == name]


def _victim(was: Traces, kind: str, lab: int) -> Process | None:
    """The process to kill, if there is one yet."""
    if kind == "lab":
        return identify(lab)
    return next(iter(was.processes.get(kind, [])), None)


def _end(lab: subprocess.Popen[bytes], kind: str) -> None:
    """What survives a killed daemon or shim is ended politely, as a student's Ctrl-C does."""
    try:
        lab.wait(1.5 if kind in ("swarmd", "conmon", "lab-watcher") else 15)
    except subprocess.TimeoutExpired:
        lab.send_signal(signal.SIGTERM)
        lab.wait(30)


def _crash_logs() -> list[Path]:
    """A killed process is no bug of the kit: `lab` has to say so in a sentence, not to file a report."""
    return [path for base in places.bases() if (path := base / "crash.log").exists()]


def _links() -> set[str]:
    return {path.name for path in Path("/sys/class/net").iterdir()}
