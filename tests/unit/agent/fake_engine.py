"""Owns an engine whose every step a test decides: what fails, what exits, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timezone

from msgspec.structs import replace

from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import Conflict, NotFound
from swarmkit_py.model.container import Health
from swarmkit_py.runtime.base import Container, ContainerConfig, ContainerEvent, LogLine, LogOptions, Sandbox
from swarmkit_py.runtime.registry import EventHub

STARTED = datetime(2026, 1, 1, tzinfo=timezone.utc)


class ScriptedEngine:
    """The part of ContainerEngine that the agent uses. `missing_images`, `taken_ports` make errors; `exit` ends."""

    def __init__(self) -> None:
        self.containers: dict[str, Container] = {}
        self.missing_images: set[str] = set()
        self.start_error = ""
        self.calls: list[str] = []
        self.lines: dict[str, list[LogLine]] = {}
        self._changed = asyncio.Event()
        self._number = 0
        self._events = EventHub(ManualClock())

    async def create(self, config: ContainerConfig) -> Container:
        self.calls.append(f"create {config.name}")
        await asyncio.sleep(0)
        if config.image in self.missing_images:
            raise NotFound(f"No such image: {config.image}")
        if any(c.name == config.name for c in self.containers.values()):
            raise Conflict(f"the name {config.name} is in use")
        self._number += 1
        container = Container(id=f"{self._number:064x}", name=config.name, config=config, image_id="sha256:0")
        self.containers[container.id] = container
        return container

    async def start(self, ref: str) -> Container:
        self.calls.append(f"start {self.get(ref).name}")
        await asyncio.sleep(0)
        if self.start_error:
            raise Conflict(self.start_error)
        old = self.get(ref)
        spec = old.config.sandbox
        sandbox = Sandbox(id=old.id, overlays=spec.overlays, ports=spec.ports) if spec else None
        health = Health() if old.config.health is not None else None
        return self._put(replace(
            old, status="running", pid=100 + self._number, sandbox=sandbox, started_at=STARTED, health=health))

    async def stop(self, ref: str, grace: float | None = None) -> None:
        self.calls.append(f"stop {self.get(ref).name}")
        if self.get(ref).running:
            self.exit(ref, 137)

    async def wait(self, ref: str, condition: str = "not-running") -> int:
        while self.get(ref).running:
            self._changed.clear()
            await self._changed.wait()
        return self.get(ref).exit_code

    async def remove(self, ref: str, force: bool = False, *, volumes: bool = False) -> None:
        self.calls.append(f"remove {self.get(ref).name}")
        del self.containers[ref]
        self._changed.set()

    def get(self, ref: str) -> Container:
        if ref not in self.containers:
            raise NotFound(f"No such container: {ref}")
        return self.containers[ref]

    def all(self) -> list[Container]:
        return list(self.containers.values())

    async def logs(self, ref: str, options: LogOptions) -> AsyncIterator[LogLine]:
        for line in self.lines.get(ref, []):
            yield line

    def exit(self, ref: str, code: int) -> None:
        """The container's process ends by itself."""
        self._put(replace(self.get(ref), status="exited", exit_code=code, pid=0))

    def set_health(self, ref: str, status: str) -> None:
        """A probe had its say."""
        self._put(replace(self.get(ref), health=Health(status=status)))
        self._events.publish(f"health_status: {status}", self.get(ref))

    def subscribe(self) -> AsyncIterator[ContainerEvent]:
        return self._events.subscribe()

    def _put(self, container: Container) -> Container:
        self.containers[container.id] = container
        self._changed.set()
        return container
