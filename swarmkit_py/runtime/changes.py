"""Owns what a container changed in its file system, read from overlayfs's upper directory. Knows no container.

Counterpart: moby/pkg/archive/changes_linux.go (overlayChanges).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from swarmkit_py.model.container import Change

MODIFIED, ADDED, DELETED = 0, 1, 2
_OPAQUE = ("user.overlay.opaque", "trusted.overlay.opaque")


def compare(upper: Path, lower: list[Path], hidden: frozenset[str] = frozenset()) -> list[Change]:
    """By path. `lower`: the image's layers, top first. `hidden`: paths that the runtime made, for its mounts."""
    found = sorted(_walk(upper, Path("/"), lower), key=lambda change: change.path)
    shown = [change for change in found if change.path not in hidden]
    holders = {str(Path(path).parent) for path in hidden}
    return [change for change in shown if change.path not in holders or change.kind == DELETED
            or any(other.path.startswith(change.path + "/") for other in shown)]


def _walk(directory: Path, place: Path, lower: list[Path]) -> Iterator[Change]:
    for entry in os.scandir(directory):
        path = place / entry.name
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
            yield Change(path=str(path), kind=DELETED)
            continue
        there = _there(path, lower)
        yield Change(path=str(path), kind=MODIFIED if there else ADDED)
        if stat.S_ISDIR(status.st_mode):
            yield from _walk(Path(entry.path), path, [] if _opaque(entry.path) else lower)


def _there(path: Path, lower: list[Path]) -> bool:
    """Is it in the image? The top layer that says anything decides."""
    for layer in lower:
        try:
            status = (layer / path.relative_to("/")).lstat()
        except OSError:
            continue
        return not (stat.S_ISCHR(status.st_mode) and status.st_rdev == 0)
    return False


def _opaque(path: str) -> bool:
    """Does it hide what the image has below it?"""
    for name in _OPAQUE:
        try:
            if os.getxattr(path, name) == b"y":
                return True
        except OSError:
            continue
    return False
