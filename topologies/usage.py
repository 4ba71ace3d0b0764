"""Owns measuring what a sandbox uses, from outside and without cgroups: memory, what lies on its tmpfs, processes.

Pages that processes share are counted once in none of them (only what is a process's own counts), files on a tmpfs
once, wherever in the sandbox it is mounted. Counterpart: the memory and pids controllers, where there are cgroups.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from topologies.processes import descendants

_PAGE = os.sysconf("SC_PAGE_SIZE")
_INODE = 1024
"""About what the kernel keeps for a file without any content."""


class Usage(NamedTuple):
    """Bytes of processes' own memory, bytes of files kept in memory, number of processes."""

    memory: int
    files: int
    processes: int

    @property
    def bytes(self) -> int:
        return self.memory + self.files


def usage_below(pid: int) -> Usage:
    """Of this process and all below it."""
    found = [pid, *descendants(pid)]
    return Usage(sum(map(_own, found)), _on_tmpfs(found), len(found))


def _own(pid: int) -> int:
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except (OSError, ValueError):
        return 0  # it has ended
    return (int(resident) - int(shared)) * _PAGE


def _on_tmpfs(pids: list[int]) -> int:
    spaces: dict[str, int] = {}
    for pid in pids:
        try:
            spaces.setdefault(str(Path(f"/proc/{pid}/ns/mnt").readlink()), pid)
        except OSError:
            continue
    outside = _devices(os.getpid())
    used: dict[str, int] = {}
    for pid in spaces.values():
        for device, place in _devices(pid).items():
            if device not in outside and device not in used:
                used[device] = _used(f"/proc/{pid}/root{place}")
    return sum(used.values())


def _devices(pid: int) -> dict[str, str]:
    """The tmpfs that a process sees: device number to one place where it is mounted."""
    try:
        lines = Path(f"/proc/{pid}/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        before, _, after = line.partition(" - ")
        if after.startswith("tmpfs "):
            fields = before.split()
            found[fields[2]] = fields[4].encode().decode("unicode_escape", "replace")
    return found


def _used(path: str) -> int:
    try:
        here = os.statvfs(path)
    except OSError:
        return 0  # covered, or gone
    return (here.f_blocks - here.f_bfree) * here.f_frsize + (here.f_files - here.f_ffree) * _INODE
