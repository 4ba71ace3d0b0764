"""Owns the protocol of what only some engines can do: freeze, limit anew, count, look into and change files.

Counterpart: the parts of moby/daemon that need containerd or the container's file system.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Protocol

from swarmkit_py.model.container import Change, Limits, LimitSupport, PathStat, ProcessTable, Usage
from swarmkit_py.model.local import LocalPlace


class ContainerExtras(Protocol):
    """What an engine can do besides, where it looks into a container or holds its cgroups itself. Errors as
    ContainerEngine's."""

    def limit_support(self) -> LimitSupport:
        """What can be limited on this machine."""

    async def pause(self, ref: str) -> None:
        """Freeze every process. Raises errors.Conflict if it does not run, errors.Unimplemented without a freezer."""

    async def unpause(self, ref: str) -> None: ...

    async def update(self, ref: str, limits: Limits, restart: tuple[str, int] | None) -> None:
        """New limits (0: as before), a new restart policy (None: as before), also while it runs."""

    async def connect(self, ref: str, place: LocalPlace) -> None:
        """Put it on one more network, at once if it runs, else when it starts. Raises errors.PermissionDenied if it
        is on it, errors.InvalidArgument for one without networks of its own."""

    async def disconnect(self, ref: str, names: Collection[str]) -> str:
        """Take it off the network that goes by one of these names or ids. Returns what it was asked for as. Raises
        errors.Internal (Docker's status) if it is not on it."""

    def usage(self, ref: str) -> Usage:
        """What it uses now; all zero if it does not run."""

    async def processes(self, ref: str, ps_args: str) -> ProcessTable:
        """ps with these options, of this container only."""

    def changes(self, ref: str) -> list[Change]:
        """What it wrote over its image."""

    async def stat_path(self, ref: str, path: str) -> PathStat:
        """Raises errors.NotFound."""

    async def read_archive(self, ref: str, path: str) -> tuple[PathStat, AsyncIterator[bytes]]:
        """A tar of a file or directory; close the iterator (`aclose`) to stop."""

    async def write_archive(
        self, ref: str, path: str, data: AsyncIterator[bytes], *, keep_kinds: bool, own: bool
    ) -> None:
        """Unpack a tar into a directory. `own`: all becomes the container's user's."""

    async def export(self, ref: str) -> AsyncIterator[bytes]:
        """A tar of the whole file system."""
