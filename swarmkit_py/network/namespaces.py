"""Owns network namespaces as files: making one, doing something inside one, removing one. Must not know what is in
it.

A namespace belongs to a thread: each visit takes a thread of its own that ends afterwards, so no thread that goes on
living is ever left in the wrong one. Counterpart: moby/libnetwork/osl/namespace_linux.go.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from swarmkit_py import errors

CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MNT_DETACH = 2
NSFS_MAGIC = 0x6E736673
T = TypeVar("T")
_libc = ctypes.CDLL(None, use_errno=True)


def make(path: Path, prepare: Callable[[], T]) -> T:
    """Make a namespace, run `prepare` in it, and pin it as the file `path`. Raises errors.Internal."""

    def made() -> T:
        _call(_libc.unshare(CLONE_NEWNET), f"make a network namespace for {path}")
        result = prepare()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        source = b"/proc/thread-self/ns/net"
        _call(_libc.mount(source, os.fsencode(path), b"none", MS_BIND, None), f"bind a network namespace to {path}")
        return result

    return _in_thread(made)


def adopt(source: str, path: Path) -> None:
    """Pin the namespace that somebody else made at `source` as the file `path` too. Raises errors.Internal."""
    remove(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    _call(_libc.mount(os.fsencode(source), os.fsencode(path), b"none", MS_BIND, None), f"bind {source} to {path}")


def inside(path: str, action: Callable[[], T]) -> T:
    """Run `action` in the namespace pinned at `path`; "" means here. Raises errors.NotFound if there is none."""
    if not path:
        return action()

    def entered() -> T:
        fd = open_namespace(path)
        try:
            _call(_libc.setns(fd, CLONE_NEWNET), f"enter the network namespace {path}")
        finally:
            os.close(fd)
        return action()

    return _in_thread(entered)


def open_namespace(path: str) -> int:
    """A file descriptor of the namespace; the caller closes it. Raises errors.NotFound."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise errors.NotFound(f"no network namespace at {path}: {error.strerror}") from error


def pinned(path: Path) -> bool:
    """True if `path` is a pinned namespace, not just the file a crash or a reboot left behind."""
    buffer = ctypes.create_string_buffer(256)
    if _libc.statfs(os.fsencode(path), buffer) != 0:
        return False
    return ctypes.c_long.from_buffer(buffer).value == NSFS_MAGIC


def remove(path: Path) -> None:
    """Unpin it; the kernel removes it when its last process is gone. Idempotent."""
    while pinned(path):
        _call(_libc.umount2(os.fsencode(path), MNT_DETACH), f"unmount {path}")
    path.unlink(missing_ok=True)


def _call(result: int, what: str) -> None:
    if result != 0:
        raise errors.Internal(f"{what}: {os.strerror(ctypes.get_errno())}")


def _in_thread(action: Callable[[], T]) -> T:
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(action())
        except BaseException as error:  # noqa: BLE001 - carried over to the waiting thread, and raised there
            failure.append(error)

    thread = threading.Thread(target=run, name="netns")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
