"""Owns one task on its node from ASSIGNED to its end, and its container until the task is gone.

What to do next is pure (`climb`); this does it. Each step may be repeated after a crash without doing it twice.
Must not know sessions, or other tasks. Counterpart: swarmkit/agent/task.go, agent/exec/controller.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from swarmkit_py.agent.climb import STEPS, Action, failure_state, next_action
from swarmkit_py.agent.container_spec import container_config, expanded_spec, open_ports
from swarmkit_py.agent.dependencies import Dependencies
from swarmkit_py.agent.health import NO_CHECK, wait_while
from swarmkit_py.agent.serving import until_finished, until_listening
from swarmkit_py.agent.sockets import connections, listening
from swarmkit_py.clock import ZERO_TIME, Clock
from swarmkit_py.errors import NotFound, SwarmError
from swarmkit_py.model.container import HEALTHY, STARTING, UNHEALTHY
from swarmkit_py.model.objects import ContainerStatus, NodeDescription, Task, TaskStatus
from swarmkit_py.model.specs import ContainerSpec
from swarmkit_py.model.states import TaskState
from swarmkit_py.rpc.race import cancel
from swarmkit_py.runtime.base import Container, ContainerEngine
from swarmkit_py.template import template_context

V = TypeVar("V")
UNWELL = "dockerexec: unhealthy container"
log = logging.getLogger(__name__)


class TaskExit(SwarmError):
    """The task's process ended with an error."""


@dataclass(frozen=True)
class TaskTools:
    """What a runner acts with. `report` is told each new status; `networks_ready` waits until a node carries them."""

    engine: ContainerEngine
    clock: Clock
    report: Callable[[str, TaskStatus], None]
    networks_ready: Callable[[Collection[str]], Awaitable[None]]
    pull: Callable[[str], Awaitable[object]] | None = None
    """Get an image that this node has not; raises errors.SwarmError."""
    dependencies: Dependencies = field(default_factory=Dependencies)
    describe: Callable[[], NodeDescription] = NodeDescription
    """This node, for templates."""


