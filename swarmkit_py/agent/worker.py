"""Owns all tasks and networks of a node: what is wanted against what there is. Must not know the connection.

Counterpart: swarmkit/agent/worker.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from msgspec.structs import replace

from swarmkit_py.agent.attachments import AttachmentRunner, Attachments
from swarmkit_py.agent.container_spec import NODE_LABEL, TASK_LABEL
from swarmkit_py.agent.dependencies import Dependencies
from swarmkit_py.agent.network import NetworkSync
from swarmkit_py.agent.reporter import Reporter
from swarmkit_py.agent.storage import WorkerStorage
from swarmkit_py.agent.task import TaskRunner, TaskTools
from swarmkit_py.clock import Clock
from swarmkit_py.errors import SwarmError
from swarmkit_py.ids import Ids
from swarmkit_py.model.assignment import NetworkAssignment, ServiceEndpoint, ServiceRecord
from swarmkit_py.model.objects import ContainerStatus, NodeDescription, Task, TaskStatus
from swarmkit_py.model.states import TaskState
from swarmkit_py.rpc.messages import Assignments
from swarmkit_py.rpc.race import cancel
from swarmkit_py.runtime.base import Container, ContainerEngine

R = TypeVar("R", NetworkAssignment, ServiceEndpoint, ServiceRecord)
log = logging.getLogger(__name__)


class Worker:
    """`restore` first; then `apply` each message in order; `stop` leaves containers alive, `leave` does not."""

    def __init__(
        self, engine: ContainerEngine, networks: NetworkSync, storage: WorkerStorage, reporter: Reporter,
        clock: Clock, node_address: Callable[[], str], pull: Callable[[str], Awaitable[object]] | None = None,
        describe: Callable[[], NodeDescription] = NodeDescription, attachments: Attachments | None = None,
    ) -> None:
        self._clock, self._attachments = clock, attachments or Attachments(clock, Ids())
        self._engine, self._networks = engine, networks
        self._storage, self._reporter = storage, reporter
        self._node_address = node_address
        self._dependencies = Dependencies()
        self._tools = TaskTools(engine, clock, self._report, networks.ready, pull, self._dependencies, describe)
        self._runners: dict[str, TaskRunner | AttachmentRunner] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._carried: dict[str, NetworkAssignment] = {}
        self._endpoints: dict[str, ServiceEndpoint] = {}
        self._services: dict[str, ServiceRecord] = {}
        self._cleaning: asyncio.Task[None] | None = None

    def restore(self) -> None:
        """Take up what was there before a restart: networks as last told, tasks with their containers."""
        assignment, statuses = self._storage.load()
        self._carried, self._endpoints = dict(assignment.networks), dict(assignment.endpoints)
        self._services = dict(assignment.services)
        self._configure()
        containers = self._task_containers()
        for task in assignment.tasks.values():
            self._start(task, _resume(statuses.get(task.id, task.status), containers.get(task.id)))

    def apply(self, message: Assignments) -> None:
        """What the manager says: networks, secrets and configs first, since tasks wait for theirs."""
        self._dependencies.apply(message)
        self._apply_networks(message)
        if message.complete:
            kept = {task.id for task in message.tasks}
            self._release([task_id for task_id in self._runners if task_id not in kept])
        self._release(message.removed_tasks)
        self._storage.put("task", ((task.id, task) for task in message.tasks))
        containers = self._task_containers() if message.complete else {}
        for task in message.tasks:
            self._take(task, containers.get(task.id))
        for runner in (self._runners.get(task_id) for task_id in message.drained):
            if runner is not None:
                runner.drained()
        if message.complete:
            self._cleaning = asyncio.create_task(self.remove_strangers())

    async def networks_agreed(self) -> None:
        """Wait until the kernel agrees with all that was applied until now."""
        await self._networks.agreed()

    async def remove_strangers(self) -> None:
        """Once all that is wanted is known: remove containers of tasks that are no longer this node's."""
        strangers = [container for task_id, container in self._task_containers().items()
                     if task_id not in self._runners and task_id not in self._running]
        await asyncio.gather(*(self._remove(container) for container in strangers))

    async def _remove(self, container: Container) -> None:
        log.info("container %s: its task is no longer assigned", container.name)
        try:
            await self._engine.remove(container.id, force=True, volumes=True)
        except SwarmError as error:
            log.warning("container %s not removed: %s", container.name, error)

    def task_container(self, task_id: str) -> str:
        """The id of a task's container, "" if it has none."""
        runner = self._runners.get(task_id)
        return runner.status.container.container_id if runner and runner.status.container else ""

    async def stop(self) -> None:
        """The daemon ends, the containers live on."""
        await cancel(*self._running.values(), *([self._cleaning] if self._cleaning else []))

    async def leave(self) -> None:
        """The node leaves the swarm: every task's container goes, at once and with force, as Docker's do."""
        runners = list(self._running.values())
        self._release(list(self._runners))
        await cancel(*runners)
        self._running.clear()
        await self.remove_strangers()

    def _apply_networks(self, message: Assignments) -> None:
        before = dict(self._carried), dict(self._endpoints), dict(self._services)
        networks = {network.id: network for network in message.networks}
        endpoints = {endpoint.key: endpoint for endpoint in message.endpoints}
        self._merge("network", self._carried, networks, message.removed_networks, message.complete)
        services = {record.key: record for record in message.services}
        self._merge("endpoint", self._endpoints, endpoints, message.removed_endpoints, message.complete)
        self._merge("service", self._services, services, message.removed_services, message.complete)
        if message.complete or before != (self._carried, self._endpoints, self._services):
            self._configure()

    def _merge(
        self, kind: str, have: dict[str, R], news: Mapping[str, R], removed: list[str], complete: bool,
    ) -> None:
        gone = [key for key in have if key not in news] if complete else removed
        for key in gone:
            have.pop(key, None)
        have.update(news)
        self._storage.drop(kind, gone)
        self._storage.put(kind, news.items())

    def _configure(self) -> None:
        self._networks.want(self._node_address(), self._carried, self._endpoints, self._services)

    def _take(self, task: Task, container: Container | None) -> None:
        runner = self._runners.get(task.id)
        if runner is None:
            self._start(task, _resume(task.status, container))
            return
        runner.update(task)
        if task.status.state.rank < runner.status.state.rank:
            self._reporter.update(task.id, runner.status)  # the manager knows less than this node did

    def _start(self, task: Task, status: TaskStatus) -> None:
        runner: TaskRunner | AttachmentRunner = TaskRunner(task, status, self._tools)
        if task.attached:
            runner = AttachmentRunner(task, status, self._attachments, self._clock, self._report)
        self._runners[task.id] = runner
        self._running[task.id] = asyncio.create_task(self._run(runner))

    async def _run(self, runner: TaskRunner | AttachmentRunner) -> None:
        await runner.run()
        self._running.pop(runner.task.id, None)
        self._storage.drop("status", [runner.task.id])

    def _release(self, task_ids: list[str]) -> None:
        self._storage.drop("task", task_ids)
        for task_id in task_ids:
            runner = self._runners.pop(task_id, None)
            self._reporter.forget(task_id)
            if runner is not None:
                runner.release()

    def _report(self, task_id: str, status: TaskStatus) -> None:
        if task_id in self._runners:
            self._storage.put("status", [(task_id, status)])
            self._reporter.update(task_id, status)

    def _task_containers(self) -> dict[str, Container]:
        found = (c for c in self._engine.all() if NODE_LABEL in c.config.labels)
        return {c.config.labels[TASK_LABEL]: c for c in found if TASK_LABEL in c.config.labels}


def _resume(status: TaskStatus, container: Container | None) -> TaskStatus:
    """Where a task stands after a restart of the daemon: what is on disk may be older than what happened."""
    if container is None or status.state.terminal:
        return status
    seen = ContainerStatus(container_id=container.id, pid=container.pid, exit_code=container.exit_code)
    status = replace(status, container=seen)
    if container.running and status.state.rank < TaskState.STARTING.rank:
        return replace(status, state=TaskState.STARTING, message="starting")
    return status
