"""Owns the running of health checks: one loop for each container that has one, as long as it runs.

How results count is `runtime.health`'s business. Each probe is an exec, visible as such in `docker events`.
Counterpart: moby/daemon/health.go (monitor).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from swarmkit_py import errors
from swarmkit_py.clock import Clock
from swarmkit_py.model.container import STARTING, UNHEALTHY, Health, HealthResult
from swarmkit_py.model.specs import HealthConfig
from swarmkit_py.runtime import health
from swarmkit_py.runtime.base import Attached, Container, Exec, ExecConfig
from swarmkit_py.runtime.cells import Cells

log = logging.getLogger(__name__)


class Prober(Protocol):
    """The part of the engine that runs a command in a container."""

    def exec_create(self, ref: str, config: ExecConfig) -> Exec: ...

    async def exec_start(self, exec_id: str) -> Attached: ...

    def exec_get(self, exec_id: str) -> Exec: ...

    def exec_forget(self, exec_id: str) -> None: ...


class Probes:
    """`begin` at each start (and take-over, and unpause), `end` at each end (and pause)."""

    def __init__(self, cells: Cells, clock: Clock, prober: Callable[[], Prober]) -> None:
        self._cells, self._clock, self._prober = cells, clock, prober
        self._loops: dict[str, asyncio.Task[None]] = {}

    def begin(self, container_id: str, *, fresh: bool) -> None:
        """Check from now on, if there is something to check. `fresh`: a new start, so `starting` again."""
        container = self._cells.registry.get(container_id)
        config = container.config.health
        self._cancel(container_id)
        if config is None or health.probe(config) is None:
            return
        if fresh or container.health is None:
            old = container.health or Health()
            self._cells.registry.update(container_id, health=replace(old, status=STARTING, failing_streak=0))
        self._loops[container_id] = self._cells.spawn(self._watch(container_id, config))

    def end(self, container_id: str) -> None:
        """It ended: Docker calls it unhealthy from then on."""
        self._cancel(container_id)
        container = self._cells.registry.get(container_id)
        if container.health is not None:
            self._cells.registry.update(container_id, health=replace(container.health, status=UNHEALTHY))

    def pause(self, container_id: str) -> None:
        """No checks while it is frozen."""
        self._cancel(container_id)

    def _cancel(self, container_id: str) -> None:
        loop = self._loops.pop(container_id, None)
        if loop is not None:
            loop.cancel()

    async def _watch(self, container_id: str, config: HealthConfig) -> None:
        while True:
            await self._clock.sleep(health.seconds(config.interval, health.INTERVAL))
            self._note(container_id, await self._probe(container_id, config), config)

    def _note(self, container_id: str, result: HealthResult, config: HealthConfig) -> None:
        container: Container = self._cells.registry.get(container_id)
        before = container.health or Health()
        after = health.counted(before, result, config, container.started_at)
        container = self._cells.registry.update(container_id, health=after)
        if (after.status, after.failing_streak) != (before.status, before.failing_streak):
            self._cells.save_or_note(container_id)
        if after.status != before.status:
            self._cells.events.publish(f"health_status: {after.status}", container)

    async def _probe(self, container_id: str, config: HealthConfig) -> HealthResult:
        start = self._clock.now()
        code, output = -1, ""
        try:
            code, output = await self._run(container_id, config)
        except errors.SwarmError as error:
            output = str(error)
        except OSError as error:
            output = f"the check could not be run: {error.strerror or error}"
        return HealthResult(start=start, end=self._clock.now(), exit_code=code, output=output)

    async def _run(self, container_id: str, config: HealthConfig) -> tuple[int, str]:
        """Exit code and output; after the timeout the process is killed."""
        prober, limit = self._prober(), health.seconds(config.timeout, health.TIMEOUT)
        made = prober.exec_create(container_id, ExecConfig(args=health.probe(config) or []))
        attached = await prober.exec_start(made.id)
        reading = asyncio.ensure_future(_read(attached))
        timer = asyncio.ensure_future(self._clock.sleep(limit))
        try:
            await asyncio.wait({reading, timer}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                _kill(prober.exec_get(made.id).pid)
                return -1, f"Health check exceeded timeout ({limit:g}s)"
            code = prober.exec_get(made.id).exit_code
            return -1 if code is None else code, health.shown_output(reading.result())
        finally:
            timer.cancel()
            reading.cancel()
            await attached.close()
            prober.exec_forget(made.id)


async def _read(attached: Attached) -> bytes:
    """What a probe writes, until it ends; what is beyond the limit is read and forgotten."""
    found = b""
    async for _, data in attached.output():
        if len(found) <= health.OUTPUT_LIMIT:
            found += data
    return found


def _kill(pid: int) -> None:
    """runc makes each exec the leader of a group: what a shell of it has started goes with it."""
    try:
        if pid > 0 and os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        elif pid > 0:
            os.kill(pid, signal.SIGKILL)
    except OSError as error:
        log.warning("a health check that took too long could not be killed: %s", error)