class TaskRunner:
    """`run` it in a task of its own; `update` and `release` may be called at any time."""

    def __init__(self, task: Task, status: TaskStatus, tools: TaskTools) -> None:
        self.task, self.status = task, status
        self._tools = tools
        self._released = False
        self._discarded = False
        self._changed = asyncio.Event()
        self._drained = asyncio.Event()

    def update(self, task: Task) -> None:
        """The manager wants something new of it (its desired state, mostly)."""
        self.task = task
        self._changed.set()

    def release(self) -> None:
        """The task is no longer this node's: stop it, remove its container, end."""
        self._released = True
        self._changed.set()
        self._drained.set()

    def drained(self) -> None:
        """No node leads to the task any more: if it is to stop, it may."""
        self._drained.set()

    async def run(self) -> None:
        while True:
            action = next_action(self.status.state, self._desired(), self._has_container())
            if action is Action.WAIT and self._released:
                return
            self._changed.clear()
            await self._perform(action)

    def _desired(self) -> TaskState:
        return TaskState.REMOVE if self._released else self.task.desired_state

    def _has_container(self) -> bool:
        return self.status.container is not None and not self._discarded

    async def _perform(self, action: Action) -> None:
        if action is Action.WAIT:
            await self._changed.wait()
        elif action is Action.DISCARD:
            await self._discard()
        elif action is Action.STOP:
            await self._attempt(self._stop)
        else:
            await self._attempt(self._climb)

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except SwarmError as error:
            self._fail(error.message)
        except Exception as error:
            # One task's misfortune, whatever it is, is that task's end and not the node's.
            log.exception("task %s", self.task.id)
            self._fail(f"internal error: {error}")

    async def _climb(self) -> None:
        step = STEPS[self.status.state]
        if step.work and not await getattr(self, f"_{step.work}")():
            return  # called away: look again at what is wanted
        self._move(step.to, step.message)

    async def _prepare(self) -> bool:
        if not await self._unless_changed(self._tools.networks_ready([at.network_id for at in self.task.networks])):
            return False
        if self.status.container is None:
            spec = expanded_spec(self.task, self._tools.describe())
            if not await self._unless_changed(self._tools.dependencies.ready(spec, self._wait_for)):
                return False
            self._see(await self._create(spec))
        return True

    def _wait_for(self, what: str) -> None:
        reason = f"waiting for {what}: the manager has not sent it to this node yet"
        if self.status.err != reason:
            self._move(self.status.state, self.status.message, reason)

    async def _create(self, spec: ContainerSpec) -> Container:
        """Raises NotFound `No such image: x` for one that this node has not and cannot get."""
        files = self._tools.dependencies.files(spec, template_context(self.task, self._tools.describe()))
        config = container_config(self.task, spec, files)
        try:
            return await self._tools.engine.create(config)
        except NotFound as missing:
            if self._tools.pull is None:
                raise
            try:
                await self._tools.pull(config.image)
            except SwarmError as error:
                log.info("task %s: %s", self.task.id, error)
                raise missing from None
        return await self._tools.engine.create(config)

    async def _start(self) -> bool:
        """Start it, and wait until it is healthy, if it can say so, and until it listens on what it publishes. A
        container that ended meanwhile is not started again: how it ended is for the next state to tell."""
        if self._tools.engine.get(self._ref()).started_at == ZERO_TIME:
            self._see(await self._tools.engine.start(self._ref()))
        waiting = wait_while(self._tools.engine, self._ref(), STARTING)
        if not await self._unless_changed(waiting):
            return False
        await self._refuse_unhealthy()
        look = partial(self._seen, listening, None)
        return await self._unless_changed(until_listening(self._tools.clock, self.task, look))

    async def _wait(self) -> bool:
        if not self.status.closing:  # what was decided before a restart of the daemon is carried on
            well = wait_while(self._tools.engine, self._ref(), STARTING, HEALTHY, NO_CHECK)
            if not await self._unless_changed(well):
                return False
        await self._refuse_unhealthy()
        container = self._tools.engine.get(self._ref())
        self._see(container)
        if container.exit_code:
            reason = f": {container.error}" if container.error else ""
            raise TaskExit(f"task: non-zero exit ({container.exit_code}){reason}")
        return True

    async def _refuse_unhealthy(self) -> None:
        """A container that runs and is not well is stopped; that is its task's failure. Raises TaskExit."""
        container = self._tools.engine.get(self._ref())
        unwell = container.health is not None and container.health.status == UNHEALTHY
        if not container.running or not (unwell or self.status.closing):
            return
        if self.status.state is TaskState.RUNNING:
            self.status = replace(self.status, closing=True)
            self._move(TaskState.RUNNING, self.status.message, UNWELL)
            await self._finish()
        await self._tools.engine.stop(self._ref())
        container = self._tools.engine.get(self._ref())
        self._see(container)
        raise TaskExit(f"task: non-zero exit ({container.exit_code}): {UNWELL}" if container.exit_code else UNWELL)

    async def _finish(self) -> None:
        """Until nothing new is sent to the task, and what it was sent is answered."""
        await until_finished(self._tools.clock, self.task, self._drained, partial(self._seen, connections, 0))

    async def _stop(self) -> None:
        if self.status.state is TaskState.RUNNING and not self._released:
            await self._finish()
        if self.status.container is not None:
            try:
                await self._tools.engine.stop(self._ref())
                self._see(self._tools.engine.get(self._ref()))
            except NotFound:
                log.info("task %s: its container is gone already", self.task.id)
        self._move(TaskState.SHUTDOWN, "shutdown")

    async def _discard(self) -> None:
        try:
            await self._tools.engine.remove(self._ref(), force=True, volumes=True)
        except NotFound:
            pass
        except SwarmError as error:
            log.warning("container of task %s not removed: %s", self.task.id, error)
        self._discarded = True

    async def _unless_changed(self, work: Awaitable[object]) -> bool:
        """Do `work`, but drop it when the wishes change; True if it was done. Errors pass."""
        doing = asyncio.ensure_future(work)
        news = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait({doing, news}, return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                return False
            doing.result()
            return True
        finally:
            await cancel(doing, news)

    def _seen(self, look: Callable[[Container], V], gone: V) -> V:
        """What `look` says of the container, `gone` if there is none (any more)."""
        try:
            return look(self._tools.engine.get(self._ref()))
        except NotFound:
            return gone

    def _ref(self) -> str:
        return self.status.container.container_id if self.status.container else ""

    def _see(self, container: Container) -> None:
        """Note what the engine says of the container; reported with the next step."""
        seen = ContainerStatus(container_id=container.id, pid=container.pid, exit_code=container.exit_code)
        self.status = replace(self.status, container=seen, ports=open_ports(self.task, container))

    def _fail(self, text: str) -> None:
        self._move(failure_state(self.status.state), self.status.message, text)

    def _move(self, state: TaskState, message: str, err: str = "") -> None:
        now = self._tools.clock.now()
        self.status = replace(self.status, timestamp=now, state=state, message=message, err=err)
        self._tools.report(self.task.id, self.status)
