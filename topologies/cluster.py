"""Owns one cluster as seen from outside its sandbox: its hosts, the way into them, its end.

Light imports: `lab exec` pays for this module each time. `topologies.clusters` starts and finds clusters.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from swarmkit_py.errors import FailedPrecondition, NotFound, SwarmError
from topologies import cgroups, control, places
from topologies.ledger import Ledger, remove
from topologies.processes import outer_pid
from topologies.usage import Usage, usage_below

PROJECT = Path(__file__).resolve().parent.parent
_STOP_SECONDS = 10.0


class MachineFault(SwarmError):
    """Not the user's mistake: the machine cannot do it, or the kit itself failed (exit code 3)."""

    status, code = 500, "Internal"


class HostInfo(NamedTuple):
    """One emulated host. `pid` is its PID 1 and `netns` its network namespace's inode, as counted where it was asked
    for: in `Cluster.hosts` from outside, in the supervisor from inside the sandbox."""

    name: str
    address: str
    role: str
    pid: int
    netns: int


class Cluster:
    """One running sandbox."""

    def __init__(self, ledger: Ledger, lifeline: socket.socket | None = None) -> None:
        self._ledger = ledger
        self._lifeline = lifeline
        self.name = ledger.name
        self.topology = ledger.topology
        self.run_dir = Path(ledger.run_dir)
        self.outside = self.run_dir / places.OUTSIDE

    @property
    def hosts(self) -> list[HostInfo]:
        """Its hosts, in the topology's order; pid 0 for one that is off. Raises FailedPrecondition while it starts
        or stops."""
        return [host._replace(pid=self._outside(host) or 0) for host in self._published()]

    def _published(self) -> list[HostInfo]:
        try:
            return [HostInfo(**item) for item in json.loads((self.run_dir / "hosts.json").read_text())]
        except OSError as error:
            raise FailedPrecondition(f"{self.name!r} is not ready, or has just ended.") from error

    def _outside(self, host: HostInfo) -> int | None:
        init = self._ledger.init
        if init is None or not init.alive():
            raise FailedPrecondition(f"{self.name!r} has just ended.")
        return outer_pid(init.pid, host.pid) if host.pid else None

    def host(self, name: str) -> HostInfo:
        """One host that is on. Raises NotFound with the names there are, FailedPrecondition for one that is off."""
        host = self._find(name)
        pid = self._outside(host)
        if pid is None:
            raise FailedPrecondition(f"The host {name} of {self.name!r} is off; 'lab host {name} start' boots it.")
        return host._replace(pid=pid)

    def _find(self, name: str) -> HostInfo:
        found = self._published()
        for host in found:
            if host.name == name:
                return host
        there = ", ".join(host.name for host in found)
        raise NotFound(f"There is no host {name!r} in {self.name!r}; there are: {there}.")

    def socket(self, host: str) -> Path:
        """The Engine API of one host, on or off. Raises NotFound for a host that has none."""
        if self._find(host).role == "client":
            raise NotFound(f"{host!r} is outside the swarm: no Docker runs there.")
        return places.docker_socket(self.run_dir, host)

    def enter_argv(self, host: str, argv: list[str]) -> list[str]:
        """The command line that runs `argv` inside a host, on the terminal it is called from."""
        info = self.host(host)
        own = ["--setuid", "0", "--setgid", "0"] if self._ledger.first_id else ["--preserve-credentials"]
        spaces = ["--user", "--mount", "--uts", "--ipc", "--net", "--pid"]
        variables = [f"{name}={value}" for name, value in shell_environment(self, info).items()]
        return ["nsenter", "--target", str(info.pid), *spaces, *own, "env", "--chdir=/root", "-i", *variables, *argv]

    def join(self) -> None:
        """Put this process under the limits of the whole cluster, before it becomes a shell inside. A cluster without
        cgroups has none. Where memory ends, what is typed ends before what it is typed at."""
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
        cgroups.join([leaf if (leaf := Path(path) / cgroups.KIT).is_dir() else Path(path)
                      for path in self._ledger.cgroups if Path(path).is_dir()])

    def limit(self, memory: int, processes: int) -> bool:
        """Tighten the limits on all of the cluster together: bytes, and a number. False: it has no cgroups."""
        return cgroups.tighten(self._ledger.cgroups, memory, processes)

    def out_of_memory(self) -> int:
        """How many of its processes the kernel has ended for want of memory; 0 where it has no cgroups."""
        return cgroups.out_of_memory(self._ledger.cgroups)

    def usage(self) -> Usage:
        """Memory and processes of all of it, as /proc shows them. Raises FailedPrecondition once it has ended."""
        init = self._ledger.init
        if init is None or not init.alive():
            raise FailedPrecondition(f"{self.name!r} has just ended.")
        return usage_below(init.pid)

    def call(self, method: str, **params: Any) -> Any:
        """Ask the supervisor, over the control socket. Raises SwarmError."""
        return control.call(self.run_dir / "control.sock", method, params)

    def stop(self) -> None:
        """End it and wait until nothing of it is left. Raises MachineFault if that takes too long."""
        try:
            self.call("stop")
        except SwarmError:
            # It may be starting, or stuck: what its keeper's end sets off needs nobody's help.
            self._ledger.keeper.kill()
        if not self._ledger.keeper.wait(_STOP_SECONDS):
            self._ledger.keeper.kill()
            if not self._ledger.keeper.wait(_STOP_SECONDS):
                raise MachineFault(f"{self.name!r} does not end; its keeper is process {self._ledger.keeper.pid}.")
        remove(self._ledger)
        if self._lifeline is not None:
            self._lifeline.close()

    def left(self) -> list[str]:
        """What is still there outside; nothing, once it has ended."""
        processes = [f"process {one.pid}" for one in (self._ledger.keeper, self._ledger.init) if one and one.alive()]
        paths = [self._ledger.path, self.run_dir, *map(Path, self._ledger.cgroups)]
        return processes + [str(path) for path in paths if path.exists()]


def shell_environment(cluster: Cluster, host: HostInfo) -> dict[str, str]:
    """The variables of a shell on a host; nothing of the caller's leaks in but his language and terminal."""
    return {
        **base_environment(), "SWARM_LAB": cluster.name, "SWARM_HOST": host.name, "SWARM_ADDRESS": host.address,
        "SWARM_ROLE": host.role, "TERM": os.environ.get("TERM", "dumb"),
    }


def base_environment() -> dict[str, str]:
    """The variables every process inside starts with."""
    system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {
        "PATH": f"{system}:{PROJECT}/.kit/bin:{sys.prefix}/bin", "HOME": "/root", "USER": "root", "LOGNAME": "root",
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        # Mininet asks for distutils; setuptools' substitute takes 0.3 s to import where Python has its own.
        **({"SETUPTOOLS_USE_DISTUTILS": "stdlib"} if sys.version_info < (3, 12) else {}),
    }
