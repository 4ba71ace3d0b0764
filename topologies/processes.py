"""Owns what /proc tells about processes: are they still the same one, their children, their pid inside.

A pid alone is not a name, it is used again: `Process` adds the start time. No counterpart in SwarmKit.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """One process, for good: its pid, and its start in clock ticks after boot."""

    pid: int
    started: int

    def alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        stat = _stat(self.pid)
        return stat is not None and stat[0] not in "ZX" and int(stat[19]) == self.started

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended; False if that takes longer than `seconds`."""
        try:
            fd = os.pidfd_open(self.pid)
        except OSError:
            return True
        try:
            if not self.alive():
                return True
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            return bool(poll.poll(seconds * 1000))
        finally:
            os.close(fd)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to exactly this process; nothing happens if it has ended."""
        try:
            fd = os.pidfd_open(self.pid)
        except OSError:
            return
        try:
            if self.alive():
                signal.pidfd_send_signal(fd, number)
        except ProcessLookupError:
            pass
        finally:
            os.close(fd)


def identify(pid: int) -> Process:
    """The process that has this pid now. Raises ProcessLookupError."""
    stat = _stat(pid)
    if stat is None:
        raise ProcessLookupError(pid)
    return Process(pid, int(stat[19]))


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the command, which may itself hold spaces and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def set_command_line(text: str) -> None:
    """What `ps` shows of this process: a forked one would else go by its parent's command line."""
    stat = _stat(os.getpid())
    if stat is not None:
        start, end = int(stat[45]), int(stat[46])
        ctypes.memmove(start, text.encode().ljust(end - start, b"\0")[: end - start], end - start)


def children(pid: int) -> list[int]:
    """The pids of the children of all threads of `pid`."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    except OSError:
        pass
    return found


def descendants(pid: int) -> Iterator[int]:
    """All processes below `pid`, nearest first."""
    todo = children(pid)
    while todo:
        child = todo.pop(0)
        yield child
        todo += children(child)


def namespace_pids(pid: int) -> list[int]:
    """The pid of one process in every pid namespace from ours to its own (`NSpid`); empty if it has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            if line.startswith("NSpid:"):
                return [int(number) for number in line.split()[1:]]
    except OSError:
        pass
    return []


def outer_pid(ancestor: int, inner: int) -> int | None:
    """Our pid of the process below `ancestor` that is `inner` in the pid namespace of `ancestor`."""
    for pid in descendants(ancestor):
        inside = namespace_pids(pid)
        if len(inside) > 1 and inside[1] == inner:
            return pid
    return None
