"""Owns the life of containers: started, watched, ended, started again, removed.

The end of a container is noticed by the end of its conmon (a pidfd in the event loop), never by polling. Knows no
exec, log or attach beyond handing them on. Counterpart: moby/daemon/{start,stop,kill,delete,monitor}.go.
"""

from __future__ import annotations

import asyncio
from typing import Any

from swarmkit_py import errors
from swarmkit_py.clock import Clock
from swarmkit_py.runtime import conmon, process, restart
from swarmkit_py.runtime.base import Container, Image, Sandbox, SandboxNetwork
from swarmkit_py.runtime.cells import Cell, Cells, promise, resolve
from swarmkit_py.runtime.cgroups import Cgroups
from swarmkit_py.runtime.connect import start_spec
from swarmkit_py.runtime.launcher import Launcher, Running
from swarmkit_py.runtime.probes import Probes
from swarmkit_py.runtime.program import stop_signal
from swarmkit_py.runtime.rotate import keep_rotating
from swarmkit_py.runtime.signals import parse_signal

KILLED = 137
PARALLEL_STARTS = 4
"""More would only make each of them slower: a start is processor time of runc, and machines for labs are small."""


class Lifecycle:
    """All containers of one engine, from create to remove."""

    def __init__(
        self, *, cells: Cells, launcher: Launcher, shim: conmon.Shim, network: SandboxNetwork, clock: Clock,
        probes: Probes, cgroups: Cgroups,
    ) -> None:
        self._probes, self._cgroups = probes, cgroups
        self._cells, self._launcher, self._shim = cells, launcher, shim
        self._network, self._clock = network, clock
        self._registry, self._events, self._storage = cells.registry, cells.events, cells.storage
        self._slots = asyncio.Semaphore(PARALLEL_STARTS)

    def add(self, container: Container, image: Image) -> None:
        """A container was made; nothing runs yet. Raises errors.Internal (disk)."""
        self._storage.create(container.id)
        self._cells.put(container, Cell(image=image))
        try:
            self._cells.save(container.id)
        except errors.SwarmError:
            self._cells.forget(container.id)
            raise

    async def start(self, container_id: str) -> Container:
        """Start it; no-op if it runs. Raises SwarmError; the container then is as before, with `error` set.

        A start that has begun goes on though its caller is cancelled: half a start could not be told from none."""
        cell = self._cells.get(container_id)
        cell.cancel_restart()
        cell.stopped_by_user, cell.last_delay = False, 0.0
        return await asyncio.shield(self._cells.spawn(self._start(container_id, cell)))

    async def _start(self, container_id: str, cell: Cell) -> Container:
        async with cell.lock:
            self._cells.get(container_id)
            container = self._registry.get(container_id)
            if container.status == "paused":
                raise errors.Conflict("cannot start a paused container, try unpause instead")
            if container.running:
                return container
            async with self._slots:
                try:
                    return await self._launch(container, cell)
                except BaseException as error:
                    await self._failed(container, cell, error)
                    raise

    async def _launch(self, container: Container, cell: Cell) -> Container:
        sandbox = await self._sandbox(container)
        cell.running = await self._launcher.launch(container, cell.image, sandbox, cell.waiting)
        cell.waiting = []
        cell.started = self._clock.monotonic()
        container = self._registry.update(
            container.id, status="running", pid=cell.running.pid, started_at=self._clock.now(), exit_code=0, error="",
            sandbox=sandbox, oom_killed=False)
        self._probes.begin(container.id, fresh=True)
        container = self._registry.get(container.id)
        self._cells.save(container.id)
        self._events.publish("start", container)
        self.watch(container.id, cell, cell.running)
        return container

    async def _sandbox(self, container: Container) -> Sandbox:
        return await self._network.create_sandbox(start_spec(container))

    async def _failed(self, container: Container, cell: Cell, error: BaseException) -> None:
        """Undo a start that did not come about, and say why in the container."""
        if cell.running is not None:
            await self._shim.delete(container.id)
        cell.running = None
        self._cgroups.remove(container.id)
        cell.fail_waiting()
        self._storage.drop_bundle(container.id)
        text = str(error) or type(error).__name__
        self._registry.update(
            container.id, status="created" if container.status == "created" else "exited", pid=0, sandbox=None,
            error=text, exit_code=conmon.start_exit_code(text) or 128)
        await self._cells.release(container.id)
        if container.config.auto_remove:
            await self._cells.destroy(container.id, volumes=True)
        else:
            self._cells.save_or_note(container.id)

    def watch(self, container_id: str, cell: Cell, running: Running) -> None:
        """Notice the end of a running container, whenever it comes."""
        rotating = self._cells.spawn(self._rotate(container_id))

        async def until_the_end() -> None:
            await process.ended(running.conmon_pid)
            rotating.cancel()
            async with cell.lock:
                if cell.running is running:
                    await self.ended(container_id, cell)

        self._cells.spawn(until_the_end())

    async def _rotate(self, container_id: str) -> None:
        config, storage = self._registry.get(container_id).config, self._storage
        await keep_rotating(
            storage.log(container_id), storage.place(container_id).control, config.log, self._clock)

    async def ended(self, container_id: str, cell: Cell) -> None:
        """The process is over: read its exit code, tidy up, tell everybody, and maybe start it again."""
        self._probes.end(container_id)
        code = self._storage.exit_code(container_id)
        if code is None:
            await self._shim.delete(container_id)
        oom_killed = self._cgroups.oom_killed(container_id)
        await self._shim.forget(container_id)
        self._cgroups.remove(container_id)
        self._storage.drop_bundle(container_id)
        await self._cells.release(container_id)
        cell.running = None
        self._registry.update(
            container_id, status="exited", pid=0, exit_code=KILLED if code is None else code, sandbox=None,
            error="its conmon process was killed" if code is None else "", finished_at=self._clock.now(),
            oom_killed=oom_killed)
        if oom_killed:
            self._events.publish("oom", self._registry.get(container_id))
        self._plan_restart(container_id, cell)
        self._cells.save_or_note(container_id)
        container = self._registry.get(container_id)
        self._events.publish("die", container, exitCode=str(container.exit_code))
        if container.config.auto_remove:
            await self._cells.destroy(container_id, volumes=True)
        resolve(cell.exit_waiters, container.exit_code)

    def _plan_restart(self, container_id: str, cell: Cell) -> None:
        container = self._registry.get(container_id)
        decision = restart.decide(
            container.config.restart_policy, container.config.restart_max, exit_code=container.exit_code,
            restarts=container.restart_count, ran=self._clock.monotonic() - cell.started,
            last_delay=cell.last_delay, stopped_by_user=cell.stopped_by_user)
        if decision.delay is not None:
            self.restart_after(container_id, cell, decision.delay)

    def restart_after(self, container_id: str, cell: Cell, delay: float) -> None:
        """Start it again in `delay` seconds, unless somebody starts, stops or removes it before."""
        cell.last_delay = delay
        self._registry.update(container_id, status="restarting")
        cell.restart = self._cells.spawn(self._restart(container_id, cell, delay))

    async def _restart(self, container_id: str, cell: Cell, delay: float) -> None:
        await self._clock.sleep(delay)
        cell.restart = None
        self._registry.update(container_id, restart_count=self._registry.get(container_id).restart_count + 1)
        try:
            await self._start(container_id, cell)
        except errors.SwarmError:
            pass  # recorded in the container's `error` by _failed

    async def stop(self, container_id: str, grace: float | None) -> None:
        """Stop signal, grace, SIGKILL; returns once it ended. No-op if it does not run."""
        cell = self._cells.get(container_id)
        cell.stopped_by_user = True
        async with cell.lock:
            container = self._registry.get(container_id)
            if cell.cancel_restart() or container.status == "restarting":
                self._registry.update(container_id, status="exited")
                self._cells.save_or_note(container_id)
            if cell.running is None:
                return
            over = promise(cell.exit_waiters)
            self._signal_and_tell(cell, container, parse_signal(stop_signal(container.config, cell.image)))
            await self._thaw(container_id)
        if not await self._within(over, container.config.stop_grace if grace is None else grace):
            self._signal_and_tell(cell, container, parse_signal("KILL"))
            await over
        if container_id in self._cells:
            self._events.publish("stop", self._registry.get(container_id))

    async def _within(self, over: asyncio.Future[int], seconds: float) -> bool:
        """Did it end in time? (A negative time waits for ever, as with Docker.)"""
        if seconds < 0:
            await over
            return True
        timer = asyncio.get_running_loop().create_task(self._clock.sleep(seconds))
        both: set[asyncio.Future[Any]] = {over, timer}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        return over.done()

    def kill(self, container_id: str, name: str) -> None:
        """Send a signal. Raises errors.Conflict if it does not run, errors.InvalidArgument for no signal."""
        number, cell = parse_signal(name), self._cells.get(container_id)
        container = self._registry.get(container_id)
        if number in (parse_signal("KILL"), parse_signal(stop_signal(container.config, cell.image))):
            cell.stopped_by_user = True
        if not self._signal(cell, number):
            raise errors.Conflict(
                f"Cannot kill container: {container.name}: Container {container_id} is not running")
        self._events.publish("kill", container, signal=str(number))
        if container.status == "paused":
            self._cells.spawn(self._thaw(container_id))

    async def _thaw(self, container_id: str) -> None:
        """A frozen process hears no signal, not even SIGKILL: whoever sends one lets it run."""
        if self._registry.get(container_id).status == "paused":
            await self._shim.resume(container_id)
            self._events.publish("unpause", self._registry.update(container_id, status="running"))

    def _signal_and_tell(self, cell: Cell, container: Container, number: int) -> None:
        """Docker's `kill` events are of every signal that the engine sends, not only of those a user asked for."""
        if self._signal(cell, number):
            self._events.publish("kill", container, signal=str(number))

    def _signal(self, cell: Cell, number: int) -> bool:
        running = cell.running
        return running is not None and process.send_signal(running.pid, running.pid_started, number)

    async def wait(self, container_id: str, condition: str) -> int:
        """See ContainerEngine.wait. Raises errors.InvalidArgument for an unknown condition."""
        cell, container = self._cells.get(container_id), self._registry.get(container_id)
        if condition not in ("", "not-running", "next-exit", "removed"):
            raise errors.InvalidArgument(f'invalid condition: "{condition}"')
        if condition in ("", "not-running") and container.status not in ("running", "paused", "restarting"):
            return container.exit_code
        return await promise(cell.removal_waiters if condition == "removed" else cell.exit_waiters)

    async def remove(self, container_id: str, force: bool, *, volumes: bool = False) -> None:
        """Every trace of it. Raises errors.Conflict if it runs and not `force`."""
        cell, container = self._cells.get(container_id), self._registry.get(container_id)
        if container.status in ("running", "paused", "restarting") and not force:
            raise errors.Conflict(
                f"You cannot remove a running container {container_id}. Stop the container before attempting removal "
                "or force remove")
        if cell.removing:
            raise errors.Conflict(f"removal of container {container.name} is already in progress")
        cell.stopped_by_user = cell.removing = True
        cell.cancel_restart()
        try:
            await self._end_and_destroy(container_id, cell, volumes)
        finally:
            cell.removing = False

    async def _end_and_destroy(self, container_id: str, cell: Cell, volumes: bool) -> None:
        over: asyncio.Future[int] | None = None
        async with cell.lock:
            if cell.running is not None:
                over = promise(cell.exit_waiters)
                self._signal_and_tell(cell, self._registry.get(container_id), parse_signal("KILL"))
                await self._thaw(container_id)
        if over is not None:
            await over
        async with cell.lock:
            if container_id in self._cells:
                await self._cells.destroy(container_id, volumes=volumes)
