"""Owns a ContainerEngine without processes: containers that only take time, for tests and for the simulation.

Nothing here runs a program or touches a file; time is the injected clock's, so a whole swarm can live in virtual
time. What a container does is said beforehand (`outcomes`, by image as it was asked for) or when it should happen
(`exit`, `write`). Counterpart: swarmkit/agent/testutils.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import msgspec

from swarmkit_py import errors
from swarmkit_py.clock import Clock
from swarmkit_py.ids import Ids
from swarmkit_py.runtime.base import (
    Container,
    ContainerConfig,
    ContainerEvent,
    Exec,
    ExecConfig,
    Image,
    ImageStore,
    LogLine,
    LogOptions,
    Sandbox,
    SandboxNetwork,
    SandboxSpec,
)
from swarmkit_py.runtime.base_extras import ContainerExtras
from swarmkit_py.runtime.fake.life import FakeAttached, FakeLife, Outcome
from swarmkit_py.runtime.reference import parse_reference
from swarmkit_py.runtime.registry import EventHub, Registry
from swarmkit_py.runtime.signals import parse_signal

KILLED = 137


class FakeEngine:
    """ContainerEngine by timing only. `unknown_images`: references that create refuses; with `images`, the store
    decides. `created`, `started`: every id in order, for tests to look at."""

    extras: ContainerExtras | None = None

    def __init__(
        self, clock: Clock, ids: Ids, *, network: SandboxNetwork | None = None, images: ImageStore | None = None,
        prepare_seconds: float = 0.0, start_seconds: float = 0.0, outcomes: Mapping[str, Outcome] | None = None,
        unknown_images: tuple[str, ...] = ()
    ) -> None:
        self._clock, self._ids, self._network, self._images = clock, ids, network, images
        self._prepare_seconds, self._start_seconds = prepare_seconds, start_seconds
        self.outcomes: dict[str, Outcome] = dict(outcomes or {})
        self.unknown_images = {parse_reference(name).canonical for name in unknown_images}
        self._registry, self._events = Registry(), EventHub(clock)
        self._lives: dict[str, FakeLife] = {}
        self._execs: dict[str, Exec] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._next_pid = 1000
        self.created: list[str] = []
        self.started: list[str] = []

    # What tests and the simulation say.

    async def exit(self, ref: str, code: int = 0) -> None:
        """The container's process ends by itself, now. No-op if it does not run."""
        await self._ended(self.get(ref).id, code)

    async def write(self, ref: str, data: bytes, stream: str = "stdout") -> None:
        """The container's process writes one line."""
        life = self._lives[self.get(ref).id]
        life.write(LogLine(time=self._clock.now(), stream=stream, data=data))
        await life.tell()

    # ContainerEngine.

    async def create(self, config: ContainerConfig) -> Container:
        """See ContainerEngine; takes `prepare_seconds`."""
        image = self._image(config.image)
        container_id = self._ids.container_id()
        name = self._registry.reserve_name(config.name, container_id)
        try:
            await self._clock.sleep(self._prepare_seconds)
        except BaseException:
            self._registry.release_name(name)
            raise
        path, *args = [*(config.command or ["fake"]), *(config.args or [])]
        container = self._registry.put(Container(
            id=container_id, name=name, config=config, image_id=image.id, path=path, args=args,
            created=self._clock.now()))
        self._lives[container_id] = FakeLife(self.outcomes.get(config.image, Outcome()))
        self.created.append(container_id)
        self._events.publish("create", container)
        return container

    def _image(self, ref: str) -> Image:
        if self._images is not None:
            return self._images.resolve(ref)
        reference = parse_reference(ref)
        if reference.canonical in self.unknown_images:
            raise errors.NotFound(f"No such image: {reference.familiar}")
        return Image(id="sha256:" + "0" * 64, tags=[reference.familiar])

    async def start(self, ref: str) -> Container:
        """See ContainerEngine; takes `start_seconds`. Raises what the image's outcome says."""
        container = self.get(ref)
        life = self._lives[container.id]
        if container.running:
            return container
        sandbox = await self._sandbox(container)
        try:
            await self._clock.sleep(self._start_seconds)
            if life.outcome.start_error:
                raise errors.InvalidArgument(life.outcome.start_error)
        except BaseException as error:
            await self._release(container.id)
            self._registry.update(container.id, error=str(error), exit_code=127)
            raise
        return await self._running(container.id, sandbox, life)

    async def _running(self, container_id: str, sandbox: Sandbox, life: FakeLife) -> Container:
        self._next_pid += 1
        life.run += 1
        container = self._registry.update(
            container_id, status="running", pid=self._next_pid, started_at=self._clock.now(), sandbox=sandbox,
            exit_code=0, error="")
        self.started.append(container_id)
        self._events.publish("start", container)
        if life.outcome.exit_code is not None:
            task = asyncio.get_running_loop().create_task(self._exit_later(container_id, life, life.run))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return container

    async def _exit_later(self, container_id: str, life: FakeLife, run: int) -> None:
        await self._clock.sleep(life.outcome.after)
        if life.run == run and life.outcome.exit_code is not None:
            await self._ended(container_id, life.outcome.exit_code)

    async def _sandbox(self, container: Container) -> Sandbox:
        wanted = container.config.sandbox or SandboxSpec(id=container.id)
        spec = msgspec.structs.replace(wanted, id=container.id)
        if self._network is not None:
            return await self._network.create_sandbox(spec)
        return Sandbox(id=container.id, path="" if spec.mode == "host" else f"/fake/{container.id[:12]}",
                       overlays=spec.overlays, ports=spec.ports)

    async def _release(self, container_id: str) -> None:
        if self._network is not None:
            await self._network.remove_sandbox(container_id)

    async def _ended(self, container_id: str, code: int) -> None:
        life = self._lives.get(container_id)
        if life is None or not self.get(container_id).running:
            return
        container = self._registry.update(
            container_id, status="exited", pid=0, exit_code=code, finished_at=self._clock.now(), sandbox=None)
        life.end(code)
        await self._release(container_id)
        self._events.publish("die", container, exitCode=str(code))
        if container.config.auto_remove:
            await self._destroy(container_id)
        await life.tell()

    async def stop(self, ref: str, grace: float | None = None) -> None:
        """See ContainerEngine. One that ignores the signal takes the whole grace."""
        container = self.get(ref)
        if not container.running:
            return
        code = 0
        if self._lives[container.id].outcome.ignores_stop:
            await self._clock.sleep(container.config.stop_grace if grace is None else grace)
            code = KILLED
        await self._ended(container.id, code)
        self._events.publish("stop", container)

    async def kill(self, ref: str, signal: str = "KILL") -> None:
        """See ContainerEngine. Any signal ends it, as a program without handlers."""
        container = self.get(ref)
        number = parse_signal(signal)
        if not container.running:
            raise errors.Conflict(
                f"Cannot kill container: {container.name}: Container {container.id} is not running")
        self._events.publish("kill", container, signal=str(number))
        await self._ended(container.id, 128 + number)

    async def wait(self, ref: str, condition: str = "not-running") -> int:
        """See ContainerEngine."""
        container = self.get(ref)
        life = self._lives[container.id]
        if condition in ("", "not-running") and not container.running:
            return container.exit_code
        ends = life.ends
        async with life.changed:
            while container.id in self._lives and (condition == "removed" or life.ends == ends):
                await life.changed.wait()
        return life.exit_code

    async def remove(self, ref: str, force: bool = False, *, volumes: bool = False) -> None:
        """See ContainerEngine."""
        container = self.get(ref)
        if container.running:
            if not force:
                raise errors.Conflict(
                    f"You cannot remove a running container {container.id}. Stop the container before attempting "
                    "removal or force remove")
            await self._ended(container.id, KILLED)
        if self._known(container.id) is not None:
            await self._destroy(container.id)

    async def _destroy(self, container_id: str) -> None:
        life = self._lives.pop(container_id)
        life.let_go()
        container = self._registry.drop(container_id)
        if container is not None:
            self._events.publish("destroy", container)
        await life.tell()

    def _known(self, container_id: str) -> Container | None:
        return self.get(container_id) if container_id in self._lives else None

    async def rename(self, ref: str, name: str) -> None:
        """See ContainerEngine."""
        container = self.get(ref)
        chosen = self._registry.reserve_name(name, container.id)
        self._registry.release_name(container.name)
        self._events.publish("rename", self._registry.update(container.id, name=chosen), oldName=container.name)

    def get(self, ref: str) -> Container:
        """See ContainerEngine."""
        return self._registry.get(ref)

    def all(self) -> list[Container]:
        """See ContainerEngine."""
        return self._registry.all()

    def subscribe(self) -> AsyncIterator[ContainerEvent]:
        """See ContainerEngine."""
        return self._events.subscribe()

    async def logs(self, ref: str, options: LogOptions) -> AsyncIterator[LogLine]:
        """See ContainerEngine: the lines given to `write`."""
        container_id = self.get(ref).id
        life = self._lives[container_id]
        start = 0 if options.tail < 0 else max(0, len(life.lines) - options.tail)
        while True:
            lines = life.lines[start:]
            start += len(lines)
            for line in lines:
                if options.stdout and line.stream == "stdout" or options.stderr and line.stream == "stderr":
                    yield line
            known = self._known(container_id)
            if not options.follow or known is None or not known.running:
                return
            async with life.changed:
                if start == len(life.lines) and self._known(container_id) == known:
                    await life.changed.wait()

    async def attach(self, ref: str) -> FakeAttached:
        """See ContainerEngine: what is written from now on, until the next end."""
        attached = FakeAttached()
        self._lives[self.get(ref).id].attached.append(attached)
        return attached

    async def resize(self, ref: str, rows: int, columns: int) -> None:
        """There is no terminal."""
        self.get(ref)

    async def top(self, ref: str) -> list[tuple[int, str]]:
        """Its one pretended process."""
        container = self.get(ref)
        return [(container.pid, " ".join([container.path, *container.args]))] if container.running else []

    def exec_create(self, ref: str, config: ExecConfig) -> Exec:
        """See ContainerEngine; the command ends with 0 at once when it is started."""
        container = self.get(ref)
        if not container.running:
            raise errors.Conflict(f"Container {container.id} is not running")
        made = Exec(id=self._ids.container_id(), container_id=container.id, config=config)
        self._execs[made.id] = made
        return made

    async def exec_start(self, exec_id: str) -> FakeAttached:
        """See ContainerEngine."""
        self._execs[exec_id] = msgspec.structs.replace(self.exec_get(exec_id), running=False, exit_code=0)
        attached = FakeAttached()
        attached.end()
        return attached

    async def exec_resize(self, exec_id: str, rows: int, columns: int) -> None:
        """There is no terminal."""
        self.exec_get(exec_id)

    def exec_get(self, exec_id: str) -> Exec:
        """See ContainerEngine."""
        try:
            return self._execs[exec_id]
        except KeyError:
            raise errors.NotFound(f"No such exec instance: {exec_id}") from None
