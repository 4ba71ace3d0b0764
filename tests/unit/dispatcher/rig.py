"""Owns a dispatcher over a store, and the node at the other end of a session, played by a test."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timezone
from typing import TypeVar

from swarmkit_py.clock import ManualClock
from swarmkit_py.ids import Ids
from swarmkit_py.manager.dispatcher.dispatcher import Dispatcher
from swarmkit_py.model.identity import Identity
from swarmkit_py.model.objects import Cluster, Node, NodeDescription, Task
from swarmkit_py.model.states import NodeState, Role, TaskState
from swarmkit_py.rpc.channel import Channel, ChannelClosed, memory_pair
from swarmkit_py.rpc.messages import AnyMessage, Hello
from swarmkit_py.store.memory import Store
from tests.builders import cluster, network, node

M = TypeVar("M")
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


class FakeNode:
    """The node's end of a session."""

    def __init__(self, swarm: Swarm, node_id: str) -> None:
        self.swarm, self.node_id = swarm, node_id
        self.channel, theirs = memory_pair()
        caller = Identity(node_id=node_id, cluster_id="cluster", role=Role.WORKER)
        self.serving = asyncio.create_task(self._serve(caller, theirs))
        self.inbox: list[AnyMessage] = []
        self.closed = False
        self.reading = asyncio.create_task(self._read())

    async def _serve(self, caller: Identity, channel: Channel) -> None:
        try:
            await self.swarm.dispatcher.serve(caller, channel)
        finally:
            await channel.close()

    async def _read(self) -> None:
        try:
            while True:
                self.inbox.append(await self.channel.receive())
        except ChannelClosed:
            self.closed = True

    async def hello(self, addr: str = "10.7.0.9") -> FakeNode:
        self.channel.send(Hello(description=NodeDescription(hostname=self.node_id), address=addr))
        await self.swarm.clock.settle()
        return self

    async def send(self, *messages: object) -> None:
        for message in messages:
            self.channel.send(message)  # type: ignore[arg-type]
        await self.swarm.clock.settle()

    def got(self, kind: type[M]) -> list[M]:
        return [message for message in self.inbox if isinstance(message, kind)]


class Swarm:
    """A dispatcher over a store with two workers."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = Store(self.clock)
        self.dispatcher = Dispatcher(self.store, self.clock, Ids(1), random.Random(1))
        self.put(cluster(), network(), node("one", state=NodeState.UNKNOWN), node("two"))
        self.running: asyncio.Task[None] | None = None
        self.nodes: list[FakeNode] = []

    def put(self, *objects: Cluster | Node | Task | object) -> None:
        def change(tx: object) -> None:
            for obj in objects:
                existing = tx.get(type(obj), obj.id)  # type: ignore[attr-defined]
                (tx.update if existing else tx.create)(obj)  # type: ignore[attr-defined]

        self.store.update(change)

    async def start(self) -> None:
        self.running = asyncio.create_task(self.dispatcher.run())
        await self.clock.settle()

    async def connect(self, name: str = "one") -> FakeNode:
        found = FakeNode(self, f"node-{name}")
        self.nodes.append(found)
        return await found.hello()

    def state(self, name: str = "one") -> tuple[NodeState, str]:
        found = self.store.get(Node, f"node-{name}")
        assert found is not None
        return found.status.state, found.status.message

    def task_state(self, of: Task) -> TaskState:
        found = self.store.get(Task, of.id)
        assert found is not None
        return found.status.state
