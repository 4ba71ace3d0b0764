"""Owns what the engine does to and reads of containers beyond their life: pause, update, usage, files, changes.

Counterpart: moby/daemon/{pause,unpause,update,stats,top_unix,changes,archive,export}.go.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from swarmkit_py import errors
from swarmkit_py.model.container import Change, Limits, LimitSupport, PathStat, ProcessTable, Usage
from swarmkit_py.runtime import changes, conmon, top, transfer
from swarmkit_py.runtime.base import Container
from swarmkit_py.runtime.bundle import resources
from swarmkit_py.runtime.cells import Cells
from swarmkit_py.runtime.cgroups import Cgroups
from swarmkit_py.runtime.connect import Connections
from swarmkit_py.runtime.launcher import BOUND_FILES, INIT_PATH, Launcher, possible
from swarmkit_py.runtime.mounts import layer_paths
from swarmkit_py.runtime.probes import Probes


class Extras:
    """ContainerExtras on runc."""

    def __init__(
        self, cells: Cells, shim: conmon.Shim, cgroups: Cgroups, probes: Probes, launcher: Launcher,
        connections: Connections,
    ) -> None:
        self.connect, self.disconnect = connections.connect, connections.disconnect
        self._cells, self._shim, self._cgroups = cells, shim, cgroups
        self._probes, self._launcher = probes, launcher
        self._registry, self._events, self._storage = cells.registry, cells.events, cells.storage

    def limit_support(self) -> LimitSupport:
        """See ContainerExtras."""
        return self._cgroups.support()

    async def pause(self, ref: str) -> None:
        """See ContainerExtras."""
        container_id = self._registry.get(ref).id
        async with self._cells.get(container_id).lock:
            container = self._running(container_id)
            if container.status == "paused":
                raise errors.Conflict(f"Container {container.id} is already paused")
            if not self._cgroups.support().freezer:
                raise errors.Unimplemented(
                    "docker pause needs a cgroup freezer, and this sandbox has no cgroups of its own: only root can "
                    "make them for it")
            await self._shim.pause(container.id)
            self._probes.pause(container.id)
            self._set_status(container.id, "paused", "pause")

    async def unpause(self, ref: str) -> None:
        """See ContainerExtras."""
        container_id = self._registry.get(ref).id
        async with self._cells.get(container_id).lock:
            container = self._registry.get(container_id)
            if container.status != "paused":
                raise errors.Conflict(f"Container {container.id} is not paused")
            await self._shim.resume(container.id)
            self._set_status(container.id, "running", "unpause")
            self._probes.begin(container.id, fresh=False)

    def _set_status(self, container_id: str, status: str, action: str) -> None:
        container = self._registry.update(container_id, status=status)
        self._cells.save_or_note(container_id)
        self._events.publish(action, container)

    async def update(self, ref: str, limits: Limits, restart: tuple[str, int] | None) -> None:
        """See ContainerExtras."""
        container_id = self._registry.get(ref).id
        async with self._cells.get(container_id).lock:
            container = self._registry.get(container_id)
            if restart is not None and restart[0] != "no" and container.config.auto_remove:
                raise errors.Conflict(
                    "Restart policy cannot be updated because AutoRemove is enabled for the container")
            merged = merge_limits(container.config.limits, limits)
            wanted = resources(possible(merged, self._cgroups.support()))
            if container.running and wanted and limits.asked:
                await self._shim.update(container.id, wanted)
            policy = restart or (container.config.restart_policy, container.config.restart_max)
            config = replace(container.config, limits=merged, restart_policy=policy[0], restart_max=policy[1])
            container = self._registry.update(container.id, config=config)
            self._cells.save(container.id)
            self._events.publish("update", container)

    def usage(self, ref: str) -> Usage:
        """See ContainerExtras."""
        container = self._registry.get(ref)
        if not container.running:
            return Usage()
        found = self._cgroups.usage(container.id) or top.usage(self._pids(container))
        return replace(found, networks=top.interfaces(container.pid))

    def _pids(self, container: Container) -> list[int]:
        return [pid for pid, _ in top.processes_like(container.pid)]

    async def processes(self, ref: str, ps_args: str) -> ProcessTable:
        """See ContainerExtras."""
        return await top.table(self._pids(self._running(ref)), ps_args)

    def changes(self, ref: str) -> list[Change]:
        """See ContainerExtras."""
        container_id = self._registry.get(ref).id
        lower = layer_paths(self._cells.get(container_id).image.rootfs)
        mounted = frozenset([INIT_PATH, *(f"/etc/{name}" for name in BOUND_FILES)])
        return changes.compare(self._storage.layers(container_id) / "diff", lower, mounted)

    async def stat_path(self, ref: str, path: str) -> PathStat:
        """See ContainerExtras."""
        container = self._registry.get(ref)
        async with self._root(container) as root:
            child = transfer.Child(root, transfer.look(_absolute(path)))
            try:
                return transfer.path_stat(await _head(child, container, path))
            finally:
                await child.close()

    async def read_archive(self, ref: str, path: str) -> tuple[PathStat, AsyncIterator[bytes]]:
        """See ContainerExtras."""
        container = self._registry.get(ref)
        stream = self._pack(container, path)
        try:
            found = await anext(stream)
        except BaseException:
            await stream.aclose()
            raise
        assert isinstance(found, PathStat)
        return found, _bytes(stream)

    async def _pack(self, container: Container, path: str) -> AsyncGenerator[PathStat | bytes, None]:
        async with self._root(container) as root:
            child = transfer.Child(root, transfer.pack(_absolute(path)))
            try:
                yield transfer.path_stat(await _head(child, container, path))
                async for chunk in child.rest():
                    yield chunk
            finally:
                await child.close()

    async def write_archive(
        self, ref: str, path: str, data: AsyncIterator[bytes], *, keep_kinds: bool, own: bool
    ) -> None:
        """See ContainerExtras."""
        container = self._registry.get(ref)
        if container.config.read_only:
            raise errors.PermissionDenied("container rootfs is marked read-only")
        async with self._root(container) as root:
            owner = self._owner(container, root) if own else None
            child = transfer.Child(root, transfer.unpack(_absolute(path), keep_kinds=keep_kinds, owner=owner))
            try:
                await child.feed(data)
                await _head(child, container, path)
            finally:
                await child.close()

    def _owner(self, container: Container, root: str) -> tuple[int, int]:
        image = self._cells.get(container.id).image
        user = self._launcher.user(container.config.user or str(image.config.get("User") or ""), Path(root), [])
        return user.uid, user.gid

    async def export(self, ref: str) -> AsyncIterator[bytes]:
        """See ContainerExtras. Only what is the container's own: no volumes, no /proc."""
        container = self._registry.get(ref)
        return self._export(container)

    async def _export(self, container: Container) -> AsyncIterator[bytes]:
        async with self._root(container, live=False) as root:
            child = transfer.Child(root, transfer.pack_all)
            try:
                await child.head()
                async for chunk in child.rest():
                    yield chunk
            finally:
                await child.close()

    @asynccontextmanager
    async def _root(self, container: Container, *, live: bool = True) -> AsyncIterator[str]:
        """A container's file system as its processes see it, mounted for the time being if it does not run."""
        if container.running:
            yield f"/proc/{container.pid}/root" if live else str(self._storage.merged(container.id))
            return
        cell = self._cells.get(container.id)
        async with cell.lock:
            merged = self._storage.mount(container.id, cell.image)
            try:
                yield str(merged)
            finally:
                self._storage.unmount(container.id)

    def _running(self, ref: str) -> Container:
        container = self._registry.get(ref)
        if not container.running:
            raise errors.Conflict(f"Container {container.id} is not running")
        return container


def merge_limits(old: Limits, new: Limits) -> Limits:
    """`new` where it says something. A CPU limit in one spelling replaces the other."""
    said = {name: value for name in new.__struct_fields__ if (value := getattr(new, name))}
    if "nano_cpus" in said:
        old = replace(old, cpu_quota=0, cpu_period=0)
    if "cpu_quota" in said or "cpu_period" in said:
        old = replace(old, nano_cpus=0)
    merged = replace(old, **said)
    if 0 < merged.memory_swap < merged.memory:
        raise errors.Conflict(
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same "
            "time")
    return merged


def _absolute(path: str) -> str:
    return path if path.startswith("/") else "/" + path


async def _head(child: transfer.Child, container: Container, path: str) -> dict[str, object]:
    try:
        return await child.head()
    except errors.NotFound:
        raise errors.NotFound(f"Could not find the file {path} in container {container.name}") from None


async def _bytes(stream: AsyncGenerator[PathStat | bytes, None]) -> AsyncIterator[bytes]:
    try:
        async for chunk in stream:
            if isinstance(chunk, bytes):
                yield chunk
    finally:
        await stream.aclose()
