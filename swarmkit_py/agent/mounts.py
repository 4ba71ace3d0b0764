"""Owns what a node refuses in a task's mounts before it asks its engine. Pure.

Counterpart: moby/daemon/cluster/executor/container/validate.go (its texts).
"""

from __future__ import annotations

from collections.abc import Iterable

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model.mounts import Mount


def check_mounts(mounts: Iterable[Mount]) -> None:
    """Raises InvalidArgument for the first that cannot be (templates are filled in by now)."""
    for mount in mounts:
        source = mount.source or ""
        if not mount.target.startswith("/"):
            raise InvalidArgument(f"invalid mount target, must be an absolute path: {mount.target}")
        if mount.type == "bind" and not source.startswith("/"):
            raise InvalidArgument(f"invalid bind mount source, must be an absolute path: {source}")
        if mount.type == "volume" and source.startswith("/"):
            raise InvalidArgument(f"invalid volume mount source, must not be an absolute path: {source}")
        if mount.type == "tmpfs" and source:
            raise InvalidArgument("invalid tmpfs source, source must be empty")
