"""Owns the simulated manager's process: starts the unchanged store, loops, dispatcher and control on its disk, and
ends them, politely or not.

Stands in for `node.manager_role` without certificates and sockets. Must not know rules or stories.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, TypeVar

from swarmkit_py.clock import Clock
from swarmkit_py.errors import Unavailable
from swarmkit_py.ids import Ids
from swarmkit_py.manager.control.control import Control
from swarmkit_py.manager.control.seed import ClusterSeed, seed_cluster
from swarmkit_py.manager.dispatcher.dispatcher import Dispatcher
from swarmkit_py.manager.manager import Manager
from swarmkit_py.model.identity import Identity
from swarmkit_py.model.objects import Cluster
from swarmkit_py.model.states import Role, Writer
from swarmkit_py.rpc.auth import MEMBERS, authorize
from swarmkit_py.rpc.channel import Channel
from swarmkit_py.sim.disk import Disk, SimJournal
from swarmkit_py.sim.loop import VirtualLoop, owned_by
from swarmkit_py.sim.network import Network
from swarmkit_py.store.memory import Store, Transaction
from swarmkit_py.store.watch import Change

T = TypeVar("T")
OWNER = "manager"
Committed = Callable[["WitnessedStore", "list[Change]", "Writer | None"], None]


class WitnessedStore(Store):
    """The store; every commit is shown to `committed` before anybody acts on it."""

    def __init__(self, clock: Clock, journal: SimJournal, committed: Committed) -> None:
        super().__init__(clock, journal)
        self.journal = journal
        self._committed = committed
        self._mine = self.watch()

    def update(self, change: Callable[[Transaction], T], *, writer: Writer | None = None) -> T:
        """See Store."""
        result = super().update(change, writer=writer)
        changes = self._mine.take()
        if changes:
            self._committed(self, changes, writer)
        return result


class Leader:
    """`start` and `crash` as often as wished. `store` and `control` are those of the newest process."""

    def __init__(
        self, loop: VirtualLoop, network: Network, disk: Disk, seed: int, committed: Committed,
        ended: Callable[[str], None],
    ) -> None:
        self._loop, self._network, self._disk = loop, network, disk
        self._committed, self._ended = committed, ended
        self._rng = random.Random(f"{seed}/manager")
        self.ids = Ids(seed)
        self.running = False
        self.store: WitnessedStore
        self.control: Control
        self.manager: Manager

    def found(self, clock: Clock, seed: ClusterSeed) -> None:
        """`swarm init`."""
        seed_cluster(Store(clock, SimJournal(self._disk)), seed)

    def start(self, clock: Clock) -> None:
        """The process starts, on whatever its disk holds."""
        store = self.store = WitnessedStore(clock, SimJournal(self._disk), self._committed)
        self.running = True
        owned_by(OWNER, lambda: self._start(clock, store))

    def _start(self, clock: Clock, store: WitnessedStore) -> None:
        dispatcher = Dispatcher(store, clock, self.ids, random.Random(self._rng.random()))
        self.manager = Manager(store, clock, self.ids, others={"dispatcher": dispatcher.run})
        self.control = Control(store, clock, self.ids, dispatcher.broker, new_token=self._token)
        running = asyncio.ensure_future(self.manager.run())
        running.add_done_callback(lambda done: self._over(store, done))

        def accept(node_id: str, channel: Channel) -> None:
            caller = Identity(node_id=node_id, cluster_id=_cluster(store).id, role=Role.WORKER)
            owned_by(OWNER, lambda: asyncio.ensure_future(_serve(dispatcher, caller, channel)))

        def admit(node_id: str) -> None:
            cluster = _cluster(store)
            caller = Identity(node_id=node_id, cluster_id=cluster.id, role=Role.WORKER)
            authorize(caller, MEMBERS, cluster.id, cluster.removed_nodes)

        self._network.listen(accept, admit)

    async def crash(self) -> None:
        """kill -9: nothing more is said, nothing more is written."""
        self._cut()
        for connection in self._network.connections():
            connection.drop("down")
        await self._loop.end(OWNER)

    async def stop(self) -> None:
        """A polite end: the loops get to say goodbye."""
        self.running = False
        self._network.listen(None)
        await self._loop.end(OWNER)
        self._cut()

    def _cut(self) -> None:
        self.running = False
        self.store.journal.cut()
        self._network.listen(None)

    def ask(self) -> Control:
        """For users. Raises Unavailable while there is no manager."""
        if not self.running:
            raise Unavailable("This node is not a swarm manager")
        return self.control

    def _over(self, store: WitnessedStore, done: asyncio.Task[None]) -> None:
        if self.running and self.store is store and not done.cancelled():
            self._ended(str(done.exception() or "without a reason"))

    def _token(self, role: Role) -> str:
        return f"SWMTKN-1-{role.value}-{self.ids.object_id()}"


async def _serve(dispatcher: Dispatcher, caller: Identity, channel: Channel) -> None:
    """As `rpc.server` does."""
    try:
        await dispatcher.serve(caller, channel)
    finally:
        await channel.close()


def _cluster(store: Store) -> Any:
    return store.all(Cluster)[0]
