"""Owns a host, the agent on it, and the manager at the other end of its session, played by a test."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar, cast

from swarmkit_py.agent.managers import Managers
from swarmkit_py.agent.network import NetworkSync
from swarmkit_py.agent.reporter import Reporter
from swarmkit_py.agent.session import Agent, AgentParts, Removed
from swarmkit_py.agent.storage import WorkerStorage
from swarmkit_py.agent.worker import Worker
from swarmkit_py.clock import ManualClock
from swarmkit_py.model.assignment import NetworkAssignment
from swarmkit_py.model.objects import Attachment, NodeDescription, Task
from swarmkit_py.model.states import TaskState
from swarmkit_py.network.fake import FakeNetwork
from swarmkit_py.rpc.channel import Channel, ChannelClosed, memory_pair
from swarmkit_py.rpc.messages import AnyMessage, Assignments, Hello, StatusReport, Welcome
from swarmkit_py.runtime.base import ContainerEngine
from tests.builders import task
from tests.unit.agent.fake_engine import ScriptedEngine

M = TypeVar("M")
NET = NetworkAssignment(id="net", name="ingress", vni=4096, subnet="10.0.0.0/24", gateway="10.0.0.1", ingress=True,
                        node_address="10.0.0.2/24")
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Host:
    """What outlives the daemon: containers, network, disk."""

    def __init__(self, folder: Path) -> None:
        self.engine, self.network, self.path = ScriptedEngine(), FakeNetwork(), folder / "tasks.db"


class Daemon:
    """An agent on a host, and the manager's end of its newest session."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.clock = ManualClock()
        self.storage = WorkerStorage(host.path)
        self.sync = NetworkSync(host.network, self.clock)
        self.reporter = Reporter(self.clock)
        engine = cast(ContainerEngine, host.engine)
        self.worker = Worker(engine, self.sync, self.storage, self.reporter, self.clock, lambda: "10.7.0.1")
        self.hostname = "host"
        self.dials: list[str] = []
        self.events: list[str] = []
        self.refuse: Exception | None = None
        self.manager: Channel | None = None
        self.inbox: list[AnyMessage] = []
        self.agent = Agent(AgentParts(
            connect=self.connect, hello=self.hello, managers=Managers([("m", "manager:2377")], random.Random(1)),
            worker=self.worker, reporter=self.reporter, engine=engine, clock=self.clock, rng=random.Random(1),
            events=self,
        ))
        self.tasks: list[asyncio.Task[None]] = []

    def hello(self) -> Hello:
        return Hello(description=NodeDescription(hostname=self.hostname), address="10.7.0.1")

    def root_changed(self, root: str) -> None:
        self.events.append(f"root {root}")

    def managers_named(self, managers: list[tuple[str, str]]) -> None:
        """See SessionEvents."""

    def renewal_asked(self) -> None:
        self.events.append("renew")

    def welcomed(self, welcome: Welcome) -> None:
        self.events.append("welcomed")

    def disconnected(self, reason: str) -> None:
        self.events.append(reason)

    async def connect(self, addr: str) -> Channel:
        self.dials.append(addr)
        if self.refuse is not None:
            raise self.refuse
        here, self.manager = memory_pair()
        self.tasks.append(asyncio.create_task(self._read(self.manager)))
        return here

    async def _read(self, channel: Channel) -> None:
        try:
            while True:
                self.inbox.append(await channel.receive())
        except ChannelClosed:
            pass

    async def start(self) -> Daemon:
        self.worker.restore()
        self.tasks += [asyncio.create_task(self.sync.run()), asyncio.create_task(self._run())]
        await self.clock.settle()
        return self

    async def _run(self) -> None:
        try:
            await self.agent.run()
        except Removed as error:
            self.events.append(f"removed: {error}")

    async def stop(self) -> None:
        for each in self.tasks:
            each.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.worker.stop()
        self.storage.close()

    async def send(self, *messages: object) -> None:
        assert self.manager is not None
        for message in messages:
            self.manager.send(message)  # type: ignore[arg-type]
        await self.clock.settle()

    async def welcome(self, *tasks: Task, networks: tuple[NetworkAssignment, ...] = (NET,)) -> None:
        """Accept the session and send the whole set."""
        await self.send(
            Welcome(session_id="s", heartbeat_period=5.0),
            Assignments(complete=True, applies_to=0, results_in=1, tasks=list(tasks), networks=list(networks)))

    def got(self, kind: type[M]) -> list[M]:
        return [message for message in self.inbox if isinstance(message, kind)]

    def reported(self, task_id: str) -> TaskState | None:
        found = [r.statuses[task_id].state for r in self.got(StatusReport) if task_id in r.statuses]
        return found[-1] if found else None


def assigned(task_id: str, desired: TaskState = TaskState.RUNNING) -> Task:
    return task(id=task_id, node_id="n1", state=TaskState.ASSIGNED, desired=desired,
                networks=[Attachment(network_id="net", addresses=["10.0.0.7/24"])])
