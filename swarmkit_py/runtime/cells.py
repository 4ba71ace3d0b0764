"""Owns what the engine keeps of its containers beside what it shows, and the steps every way of ending shares.

Counterpart: moby/container/{container,state}.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from swarmkit_py import errors
from swarmkit_py.runtime.attach import ConmonAttached
from swarmkit_py.runtime.base import Container, Image, SandboxNetwork
from swarmkit_py.runtime.base_mounts import VolumeStore
from swarmkit_py.runtime.launcher import Running
from swarmkit_py.runtime.mount_points import drop_anonymous
from swarmkit_py.runtime.registry import EventHub, Registry
from swarmkit_py.runtime.storage import Saved, Storage

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass
class Cell:
    """One container's hidden side. `lock`: one change of state at a time."""

    image: Image
    running: Running | None = None
    stopped_by_user: bool = False
    removing: bool = False
    last_delay: float = 0.0
    started: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: list[ConmonAttached] = field(default_factory=list)
    exit_waiters: list[asyncio.Future[int]] = field(default_factory=list)
    removal_waiters: list[asyncio.Future[int]] = field(default_factory=list)
    restart: asyncio.Task[None] | None = None

    def cancel_restart(self) -> bool:
        """Was one planned?"""
        planned, self.restart = self.restart, None
        if planned is not None:
            planned.cancel()
        return planned is not None

    def fail_waiting(self) -> None:
        """Whoever attached before the start learns that there is none."""
        for attached in self.waiting:
            attached.fail()
        self.waiting = []


class Cells:
    """All of them, their state on disk, and the tasks that watch them."""

    def __init__(
        self, registry: Registry, events: EventHub, storage: Storage, network: SandboxNetwork, volumes: VolumeStore,
    ) -> None:
        self.registry, self.events, self.storage, self._network = registry, events, storage, network
        self.volumes = volumes
        self._cells: dict[str, Cell] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def get(self, container_id: str) -> Cell:
        """Raises errors.NotFound if it was removed meanwhile."""
        try:
            return self._cells[container_id]
        except KeyError:
            raise errors.NotFound(f"No such container: {container_id}") from None

    def __contains__(self, container_id: str) -> bool:
        return container_id in self._cells

    def put(self, container: Container, cell: Cell) -> None:
        self._cells[container.id] = cell
        self.registry.put(container)

    def save(self, container_id: str) -> None:
        """Write its state to disk. Raises errors.Internal."""
        cell = self._cells[container_id]
        running = cell.running or Running(0, 0, 0, 0)
        self.storage.save(Saved(
            container=self.registry.get(container_id), image=cell.image, pid_started=running.pid_started,
            conmon_pid=running.conmon_pid, conmon_started=running.conmon_started,
            stopped_by_user=cell.stopped_by_user, last_delay=cell.last_delay))

    def save_or_note(self, container_id: str) -> None:
        """Write its state to disk; where that fails (a full disk) the container itself says so."""
        try:
            self.save(container_id)
        except errors.SwarmError as error:
            self.registry.update(container_id, error=str(error))

    async def release(self, container_id: str, *, keep_files: bool = False) -> None:
        """Give network, mount and secrets back; a failure there must not keep the container from ending."""
        try:
            await self._network.remove_sandbox(container_id)
        except errors.SwarmError as error:
            self.registry.update(container_id, error=f"its network could not be removed: {error}")
        try:
            self.storage.unmount(container_id)
            if not keep_files:
                self.storage.files.drop(container_id)
        except OSError as error:
            self.registry.update(container_id, error=f"its root file system could not be unmounted: {error}")

    async def destroy(self, container_id: str, *, volumes: bool = False) -> None:
        """Remove every trace of a container that does not run, and tell everybody."""
        cell = self._cells[container_id]
        container = self.registry.update(container_id, status="removing")
        await self.release(container_id)
        self.storage.destroy(container_id)
        cell.fail_waiting()
        self.forget(container_id)
        if volumes:
            used = {point.name for other in self.registry.all() for point in other.mounts}
            drop_anonymous(container.mounts, used, self.volumes)
        self.events.publish("destroy", container)
        resolve(cell.removal_waiters, container.exit_code)
        resolve(cell.exit_waiters, container.exit_code)

    def forget(self, container_id: str) -> None:
        self._cells.pop(container_id, None)
        self.registry.drop(container_id)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` beside everything else, until `cancel`."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        """Errors are told to who waits, and kept in the container; nobody may be waiting any more."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            level = logging.DEBUG if isinstance(error, errors.SwarmError) else logging.ERROR
            log.log(level, "a container's task ended with an error", exc_info=error)

    def cancel(self) -> None:
        """Stop watching; the containers run on."""
        for task in self._tasks:
            task.cancel()


def promise(waiters: list[asyncio.Future[int]]) -> asyncio.Future[int]:
    """A future that `resolve` will fulfil; a waiter that gives up leaves no trace."""
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    waiters.append(future)
    future.add_done_callback(lambda done: waiters.remove(done) if done in waiters else None)
    return future


def resolve(waiters: list[asyncio.Future[int]], code: int) -> None:
    for waiter in list(waiters):
        if not waiter.done():
            waiter.set_result(code)
