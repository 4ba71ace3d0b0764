"""Owns the etcd process beside a manager: its command line, its files in memory, its start and its end.

It ends when the daemon does, however that ends. The only port it opens is the one of its peers, under TLS of an
authority that only managers have anything of; clients come by a unix socket in a folder of the daemon's own.
Knows no managers and no keys. Counterpart: none (SwarmKit's Raft is a library in the manager).
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from swarmkit_py.ca.tls import write_private
from swarmkit_py.errors import FailedPrecondition, Internal

log = logging.getLogger(__name__)

HEARTBEAT_MS, ELECTION_MS = 100, 1000
"""Of Raft: a leader that has been silent for one to two elections' time is replaced."""
SNAPSHOT_COUNT = 10_000
KEPT_REVISIONS = 1000
MAX_OPERATIONS, MAX_BYTES = 100_000, 64 << 20
"""Of one transaction: the store has no limit of its own."""
OLDEST = (3, 4)
"""With members that learn before they vote."""
_SOCKET = "client"
_STOP_SECONDS = 3.0

NO_PROGRAM = (
    "several managers need etcd 3.4 or newer, and this machine has none: install the package etcd-server (in the lab "
    "kit: ./lab doctor), or give swarmd its path with --etcd"
)


@dataclass(frozen=True)
class PeerFiles:
    """PEM: the authority of the members, this member's certificate and its key."""

    authority: str
    cert: str
    key: str


@dataclass(frozen=True)
class Place:
    """Where a member lives: `data` survives, `run` is made anew (in memory: keys are in it in clear)."""

    program: str
    data: Path
    run: Path


def find_program(program: str) -> str | None:
    """The absolute path of an etcd that will do, or None if this machine has none."""
    path = shutil.which(program)
    return path if path is not None and _version(path) >= OLDEST else None


@lru_cache
def _version(path: str) -> tuple[int, ...]:
    """What it says of itself; () for what is no etcd."""
    try:
        done = subprocess.run([path, "--version"], check=False, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"etcd Version: (\d+)\.(\d+)", done.stdout)
    return tuple(map(int, found.groups())) if found else ()


class MemberProcess:
    """`start` and `stop` as often as wished; `ended` tells of an end that nobody asked for."""

    def __init__(self, place: Place, name: str, peer_addr: str) -> None:
        self._place, self._name, self._peer_addr = place, name, peer_addr
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        """Where its clients come in."""
        return self._place.run / f"{_SOCKET}:0"

    def start(self, files: PeerFiles, cluster: Sequence[tuple[str, str]], *, new: bool, alone: bool = False) -> None:
        """Start it. `cluster`: name and peer URL of each member when it was made; only looked at where there is no
        data yet. `alone`: forget all other members. Raises FailedPrecondition without etcd, Internal."""
        program = find_program(self._place.program)
        if program is None:
            raise FailedPrecondition(NO_PROGRAM)
        try:
            self._write(files)
            self._process = subprocess.Popen(
                self._command(program, cluster, new, alone), cwd=self._place.run, stdin=subprocess.DEVNULL,
                env={"PATH": os.defpath})
        except OSError as error:
            raise Internal(f"etcd does not start: {error}") from None

    async def ended(self) -> int:
        """Come back when it has ended; its exit status."""
        process = self._process
        if process is None:
            return 0
        if process.poll() is None:
            await _readable(process.pid)
        return process.wait()

    async def stop(self) -> None:
        """Politely, then not."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        ending = asyncio.ensure_future(_readable(process.pid))
        await asyncio.wait({ending}, timeout=_STOP_SECONDS)
        if not ending.done():
            ending.cancel()
            process.kill()
        process.wait()

    def wipe(self) -> None:
        """Forget what it had stored. It must not run."""
        shutil.rmtree(self._place.data, ignore_errors=True)
        shutil.rmtree(self._place.run, ignore_errors=True)

    def _write(self, files: PeerFiles) -> None:
        for folder in (self._place.data, self._place.run):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        for name, text in (("ca.crt", files.authority), ("peer.crt", files.cert), ("peer.key", files.key)):
            write_private(self._place.run / name, text.encode())

    def _command(self, program: str, cluster: Sequence[tuple[str, str]], new: bool, alone: bool) -> list[str]:
        url = f"https://{self._peer_addr}"
        options = {
            "name": self._name, "data-dir": str(self._place.data.absolute()),
            "listen-client-urls": f"unix://{_SOCKET}:0", "advertise-client-urls": "http://127.0.0.1:0",
            "listen-peer-urls": url, "initial-advertise-peer-urls": url,
            "initial-cluster": ",".join(f"{name}={peer}" for name, peer in cluster),
            "initial-cluster-state": "new" if new else "existing",
            "peer-trusted-ca-file": "ca.crt", "peer-cert-file": "peer.crt", "peer-key-file": "peer.key",
            "peer-client-cert-auth": "true", "experimental-peer-skip-client-san-verification": "true",
            "heartbeat-interval": HEARTBEAT_MS, "election-timeout": ELECTION_MS, "pre-vote": "true",
            "strict-reconfig-check": "false",  # it wants five seconds of proven health; `manager.roles` counts itself
            "snapshot-count": SNAPSHOT_COUNT, "auto-compaction-mode": "revision",
            "auto-compaction-retention": KEPT_REVISIONS, "max-txn-ops": MAX_OPERATIONS,
            "max-request-bytes": MAX_BYTES, "logger": "zap", "log-outputs": "stderr", "log-level": "error",
        }
        words = [f"--{name}={value}" for name, value in options.items()]
        # The kernel ends it with the daemon: nothing may go on writing that nobody leads.
        return ["setpriv", "--pdeathsig", "KILL", program, *words, *(["--force-new-cluster"] if alone else [])]


async def _readable(pid: int) -> None:
    """Come back when this child has ended; it is not waited for."""
    loop = asyncio.get_running_loop()
    descriptor, future = os.pidfd_open(pid), loop.create_future()

    def wake() -> None:
        if not future.done():
            future.set_result(None)

    loop.add_reader(descriptor, wake)
    try:
        await future
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
