"""Owns what the sandbox sees of the file system: all of it read-only, homes hidden, a few private tmpfs.

Runs before the sandbox's PID 1, in a mount namespace of its own, so nothing here can be seen outside. The sandbox
gets a copy of it in a user namespace further down: there the kernel has locked every mount, so that not even the
sandbox's root can take a cover away or write where it is read-only (mount_namespaces(7), “Restrictions”).
Counterpart: what runc's libcontainer/rootfs_linux.go does for a container.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from topologies import cgroups, syscalls
from topologies.places import INSIDE, OUTSIDE
from topologies.plan import Plan

DISKS = Path("/srv")
"""One directory a host: what stays when a host loses its power. Gone with the sandbox."""

HOME = Path("/root")

SMALL_PART = 4
"""Each file system but the hosts' disks may hold this part of what those may."""
_EMPTY = 4096


class Trees(NamedTuple):
    """Detached mounts, taken before they are covered: (file descriptor, where to show it)."""

    run_dir: int
    kept: tuple[tuple[int, str], ...]

    @classmethod
    def own(cls, plan: Plan) -> Trees:
        """As they are, with the owners they have."""
        return cls(
            _run_dir(plan), tuple((syscalls.clone_tree(path), path) for path in plan.keep)
        )

    @classmethod
    def with_owner_ids(cls, plan: Plan, user_ns: int) -> Trees:
        """What root owns outside shows as owned by root inside, so that it can be read (and copied up by overlayfs)
        there, though the sandbox's root is nobody. Where the file system cannot do that, plainly."""
        kept = []
        for path in plan.keep:
            tree = syscalls.clone_tree(path)
            syscalls.set_mount_attributes(tree, add=syscalls.MOUNT_ATTR_RDONLY)
            try:
                syscalls.set_mount_attributes(tree, add=syscalls.MOUNT_ATTR_IDMAP, userns_fd=user_ns)
            except OSError:
                os.close(tree)
                tree = syscalls.clone_tree(path)
            kept.append((tree, path))
        return cls(_run_dir(plan), tuple(kept))


def _run_dir(plan: Plan) -> int:
    """Private: where mounts are shared, as under systemd, what is mounted on a copy would appear outside as well."""
    tree = syscalls.clone_tree(plan.run_dir)
    syscalls.set_mount_attributes(tree)
    return tree


def arrange(trees: Trees, plan: Plan) -> None:
    """Turn this mount namespace into the sandbox's, but for /proc, which needs its processes."""
    _everything_read_only()
    for target in _hidden(plan):
        syscalls.tmpfs(target)
    small = plan.disk // SMALL_PART
    for target in ("/run", str(HOME)):
        syscalls.tmpfs(target, size=small)
    syscalls.tmpfs(str(DISKS), size=plan.disk)
    for target in ("/tmp", "/var/tmp", "/dev/shm"):
        syscalls.tmpfs(target, 0o1777, small)
    INSIDE.mkdir()
    syscalls.attach_tree(trees.run_dir, str(INSIDE))
    syscalls.tmpfs(str(INSIDE / OUTSIDE), 0)
    for tree, path in trees.kept:
        Path(path).mkdir(parents=True, exist_ok=True)
        syscalls.set_mount_attributes(tree, add=syscalls.MOUNT_ATTR_RDONLY)
        syscalls.attach_tree(tree, path)
    for path in plan.covers:
        _cover(Path(path))


def _cover(path: Path) -> None:
    """Nothing of it shows any more: an empty file or directory stands there, if it can be reached at all."""
    if path.is_dir():
        syscalls.tmpfs(str(path), size=_EMPTY)
    elif path.exists():
        syscalls.bind("/dev/null", str(path))


def own_mounts(plan: Plan) -> None:
    """What the sandbox's own root mounts in its copy of all that: its cgroups."""
    if plan.cgroups:
        cgroups.mount([cgroups.Hierarchy(*item) for item in plan.cgroups])


def mount_proc() -> None:
    """Show the processes of this pid namespace. Raises OSError."""
    syscalls.mount("proc", "/proc", "proc", syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC)


def _everything_read_only() -> None:
    root = os.open("/", os.O_PATH | os.O_CLOEXEC)
    syscalls.set_mount_attributes(root, add=syscalls.MOUNT_ATTR_RDONLY)
    os.close(root)
    # A host mounts a /sys of its own network; where the one it can see is locked read-only, the kernel would refuse.
    # Nothing in it belongs to the sandbox's root, who is nobody there.
    sys_ = os.open("/sys", os.O_PATH | os.O_CLOEXEC)
    with suppress(OSError):
        syscalls.set_mount_attributes(sys_, clear=syscalls.MOUNT_ATTR_RDONLY, recursive=False)
    os.close(sys_)


def _hidden(plan: Plan) -> list[str]:
    """What to cover: the homes, and each first ancestor of a kept directory that the sandbox cannot walk through."""
    covers = {path for path in plan.hide if Path(path).is_dir() and path not in ("/", str(HOME))}
    for path in plan.keep:
        blocked = _first_blocked(Path(path))
        if blocked is not None:
            covers.add(str(blocked))
    # A cover inside another cover would have nothing to stand on.
    return sorted(c for c in covers if c != str(HOME) and not any(_inside(c, o) for o in (*covers, str(HOME))))


def _inside(path: str, other: str) -> bool:
    return path != other and path.startswith(other.rstrip("/") + "/")


def _first_blocked(path: Path) -> Path | None:
    for ancestor in reversed(path.parents):
        if not os.access(ancestor, os.X_OK):
            return ancestor
    return None
