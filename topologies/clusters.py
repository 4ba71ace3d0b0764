"""Owns the clusters of the present user: start one, find one, list them.

The door of this package for the `lab` command, the graders and the tests. No counterpart in SwarmKit.
"""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from swarmkit_py.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, SwarmError
from topologies import catalog, places
from topologies.cluster import PROJECT, Cluster, HostInfo, MachineFault, base_environment
from topologies.ledger import Ledger, ledgers, sweep
from topologies.plan import Plan
from topologies.status import messages

__all__ = ["Bounds", "Cluster", "HostInfo", "MachineFault", "find", "running", "start"]

_SOLUTIONS = ("labs/*/solution.sh", "labs/*/wrong", "labs/*/solution")
DAEMON = "swarmkit_py.node"
"""What runs on each host unless a test says otherwise."""


OWN = "LAB_CLUSTER"
"""In the environment of a terminal that belongs to one cluster: which."""


class Bounds(NamedTuple):
    """What a sandbox may not exceed (0: no bound of its own) and not read. Paths are absolute. `system_only`: of the
    machine's directories it sees those that programs need, and nobody's work in others."""

    processes: int = 0
    disk: int = 0
    covers: tuple[str, ...] = ()
    system_only: bool = False


_SYSTEM = frozenset(("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "opt", "proc", "root", "run",
                     "sbin", "srv", "sys", "tmp", "usr", "var"))


_BY_CODE: dict[int, type[SwarmError]] = {2: InvalidArgument, 3: MachineFault}

_KEEPER = "import sys; sys.path.insert(0, sys.argv[1]); from topologies.keeper import main; main()"


def start(
    topology: str, name: str = "", *, lifeline: bool = False, on_progress: Callable[[str], None] = lambda _: None,
    daemon: str = DAEMON, bounds: Bounds = Bounds(),
) -> Cluster:
    """Start a cluster and wait until every daemon answers. With `lifeline` it ends when this process does.

    Raises NotFound and InvalidArgument for what was asked, AlreadyExists for the name, MachineFault.
    """
    topology = catalog.check(topology)
    name = places.check_name(name or default_name(topology))
    for base in places.bases():
        sweep(base)
        _refuse_taken(base, name)
    run_dir = places.choose_base(name) / name
    ours, theirs = socket.socketpair()
    with theirs:
        plan = _plan(topology, name, run_dir, daemon)._replace(
            lifeline=lifeline, status_fd=theirs.fileno(), processes=bounds.processes, disk=bounds.disk)
        others = _others() if bounds.system_only else ()
        plan = _covering(plan, (*bounds.covers, *others))
        _start_keeper(plan)
    try:
        _wait_ready(ours, on_progress)
        ledger = _ledger(run_dir)
    except BaseException:
        ours.close()  # which ends what has been made so far
        raise
    if lifeline:
        return Cluster(ledger, ours)
    ours.close()
    return Cluster(ledger)


def find(name: str | None = None) -> Cluster:
    """The cluster of that name, or that of this terminal, or the only one. Raises NotFound, InvalidArgument."""
    name = name or os.environ.get(OWN) or None
    there = running()
    names = ", ".join(cluster.name for cluster in there)
    if name is not None:
        for cluster in there:
            if cluster.name == name:
                return cluster
        raise NotFound(
            f"No cluster {name!r} is running; there are: {names}." if names else f"No cluster {name!r} is running, "
            "nor any other. Start one with 'lab up three_nodes' or 'lab run 03-scaling'."
        )
    if not there:
        raise NotFound("No cluster is running. Start one with 'lab up three_nodes' or 'lab run 03-scaling'.")
    if len(there) > 1:
        raise InvalidArgument(f"Several clusters are running; say which with --name: {names}.")
    return there[0]


