"""Owns the few kernel calls Python 3.10 has no name for: namespaces, mounts, prctl. Decides nothing.

Every function raises OSError with the name of the call in it. Light on purpose (ctypes and os only): the
sandbox's first processes import this and little else. Counterpart: golang.org/x/sys/unix as used by runc.
"""

from __future__ import annotations

import ctypes
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MS_BIND, MS_REC = 4096, 16384
_MNT_DETACH = 2

MOUNT_ATTR_RDONLY = 0x00000001
MOUNT_ATTR_IDMAP = 0x00100000

_MS_PRIVATE = 1 << 18
_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_AT_RECURSIVE = 0x8000
_OPEN_TREE_CLONE = 1
_OPEN_TREE_CLOEXEC = os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 4
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
# Calls added since Linux 5.0 have one number on every architecture that Debian and Ubuntu ship.
_NR_OPEN_TREE, _NR_MOVE_MOUNT, _NR_MOUNT_SETATTR = 428, 429, 442

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttr(ctypes.Structure):
    _fields_ = [
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    ]


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Leave the shared namespaces named by `flags` for new ones, as unshare(2)."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def setns(fd: int, kind: int) -> None:
    """Enter the namespace behind `fd`, which must be of `kind`, as setns(2)."""
    _checked(_libc.setns(ctypes.c_int(fd), ctypes.c_int(kind)), "setns")


def mount(source: str, target: str, fstype: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2); `source` and `fstype` may be empty for a bind mount's other half."""
    result = _libc.mount(
        source.encode(), target.encode(), fstype.encode() or None, ctypes.c_ulong(flags), options.encode() or None
    )
    _checked(result, f"mount {fstype or source} on {target}")


def tmpfs(target: str, mode: int = 0o755, size: int = 0) -> None:
    """A fresh tmpfs on `target`; `size` in bytes, 0 for the kernel's own limit."""
    mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, f"mode={mode:o}" + (f",size={size}" if size else ""))


def unmount(target: str) -> None:
    """Take away what is mounted last on `target`, even if it is in use (umount2(2), MNT_DETACH)."""
    _checked(_libc.umount2(target.encode(), _MNT_DETACH), f"unmount {target}")


def bind(source: str, target: str) -> None:
    """Show `source` (a file or a directory with what is mounted below) at `target`, too."""
    mount(source, target, "", MS_BIND | MS_REC)


def clone_tree(path: str) -> int:
    """A detached copy of the mounts at and below `path`, as a file descriptor (open_tree(2))."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_RECURSIVE
    return _checked(_libc.syscall(_NR_OPEN_TREE, _AT_FDCWD, path.encode(), ctypes.c_uint(flags)), f"open_tree {path}")


def attach_tree(fd: int, target: str) -> None:
    """Mount what `clone_tree` made at `target` (move_mount(2))."""
    result = _libc.syscall(
        _NR_MOVE_MOUNT, ctypes.c_int(fd), b"", _AT_FDCWD, target.encode(), ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH)
    )
    _checked(result, f"move_mount to {target}")


def set_mount_attributes(
    fd: int, *, add: int = 0, clear: int = 0, userns_fd: int = 0, recursive: bool = True,
) -> None:
    """Change the mounts at and below the mount behind `fd` and make them private (mount_setattr(2))."""
    attr = _MountAttr(add, clear, _MS_PRIVATE, userns_fd)
    flags = _AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)
    result = _libc.syscall(
        _NR_MOUNT_SETATTR, ctypes.c_int(fd), b"", ctypes.c_uint(flags), ctypes.byref(attr), ctypes.sizeof(attr)
    )
    _checked(result, "mount_setattr")


def die_with_parent(parent: int, signal: int = 9) -> None:
    """Ask the kernel to send us `signal` when our parent ends; if it is not `parent` any more, end now.

    Call it after the last change of user ids: that change would clear it again.
    """
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0), "prctl PDEATHSIG")
    if os.getppid() != parent:
        os._exit(1)


def set_dumpable() -> None:
    """Let this user look into our /proc entries again, after a change of user ids forbade it."""
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl DUMPABLE")


def set_process_name(name: str) -> None:
    """The name `ps` and `top` show, at most 15 bytes."""
    _checked(_libc.prctl(_PR_SET_NAME, name.encode()[:15] + b"\0", 0, 0, 0), "prctl NAME")


def sethostname(name: str) -> None:
    """The host name of this UTS namespace."""
    raw = name.encode()
    _checked(_libc.sethostname(raw, len(raw)), "sethostname")
