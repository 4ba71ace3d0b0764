"""Owns mount(2): a container's overlay root, and keeping runc's hands off the machine's cgroups. Knows no container.

Needs CAP_SYS_ADMIN in the user namespace that owns our mount namespace, which the sandbox gives.
Counterpart: moby/daemon/graphdriver/overlay2/overlay.go.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
from pathlib import Path

from swarmkit_py import errors
from swarmkit_py.runtime.bundle import IdMap

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
MNT_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    kind_bytes = kind.encode() if kind else None
    result = _libc.mount(
        source.encode(), os.fsencode(target), kind_bytes, ctypes.c_ulong(flags), os.fsencode(options))
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def parse_id_map(text: str) -> tuple[tuple[int, int], ...]:
    """(first inside, count) of each line of /proc/self/uid_map."""
    rows = (line.split() for line in text.splitlines())
    return tuple((int(row[0]), int(row[2])) for row in rows if len(row) == 3)


def read_id_map(proc: Path = Path("/proc/self")) -> IdMap:
    """The ids of this process's user namespace."""
    return IdMap(
        uids=parse_id_map((proc / "uid_map").read_text()),
        gids=parse_id_map((proc / "gid_map").read_text()),
        setgroups=(proc / "setgroups").read_text().strip() != "deny",
    )


def cgroup_mount_points(mountinfo: str) -> list[str]:
    """Where cgroup hierarchies are mounted writable, from /proc/self/mountinfo."""
    points = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if after.split()[:1] in (["cgroup"], ["cgroup2"]) and "rw" in fields[5].split(","):
            points.append(fields[4].replace("\\040", " "))
    return points


def seal_cgroups(ids: IdMap) -> bool:
    """Make every cgroup hierarchy read-only **in this sandbox's** mount namespace: runc (told that it is rootless)
    then makes no directories there, which would outlive a killed sandbox. Never done outside a user namespace, where
    the mounts are the machine's: False then, and runc's directories have to be removed container by container."""
    if ids.is_initial:
        return False
    for point in cgroup_mount_points(Path("/proc/self/mountinfo").read_text()):
        try:
            _mount("none", point, None, MS_REMOUNT | MS_BIND | MS_RDONLY)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EPERM, errno.EACCES, errno.EINVAL):
                raise
    return not cgroup_mount_points(Path("/proc/self/mountinfo").read_text())


def overlay_options(lower: str, upper: Path, work: Path, *, user_namespace: bool) -> str:
    """Options for mount(2); `lower` is Image.rootfs. `userxattr`: user namespaces have no trusted.* attributes."""
    def escape(path: Path) -> str:
        return str(path).replace("\\", "\\\\").replace(",", "\\,").replace(":", "\\:")

    first = "userxattr," if user_namespace else ""
    layers = lower.replace(",", "\\,")
    return f"{first}lowerdir={layers},upperdir={escape(upper)},workdir={escape(work)}"


def layer_paths(lower: str) -> list[Path]:
    """The directories in Image.rootfs, top first."""
    return [Path(re.sub(r"\\(.)", r"\1", layer)) for layer in re.split(r"(?<!\\):", lower)]


def check_owner(lower: str) -> None:
    """overlayfs cannot copy up what belongs to a user without a number here; better said now than by a failing
    mkdir in the container. Raises errors.Internal."""
    for layer in layer_paths(lower):
        try:
            owner = layer.stat().st_uid
        except OSError as error:
            text = f"the image's layer {layer} cannot be read ({error.strerror}); build the images again"
            raise errors.Internal(text) from error
        if owner != 0:
            raise errors.Internal(
                f"the image's layer {layer} belongs to another user: build the images as the user who runs this")


def mount_overlay(lower: str, upper: Path, work: Path, merged: Path, ids: IdMap) -> None:
    """Mount a container's root; a kernel before 5.11 gets on without `userxattr`. Raises errors.Internal."""
    check_owner(lower)
    attempts = [False] if ids.is_initial else [True, False]
    failure: OSError | None = None
    for user_namespace in attempts:
        try:
            options = overlay_options(lower, upper, work, user_namespace=user_namespace)
            _mount("overlay", str(merged), "overlay", 0, options)
            return
        except OSError as error:
            failure = error
    raise errors.Internal(f"cannot mount the root file system {merged}: {failure.strerror if failure else ''}")


def mount_tmpfs(path: Path, options: str) -> None:
    """Mount memory at `path`. Raises OSError."""
    _mount("tmpfs", str(path), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options)


def unmount(path: Path) -> None:
    """Detach a mount, if there is one."""
    if _libc.umount2(os.fsencode(path), MNT_DETACH):
        number = ctypes.get_errno()
        if number not in (errno.EINVAL, errno.ENOENT):
            raise OSError(number, os.strerror(number), str(path))
