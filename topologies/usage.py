"""Owns measuring what a sandbox uses, from outside and without cgroups: memory, what lies on its tmpfs, processes.

Pages that processes share are counted once in none of them (only what is a process's own counts), files on a tmpfs
once, wherever in the sandbox it is mounted. Memory that is shared without any file that could be found is counted as
well: what processes have mapped, by its share, and what they hold open (memfd), by its size. Counterpart: the memory
and pids controllers, where there are cgroups.
"""

from __future__ import annotations

import os
import stat
from functools import cache
from pathlib import Path
from typing import NamedTuple

from topologies.processes import descendants

_MANY = 64 * 1024 * 1024
"""Bytes of mapped shared memory from which on it is worth asking whose they are, which takes the kernel longer."""
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
    """Of this process and all below it, and of who has entered their pid namespaces from outside, as shells do: those
    are children of whoever opened them."""
    found = [pid, *descendants(pid)]
    inside = {_pid_space(one) for one in found} - {_pid_space(os.getpid()), ""}
    entered = [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()
               and _pid_space(int(entry.name)) in inside]
    found = list(dict.fromkeys([*found, *(below for one in entered for below in (one, *descendants(one)))]))
    own, shared = zip(*map(_resident, found), strict=True)
    mapped = sum(map(_share, found)) if sum(shared) > _MANY else 0
    return Usage(sum(own), _on_tmpfs(found) + mapped + _held_open(found), len(found))


def _pid_space(pid: int) -> str:
    """"" where it has ended, or is none of ours."""
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


def _resident(pid: int) -> tuple[int, int]:
    """Bytes of its own, and bytes of shared memory that it has mapped, of whose ever they are."""
    found = _kilobytes(f"/proc/{pid}/status", "RssAnon", "RssShmem")
    return found["RssAnon"], found["RssShmem"]


def _share(pid: int) -> int:
    """Of the shared memory that it has mapped, its part: those of all who have it make the whole."""
    return _kilobytes(f"/proc/{pid}/smaps_rollup", "Pss_Shmem")["Pss_Shmem"]


def _kilobytes(file: str, *names: str) -> dict[str, int]:
    """Lines `NAME:  NUMBER kB` as bytes; 0 where there is no such line, or no such process any more."""
    found = dict.fromkeys(names, 0)
    try:
        lines = Path(file).read_text(errors="replace").splitlines()
    except OSError:
        return found
    for line in lines:
        name, _, rest = line.partition(":")
        if name in found:
            found[name] = int(rest.split()[0]) * 1024
    return found


def _held_open(pids: list[int]) -> int:
    """Files without a name (memfd_create) that these processes have open, each once."""
    device, found = _memfd_device(), {}
    for pid in pids:
        try:
            for entry in os.scandir(f"/proc/{pid}/fd"):
                file = entry.stat()
                if file.st_dev == device and stat.S_ISREG(file.st_mode):
                    found[file.st_ino] = file.st_blocks * 512
        except OSError:
            continue  # it has ended, or the file was closed
    return sum(found.values())


@cache
def _memfd_device() -> int:
    """Where the kernel keeps such files."""
    with os.fdopen(os.memfd_create("usage"), "rb") as file:
        return os.fstat(file.fileno()).st_dev


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
