"""Owns one simulated machine: what outlives its daemon (containers, disk, network), and the unchanged agent on it.

Stands in for `node.agent_role` without certificates and sockets. Must not know rules or stories.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from swarmkit_py.agent.managers import Managers
from swarmkit_py.agent.network import NetworkSync
from swarmkit_py.agent.reporter import Reporter
from swarmkit_py.agent.session import Agent, AgentParts, Removed
from swarmkit_py.agent.worker import Worker
from swarmkit_py.clock import Clock
from swarmkit_py.ids import Ids
from swarmkit_py.model.objects import EngineDescription, NodeDescription
from swarmkit_py.model.specs import Platform, Resources
from swarmkit_py.network.fake import FakeNetwork
from swarmkit_py.rpc.messages import Hello, Welcome
from swarmkit_py.rpc.race import cancel
from swarmkit_py.runtime.base import Container
from swarmkit_py.sim.disk import Disk, SimStorage
from swarmkit_py.sim.engine import SimEngine
from swarmkit_py.sim.loop import VirtualLoop, owned_by
from swarmkit_py.sim.network import Network, Route

MANAGER_ADDRESS = "10.7.0.1:2377"
CPUS, MEMORY = 2, 2 << 30


class Machine:
    """Off at first. `node_id` changes when it joins anew after it was removed."""

    def __init__(
        self, name: str, number: int, loop: VirtualLoop, clock: Clock, network: Network, seed: int,
        heard: Callable[[Machine, str, Container], None], removed: Callable[[Machine], None],
    ) -> None:
        self.name, self.address = name, f"10.7.0.{number}"
        self.node_id = ""
        self.disk = Disk()
        self.network = FakeNetwork()
        self.route = network.routes[name] = Route(name, random.Random(f"{seed}/route/{name}"), 0.005)
        self.engine = SimEngine(clock, Ids(seed * 1000 + number), self.network, lambda *what: heard(self, *what))
        self.up = False
        self.excluded = False
        """The swarm removed it; it has cleaned up and waits to be asked again."""
        self._loop, self._clock, self._net = loop, clock, network
        self._rng = random.Random(f"{seed}/machine/{name}")
        self._removed = removed
        self.worker: Worker
        self.reporter: Reporter

    def description(self) -> NodeDescription:
        return NodeDescription(
            hostname=self.name, platform=Platform(architecture="x86_64", os="linux"),
            resources=Resources(nano_cpus=CPUS * 10**9, memory_bytes=MEMORY),
            engine=EngineDescription(engine_version="0"))

    def start(self) -> None:
        """The daemon starts, on whatever it finds."""
        self.up = True
        self.excluded = False
        owned_by(self.name, self._start)

    def _start(self) -> None:
        sync = NetworkSync(self.network, self._clock)
        self.reporter = Reporter(self._clock)
        self.worker = Worker(self.engine, sync, SimStorage(self.disk), self.reporter, self._clock,
                             lambda: self.address)
        agent = Agent(AgentParts(
            connect=self._net.dial(self.name, self.node_id), hello=self._hello,
            managers=Managers([("", MANAGER_ADDRESS)], self._rng), worker=self.worker, reporter=self.reporter,
            engine=self.engine, clock=self._clock, rng=self._rng, events=self,
        ))
        self.worker.restore()
        self._syncing = asyncio.ensure_future(sync.run())
        self._running = asyncio.ensure_future(self._run(agent, self.worker))

    async def crash(self) -> None:
        """kill -9 of the daemon: containers live on, the kernel closes its connections."""
        self.up = False
        for connection in list(self.route.connections):
            connection.drop("up")
        await self._loop.end(self.name)

    async def power_off(self) -> None:
        """Everything on it ends, and nobody is told."""
        self.up = False
        for connection in list(self.route.connections):
            connection.vanish("up")
        await self._loop.end(self.name)
        await self.engine.power_off()
        await self.network.reset()

    def forget(self) -> None:
        """`docker swarm leave`: what it knew of the swarm goes."""
        self.disk = Disk()

    async def _run(self, agent: Agent, worker: Worker) -> None:
        try:
            await agent.run()
        except Removed:
            await worker.leave()
            await cancel(self._syncing)
            await self.network.reset()
            self.up, self.excluded = False, True
            self._removed(self)

    def _hello(self) -> Hello:
        return Hello(description=self.description(), address=self.address)

    def welcomed(self, welcome: Welcome) -> None:
        """See SessionEvents."""

    def disconnected(self, reason: str) -> None:
        """See SessionEvents."""

    def managers_named(self, managers: list[tuple[str, str]]) -> None:
        """See SessionEvents."""

    def renewal_asked(self) -> None:
        """See SessionEvents; there are no certificates here."""

    def root_changed(self, root: str) -> None:
        """See SessionEvents; there are no certificates here."""


