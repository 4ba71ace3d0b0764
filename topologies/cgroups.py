"""Owns a cluster's cgroups: made by root outside, handed to the sandbox, mounted in it, removed by the ledger.

In each hierarchy there is one directory, `swarmlab-<run>`, below the one we are in ourselves (cgroup v2: at the top,
as Docker's own). Everything of the cluster lives in it, so the limits on it hold for all together; the sandbox may
make further ones below it, for its containers, but not lift those. An ordinary user cannot make any: then there are
no limits, and `swarmd` says so. Counterpart: moby's --cgroup-parent, and systemd's Delegate=.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from topologies import syscalls

PREFIX = "swarmlab-"
PLACE = Path("/sys/fs/cgroup")
KIT = "kit"
"""cgroup v2 only: who is not in a leaf may not limit its children, so the kit's own processes move into one."""
_HANDED_OVER = ("cgroup.procs", "tasks", "cgroup.threads", "cgroup.subtree_control")
_CONTROLLERS = ("cpu", "cpuset", "io", "memory", "pids")
_MEMORY_SHARE = 0.8


class Hierarchy(NamedTuple):
    """One mounted hierarchy: where, of what kind (cgroup, cgroup2), how to mount it again, where we are in it."""

    mount: str
    kind: str
    options: str
    own: str

    @property
    def name(self) -> str:
        """Its directory's name below /sys/fs/cgroup; "" where it is all there is."""
        return "" if Path(self.mount) == PLACE else Path(self.mount).name


def hierarchies(mountinfo: str, own: str) -> list[Hierarchy]:
    """From the texts of /proc/self/mountinfo and /proc/self/cgroup; those that are mounted writable."""
    paths = {controllers: path for _, controllers, path in (line.split(":", 2) for line in own.splitlines())}
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(), after.split(maxsplit=2)
        if kind not in ("cgroup", "cgroup2") or "rw" not in fields[5].split(","):
            continue
        controllers = ",".join(word for word in options.split(",") if word not in ("rw", "ro", "xattr"))
        if kind == "cgroup2":
            controllers = ""
        path = paths.get(controllers, "/")
        inside = path[len(fields[3].rstrip("/")):] if path.startswith(fields[3].rstrip("/") + "/") else "/"
        if controllers.startswith("name="):
            controllers = f"none,{controllers}"
        found.append(Hierarchy(fields[4], kind, controllers, inside or "/"))
    return found


def here() -> list[Hierarchy]:
    """Those of this process."""
    return hierarchies(Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text())


def directory(hierarchy: Hierarchy, run_id: str) -> Path:
    """Where a run's cgroup is, or will be."""
    whole = hierarchy.kind == "cgroup2" and not hierarchy.name
    return Path(hierarchy.mount + ("/" if whole else hierarchy.own)) / (PREFIX + run_id)


def make(found: list[Hierarchy], run_id: str, owner: int) -> bool:
    """Make and hand over all of them; False, and none is left, where one cannot be made."""
    made = []
    try:
        for hierarchy in found:
            path = directory(hierarchy, run_id)
            path.mkdir()
            made.append(path)
            _prepare(hierarchy, path)
            _hand_over(path, owner)
        return bool(made)
    except OSError:
        for path in made:
            remove(path)
        return False


def _prepare(hierarchy: Hierarchy, path: Path) -> None:
    """Let it hold processes, and set the limits of the whole cluster: a fork bomb or a leak ends inside."""
    if hierarchy.kind == "cgroup2" and not hierarchy.name:
        there = (path.parent / "cgroup.controllers").read_text().split()
        wanted = " ".join(f"+{name}" for name in _CONTROLLERS if name in there)
        (path.parent / "cgroup.subtree_control").write_text(wanted)
        (path / KIT).mkdir()
    for name in ("cpuset.cpus", "cpuset.mems"):
        if hierarchy.kind == "cgroup" and (path / name).exists():
            (path / name).write_text((path.parent / name).read_text())
    for name, value in _whole_limits().items():
        with suppress(FileNotFoundError, PermissionError):  # of another hierarchy; cgroupfs makes no files
            _write(path / name, value)


def _whole_limits() -> dict[str, int]:
    memory = int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * _MEMORY_SHARE)
    processes = int(Path("/proc/sys/kernel/pid_max").read_text()) // 2
    return {"memory.limit_in_bytes": memory, "memory.max": memory, "pids.max": processes}


def tighten(paths: Iterable[str], memory: int, processes: int) -> bool:
    """Lower limits for these directories, from outside; whether there was any to write."""
    written = False
    for path in paths:
        for name, value in (("memory.limit_in_bytes", memory), ("memory.max", memory), ("pids.max", processes)):
            with suppress(OSError):
                _write(Path(path) / name, value)
                written = True
    return written


def out_of_memory(paths: Iterable[str]) -> int:
    """How many processes the kernel has ended because the cluster had no memory left. Those of containers do not
    count: they may have limits of their own."""
    files = [Path(path) / name for path in paths for name in ("memory.oom_control", f"{KIT}/memory.events")]
    return sum(_oom_kills(file) for file in files)


def _oom_kills(file: Path) -> int:
    try:
        words = file.read_text().split()
        return int(words[words.index("oom_kill") + 1])
    except (OSError, ValueError, IndexError):
        return 0


def _write(path: Path, value: int) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, str(value).encode())
    finally:
        os.close(descriptor)


def _hand_over(path: Path, owner: int) -> None:
    for place in (path, path / KIT):
        for file in (place, *(place / name for name in _HANDED_OVER)):
            if file.exists():
                os.chown(file, owner, owner)


def join(paths: list[Path] | tuple[str, ...]) -> None:
    """Put this process into a run's cgroups. Raises OSError."""
    for path in paths:
        (Path(path) / "cgroup.procs").write_text(str(os.getpid()))


def open_leaves(paths: tuple[str, ...]) -> list[int]:
    """The doors of the leaves, opened while the file system can still be written. Raises OSError."""
    return [os.open(leaf / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
            for path in paths if (leaf := Path(path) / KIT).is_dir()]


def join_open(doors: list[int]) -> None:
    """Once we have a cgroup namespace: out of the way of the limits below. Raises OSError."""
    for door in doors:
        os.write(door, b"0")
        os.close(door)


def mount(found: list[Hierarchy]) -> None:
    """Inside: what is below the cluster's cgroups, and nothing else of the machine's. Raises OSError."""
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
    # The kernel mounts no file system twice on one place (EBUSY): where /sys/fs/cgroup is a cgroup2, cover it first.
    syscalls.tmpfs(str(PLACE))
    for hierarchy in found:
        target = PLACE / hierarchy.name
        target.mkdir(exist_ok=True)
        syscalls.mount("cgroup", str(target), hierarchy.kind, flags, hierarchy.options)


def remove(path: Path) -> bool:
    """Remove a cgroup and those below it; False if something is still in one."""
    for place, _, _ in os.walk(path, topdown=False):
        with suppress(OSError):
            Path(place).rmdir()
    return not path.exists()