def running() -> list[Cluster]:
    """All clusters of this user, by name; also those that are just starting."""
    found = [ledger for base in places.bases() if base.is_dir() for ledger in ledgers(base) if ledger.alive()]
    return [Cluster(ledger) for ledger in sorted(found, key=lambda ledger: ledger.name)]


def tool_path() -> str:
    """The PATH of every process inside, which is where tools must be."""
    return base_environment()["PATH"]


def default_name(topology: str) -> str:
    """What a cluster is called unless somebody says otherwise."""
    return Path(topology).stem.lower().replace(":", "-")


def _refuse_taken(base: Path, name: str) -> None:
    if base.is_dir() and any(ledger.name == name for ledger in ledgers(base)):
        raise AlreadyExists(f"{name!r} is already running. Stop it with 'lab down {name}', or give another --name.")


def _plan(topology: str, name: str, run_dir: Path, daemon: str) -> Plan:
    home = _home()
    is_file = topology.endswith(".py")
    prefixes = {str(PROJECT), sys.prefix, sys.base_prefix} - {"/usr", "/usr/local"}
    return Plan(
        run_id=os.urandom(8).hex(), name=name, topology=topology,
        topology_text=Path(topology).read_text() if is_file else "", run_dir=str(run_dir), project=str(PROJECT),
        python=sys.executable, keep=tuple(_outermost(prefixes)), hide=(home,) if home else (),
        images=str(PROJECT / ".kit" / "images"), node=daemon, environment=base_environment(),
        as_root=os.getuid() == 0, covers=_secrets(),
    )


def _others() -> tuple[str, ...]:
    """The directories at the top that are no part of the system: /home, /mnt, /data, …"""
    return tuple(str(path) for path in sorted(Path("/").iterdir())
                 if path.name not in _SYSTEM and path.is_dir() and not path.is_symlink())


def _covering(plan: Plan, paths: tuple[str, ...]) -> Plan:
    """The plan that covers these, too. What holds a directory that is needed inside is hidden around it."""
    above = tuple(path for path in paths if any(Path(kept).is_relative_to(path) for kept in plan.keep))
    return plan._replace(hide=(*plan.hide, *above),
                         covers=(*plan.covers, *(path for path in paths if path not in above)))


def _secrets() -> tuple[str, ...]:
    """What lies in the project and would answer a lab's questions. Nothing of it is needed inside."""
    found = [PROJECT / ".git", PROJECT / "tests" / "hostile", PROJECT / "docs"]
    found += [path for pattern in _SOLUTIONS for path in sorted(PROJECT.glob(pattern))]
    return tuple(str(path) for path in found if path.exists())


def _home() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""


def _outermost(paths: set[str]) -> list[str]:
    """Those of `paths` that lie in no other one."""
    return sorted(p for p in paths if not any(p != other and Path(p).is_relative_to(other) for other in paths))


def _start_keeper(plan: Plan) -> None:
    """Not forked but a new interpreter, which stays small and has none of our threads, files or signal handlers."""
    keeper = subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", _KEEPER, plan.project, plan.name], stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=[plan.status_fd], start_new_session=True,
        cwd="/",
    )
    assert keeper.stdin is not None
    with keeper.stdin as text:
        text.write(plan.to_json().encode())
    keeper.wait()  # for its first process only: the keeper goes on, as nobody's child


def _wait_ready(line: socket.socket, on_progress: Callable[[str], None]) -> None:
    for message in messages(line):
        if "progress" in message:
            on_progress(message["progress"])
        if "error" in message:
            raise _BY_CODE.get(message["code"], FailedPrecondition)(message["error"])
        if message.get("ready"):
            return
    raise MachineFault("The sandbox ended while it was starting, and could not say why. Try 'lab doctor'.")


def _ledger(run_dir: Path) -> Ledger:
    for ledger in ledgers(run_dir.parent):
        if ledger.run_dir == str(run_dir):
            return ledger
    raise MachineFault("The sandbox ended just after its start. Try 'lab doctor'.")


