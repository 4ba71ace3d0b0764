"""Owns the ContainerEngine: containers of this machine, on runc and conmon. Composes; decides little itself.

Knows networks only as `SandboxNetwork`. Counterpart: moby/daemon/daemon.go.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from swarmkit_py import errors
from swarmkit_py.clock import Clock
from swarmkit_py.ids import Ids
from swarmkit_py.runtime import attach, capabilities, cgroups, health, mounts
from swarmkit_py.runtime.attach import ConmonAttached
from swarmkit_py.runtime.base import (
    Container,
    ContainerConfig,
    ContainerEvent,
    Exec,
    ExecConfig,
    ImageStore,
    LogLine,
    LogOptions,
    SandboxNetwork,
)
from swarmkit_py.runtime.base_extras import ContainerExtras
from swarmkit_py.runtime.base_mounts import ContainerFile, VolumeStore
from swarmkit_py.runtime.bundle import ProcessSpec
from swarmkit_py.runtime.cells import Cells
from swarmkit_py.runtime.conmon import Shim
from swarmkit_py.runtime.connect import Connections
from swarmkit_py.runtime.execs import Execs
from swarmkit_py.runtime.extras import Extras
from swarmkit_py.runtime.launcher import Launcher, effective_hostname
from swarmkit_py.runtime.lifecycle import Lifecycle
from swarmkit_py.runtime.logs import DirectoryWatch, read_logs
from swarmkit_py.runtime.mount_points import drop_anonymous, make_mounts
from swarmkit_py.runtime.mount_specs import Wanted, wanted_mounts
from swarmkit_py.runtime.probes import Probes
from swarmkit_py.runtime.program import command_line, environment, merge_environment, stop_signal
from swarmkit_py.runtime.registry import EventHub, Registry
from swarmkit_py.runtime.rotate import check_log
from swarmkit_py.runtime.secret_files import without_data
from swarmkit_py.runtime.signals import parse_signal
from swarmkit_py.runtime.storage import Storage
from swarmkit_py.runtime.takeover import take_over
from swarmkit_py.runtime.top import processes_like
from swarmkit_py.runtime.volumes import LocalVolumes


class Engine:
    """ContainerEngine on runc and conmon. Must be made, and used, inside a running event loop.

    After construction call `restore` once; at the end of the daemon `close` (containers run on)."""

    def __init__(
        self, *, network: SandboxNetwork, images: ImageStore, clock: Clock, ids: Ids, data_root: Path,
        exec_root: Path, cgroup_parent: str = "", volumes: VolumeStore | None = None,
    ) -> None:
        self._volumes = volumes or LocalVolumes(data_root / "volumes", clock, ids)
        self._images, self._clock, self._ids = images, clock, ids
        self._id_map = mounts.read_id_map()
        self._cgroups = cgroups.find(cgroup_parent, Path("/proc/self/mountinfo").read_text())
        sealed = self._cgroups.there or mounts.seal_cgroups(self._id_map)
        self._storage = Storage(data_root.absolute(), exec_root.absolute(), self._id_map)
        shim = Shim(exec_root.absolute(), sealed=sealed)
        self._launcher = Launcher(self._storage, shim, self._id_map, self._cgroups)
        self._shim = shim
        self._registry, self._events = Registry(), EventHub(clock)
        self._cells = Cells(self._registry, self._events, self._storage, network, self._volumes)
        self._probes = Probes(self._cells, clock, lambda: self)
        self._life = Lifecycle(
            cells=self._cells, launcher=self._launcher, shim=shim, network=network, clock=clock, probes=self._probes,
            cgroups=self._cgroups)
        self.extras: ContainerExtras | None = Extras(
            self._cells, shim, self._cgroups, self._probes, self._launcher, Connections(self._cells, network))
        self._execs = Execs(shim, exec_root.absolute(), ids, self._id_map, self._exec_ended)

    async def restore(self) -> None:
        """Take over the containers a former daemon left under the same data root."""
        await take_over(self._cells, self._life, self._shim, self._probes)

    async def close(self) -> None:
        """Stop watching; containers and their logs go on without us."""
        self._cells.cancel()
        self._execs.cancel()

    async def create(self, config: ContainerConfig) -> Container:
        """See ContainerEngine. Everything that can be known to be wrong is refused here, not at start."""
        image = self._images.resolve(config.image)
        path, *args = command_line(config, image)
        capabilities.effective(config.cap_add, config.cap_drop, privileged=config.privileged)
        parse_signal(stop_signal(config, image))
        health.check(config.health)
        check_log(config.log.driver, config.log.options)
        config = msgspec.structs.replace(config, health=health.merged(config.health, health.of_image(image.config)))
        wanted = wanted_mounts(config, image)
        container_id = self._ids.container_id()
        name = self._registry.reserve_name(config.name, container_id)
        stored = msgspec.structs.replace(config, files=without_data(config.files))
        container = Container(
            id=container_id, name=name, config=stored, image_id=image.id, path=path, args=args,
            created=self._clock.now(), log_path=str(self._storage.log(container_id)))
        try:
            container = self._provide(container, wanted, config.files)
            self._life.add(container, image)
        except errors.SwarmError:
            drop_anonymous(container.mounts, set(), self._volumes)
            self._registry.release_name(name)
            self._storage.destroy(container_id)
            raise
        self._events.publish("create", container)
        return container

    def _provide(self, container: Container, wanted: list[Wanted], files: list[ContainerFile]) -> Container:
        """Make what the container needs beside its root."""
        self._storage.files.put(container.id, files)
        return msgspec.structs.replace(container, mounts=make_mounts(wanted, self._volumes))

    async def start(self, ref: str) -> Container:
        """See ContainerEngine."""
        return await self._life.start(self.get(ref).id)

    async def stop(self, ref: str, grace: float | None = None) -> None:
        """See ContainerEngine."""
        await self._life.stop(self.get(ref).id, grace)

    async def kill(self, ref: str, signal: str = "KILL") -> None:
        """See ContainerEngine."""
        self._life.kill(self.get(ref).id, signal)

    async def wait(self, ref: str, condition: str = "not-running") -> int:
        """See ContainerEngine."""
        return await self._life.wait(self.get(ref).id, condition)

    async def remove(self, ref: str, force: bool = False, *, volumes: bool = False) -> None:
        """See ContainerEngine."""
        container_id = self.get(ref).id
        await self._life.remove(container_id, force, volumes=volumes)
        self._execs.forget(container_id)

    async def rename(self, ref: str, name: str) -> None:
        """Raises errors.Conflict for a name in use, errors.InvalidArgument for one that cannot be."""
        container = self.get(ref)
        if not name:
            raise errors.InvalidArgument("Neither old nor new names may be empty")
        if name.lstrip("/") == container.name:
            raise errors.InvalidArgument("Renaming a container with the same name as its current name")
        chosen = self._registry.reserve_name(name, container.id)
        self._registry.release_name(container.name)
        renamed = self._registry.update(container.id, name=chosen)
        self._cells.save(container.id)
        self._events.publish("rename", renamed, oldName=f"/{container.name}")

    def get(self, ref: str) -> Container:
        """See ContainerEngine."""
        return self._registry.get(ref)

    def all(self) -> list[Container]:
        """Newest first."""
        return self._registry.all()

    def subscribe(self) -> AsyncIterator[ContainerEvent]:
        """See ContainerEngine."""
        return self._events.subscribe()

    async def logs(self, ref: str, options: LogOptions) -> AsyncIterator[LogLine]:
        """See ContainerEngine. Saving a container's state at its end wakes the follower: it writes beside the log."""
        container_id = self.get(ref).id
        home = self._storage.home(container_id)

        def ended() -> bool:
            try:
                return self.get(container_id).status not in ("running", "paused", "restarting")
            except errors.NotFound:
                return True

        watch = DirectoryWatch(home) if options.follow and not ended() else None
        try:
            async for line in read_logs(self._storage.log(container_id), options, ended, watch):
                yield line
        finally:
            if watch is not None:
                watch.close()

    async def attach(self, ref: str) -> ConmonAttached:
        """See ContainerEngine."""
        container = self.get(ref)
        attached = ConmonAttached()
        if container.running:
            await attached.bind(self._storage.place(container.id).attach_socket)
        else:
            self._cells.get(container.id).waiting.append(attached)
        self._events.publish("attach", container)
        return attached

    async def resize(self, ref: str, rows: int, columns: int) -> None:
        """Raises errors.Conflict if it does not run."""
        container = self._running(ref)
        attach.resize(self._storage.place(container.id).control, rows, columns)

    async def top(self, ref: str) -> list[tuple[int, str]]:
        """See ContainerEngine."""
        container = self.get(ref)
        if not container.running:
            raise errors.Conflict(f"Container {container.id} is not running")
        return processes_like(container.pid)

    def exec_create(self, ref: str, config: ExecConfig) -> Exec:
        """Raises errors.Conflict if the container does not run."""
        container = self._running(ref)
        if not config.args:
            raise errors.InvalidArgument("No exec command specified")
        made = self._execs.create(container.id, config, self._exec_process(container, config))
        self._events.publish(f"exec_create: {' '.join(config.args)}", container, execID=made.id)
        return made

    def _exec_process(self, container: Container, config: ExecConfig) -> ProcessSpec:
        image, base = self._cells.get(container.id).image, container.config
        env = environment(msgspec.structs.replace(base, tty=config.tty), image, effective_hostname(container))
        user = config.user or base.user or str(image.config.get("User") or "")
        return ProcessSpec(
            args=config.args,
            env=merge_environment(env, config.env),
            working_dir=config.working_dir or base.working_dir or str(image.config.get("WorkingDir") or "/"),
            user=self._launcher.user(user, self._storage.merged(container.id), base.groups),
            capabilities=capabilities.effective(
                base.cap_add, base.cap_drop, privileged=base.privileged or config.privileged),
            tty=config.tty,
            ulimits=tuple(base.ulimits),
        )

    async def exec_start(self, exec_id: str) -> ConmonAttached:
        """Raises errors.Conflict (second time, or its container ended), errors.InvalidArgument (no such program)."""
        made = self._execs.get(exec_id)
        container = self._running(made.container_id)
        attached = await self._execs.start(exec_id)
        self._events.publish(f"exec_start: {' '.join(made.config.args)}", container, execID=exec_id)
        return attached

    async def exec_resize(self, exec_id: str, rows: int, columns: int) -> None:
        """Raises errors.Conflict if it has ended."""
        await self._execs.resize(exec_id, rows, columns)

    def exec_get(self, exec_id: str) -> Exec:
        """Raises errors.NotFound."""
        return self._execs.get(exec_id)

    def exec_forget(self, exec_id: str) -> None:
        """Nobody will ask for this one any more."""
        self._execs.forget_one(exec_id)

    def _exec_ended(self, ended: Exec) -> None:
        try:
            container = self.get(ended.container_id)
        except errors.NotFound:
            return
        self._events.publish("exec_die", container, execID=ended.id, exitCode=str(ended.exit_code))

    def _running(self, ref: str) -> Container:
        container = self.get(ref)
        if not container.running:
            raise errors.Conflict(f"Container {container.id} is not running")
        if container.status == "paused":
            raise errors.Conflict(f"Container {container.name} is paused, unpause the container before exec")
        return container
