"""Owns ending a replay that takes more than its share of the machine, with or without cgroups: memory (what lies on
its disks included, which are in memory) and processes. One thread that looks, and stops the sandbox once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from swarmkit_py.errors import SwarmError
from topologies.usage import Usage

MIB = 1024 * 1024
EVERY = 0.25
"""Seconds between looks: short, as one look costs milliseconds and a filler writes a gigabyte a second."""


@dataclass(frozen=True)
class Share:
    """What one replay may use: bytes of memory and disks together, and processes."""

    memory: int = 1200 * MIB
    processes: int = 600


class Watched(Protocol):
    def usage(self) -> Usage: ...
    def stop(self) -> None: ...


def excess(usage: Usage, share: Share) -> str:
    """Why a hand-in is stopped, for its student; "" if it is not."""
    if usage.processes > share.processes:
        return f"its commands started more than {share.processes} processes at once: the replay was stopped"
    if usage.bytes > share.memory:
        return (f"its commands filled more than {share.memory // MIB} MiB of memory and disk: "
                "the replay was stopped")
    return ""


class Guard:
    """`reason`: why the sandbox was stopped, once it was."""

    def __init__(self, cluster: Watched, share: Share) -> None:
        self._cluster, self._share = cluster, share
        self.reason = ""
        self.peak = Usage(0, 0, 0)

    def look(self) -> bool:
        """Look once; stop what takes too much. True while there is anything to look at."""
        try:
            usage = self._cluster.usage()
        except SwarmError:
            return False
        self.peak = max(self.peak, usage, key=lambda one: one.bytes)
        self.reason = excess(usage, self._share)
        if self.reason:
            self._cluster.stop()
        return not self.reason


@contextmanager
def guarded(cluster: Watched, share: Share) -> Iterator[Guard]:
    """Look every now and then while the block runs."""
    guard, over = Guard(cluster, share), threading.Event()

    def watch() -> None:
        while not over.is_set() and guard.look():
            over.wait(EVERY)

    thread = threading.Thread(target=watch, name="guard", daemon=True)
    thread.start()
    try:
        yield guard
    finally:
        over.set()
        thread.join()
