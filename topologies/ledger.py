"""Owns the record of what one cluster made outside its sandbox, and the removal of exactly that.

The ledger is written before anything is made, and removed after everything else. Whoever removes holds the lock and
compares the run's id first, so that two of them, or a new cluster of the same name, cannot meet. No counterpart in
SwarmKit.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from swarmkit_py.errors import AlreadyExists, FailedPrecondition
from topologies import cgroups, places
from topologies.processes import Process

_DYING_SECONDS = 10.0
_BUSY_SECONDS = 3.0
LOCK = ".lock"


class Ledger(NamedTuple):
    """What one cluster made, and which of our processes keep it. Paths are absolute."""

    run_id: str
    name: str
    topology: str
    run_dir: str
    keeper: Process
    init: Process | None = None
    first_id: int = 0
    cgroups: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The ledger's own file."""
        return Path(self.run_dir + ".json")

    def alive(self) -> bool:
        """Whether somebody still keeps this cluster."""
        return self.keeper.alive()


def claim(ledger: Ledger) -> None:
    """Write a new ledger; the name is ours from here on. Raises AlreadyExists."""
    with _locked(ledger.path.parent):
        sweep_locked(ledger.path.parent)
        if ledger.path.exists():
            raise AlreadyExists(
                f"{ledger.name!r} is already running. Stop it with 'lab down {ledger.name}', or give another --name."
            )
        _write(ledger)
        failed_log(ledger).unlink(missing_ok=True)


def failed_log(ledger: Ledger) -> Path:
    """Where the log of a start that went wrong is kept; the next start of that name removes it."""
    return Path(ledger.run_dir + ".failed.log")


def update(ledger: Ledger) -> None:
    """Replace the ledger of the same run at once."""
    with _locked(ledger.path.parent):
        _write(ledger)


def _write(ledger: Ledger) -> None:
    temporary = ledger.path.with_name(f".{ledger.name}.{os.getpid()}")
    temporary.write_text(json.dumps(ledger._asdict()))
    temporary.replace(ledger.path)


def read(path: Path) -> Ledger | None:
    """The ledger in `path`; None if there is none, or none that can be understood."""
    try:
        return parse(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def parse(data: dict[str, Any]) -> Ledger:
    """A ledger from its JSON form. Raises KeyError, TypeError or ValueError."""
    init = Process(*data.pop("init")) if data["init"] else data.pop("init")
    return Ledger(
        keeper=Process(*data.pop("keeper")), init=init, cgroups=tuple(data.pop("cgroups")), **data
    )


def ledgers(base: Path) -> list[Ledger]:
    """All ledgers in one base, by name."""
    found = (read(path) for path in sorted(base.glob("[a-z0-9]*.json")))
    return [ledger for ledger in found if ledger is not None]


def remove(ledger: Ledger) -> None:
    """Remove all that this ledger names, once its sandbox has ended; does nothing if that was done before."""
    if ledger.init is not None:
        ledger.init.wait(_DYING_SECONDS)
    try:
        with _locked(ledger.path.parent):
            _remove_locked(ledger)
    except FailedPrecondition:  # all that lay below it is gone, as when a user logs out: what lies elsewhere is left
        _remove_cgroups(ledger.cgroups)


def sweep(base: Path) -> None:
    """Remove what clusters left whose keeper is gone."""
    if base.is_dir():
        with _locked(base):
            sweep_locked(base)


def sweep_locked(base: Path) -> None:
    """As `sweep`, for who holds the lock."""
    for ledger in ledgers(base):
        if not ledger.alive():
            if ledger.init is not None:
                ledger.init.wait(_DYING_SECONDS)
            _remove_locked(ledger)


def _remove_locked(ledger: Ledger) -> None:
    left = _remove_cgroups(ledger.cgroups)  # named by their run: they are this one's, whatever became of its ledger
    current = read(ledger.path)
    if current is None or current.run_id != ledger.run_id:
        return
    remove_tree(Path(current.run_dir))
    if left:
        _write(current._replace(cgroups=left))  # for the next sweep: it must not be forgotten
    else:
        ledger.path.unlink(missing_ok=True)


def remove_tree(path: Path) -> None:
    """Remove a directory and all in it, without following any link out of it."""
    if not path.is_dir() or path.is_symlink():
        return
    for _, directories, files, fd in os.fwalk(path, topdown=False, follow_symlinks=False):
        for name in files:
            os.unlink(name, dir_fd=fd)
        for name in directories:
            try:
                os.rmdir(name, dir_fd=fd)
            except NotADirectoryError:
                os.unlink(name, dir_fd=fd)
    path.rmdir()


def _remove_cgroups(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Those that could not be removed. The kernel takes a moment to let go of processes that have just ended."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        paths = tuple(path for path in paths if not cgroups.remove(Path(path)))
        if not paths or time.monotonic() > deadline:
            return paths
        select.select([], [], [], 0.02)  # there is nothing to wait for: a cgroup does not say when it is free


@contextmanager
def _locked(base: Path) -> Iterator[None]:
    """One at a time. The base itself is ours too: whoever leaves it empty takes it away."""
    fd = _lock(base)
    try:
        yield
    finally:
        if [path.name for path in base.iterdir()] == [LOCK]:
            (base / LOCK).unlink()
            with suppress(OSError):  # the next one has made a lock of its own in it, just now
                base.rmdir()
        os.close(fd)


def _lock(base: Path) -> int:
    """Raises FailedPrecondition if there is no place for `base`: /run/user/UID goes when its user logs out."""
    while True:
        try:
            places.make_private(base)
            fd = os.open(base / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            if not base.parent.is_dir():
                raise FailedPrecondition(f"{base.parent} is gone: log in anew, or set XDG_RUNTIME_DIR.") from None
            continue  # removed by the one who was last, just now
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return fd
        os.close(fd)  # we waited for a lock that went away with the base
