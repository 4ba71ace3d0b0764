"""Owns one simulated swarm: builds it for a story, lets the story happen, heals it, and asks every rule.

Must not know what steps mean (`acts`) nor how seeds are run and shrunk (`run`, `shrink`). Counterpart: none.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from swarmkit_py.errors import SwarmError, Unavailable
from swarmkit_py.manager.control.seed import ClusterSeed
from swarmkit_py.model.objects import JoinTokens, Node, Object, Task
from swarmkit_py.model.specs import NodeSpec
from swarmkit_py.model.states import Availability, Writer
from swarmkit_py.runtime.base import Container
from swarmkit_py.sim import asks, oracle, promises, quiet, rules
from swarmkit_py.sim.disk import Disk
from swarmkit_py.sim.leader import Leader, WitnessedStore
from swarmkit_py.sim.loop import LoopClock, VirtualLoop, owned_by
from swarmkit_py.sim.machine import MANAGER_ADDRESS, Machine
from swarmkit_py.sim.network import Connection, Network
from swarmkit_py.sim.story import Step, Story
from swarmkit_py.sim.witness import Witness
from swarmkit_py.store.watch import Change

Perform = Callable[["World", Step], Awaitable[None]]
CALM = 1500.0
"""Seconds a healed world may take to come to rest: an update that cannot place a task gives up on it after two
minutes, and then on the next."""
PATIENCE = 12
"""How often a user tries again while there is no manager that answers."""
AT_ONCE = 3000
"""Commits between which no time passes: more, and somebody runs in a circle."""
STILL = 15.0
"""Seconds for which a world at rest must then stay so."""


class World:
    """Everything there is in one story. `run` it once, inside its loop."""

    def __init__(self, story: Story, loop: VirtualLoop) -> None:
        self.story, self.loop = story, loop
        self.clock = LoopClock(loop)
        self.witness = Witness(loop.time, self._broken)
        self.over: asyncio.Future[None] = loop.create_future()
        self.network = Network(self._passes)
        self.disk = Disk()
        self.leader = Leader(loop, self.network, self.disk, story.seed, self._committed, self._manager_ended)
        self.holders = rules.Holders(self.witness)
        self.rules = (rules.States(self.witness), rules.Slots(self.witness), rules.Places(self.witness),
                      rules.Restarts(self.witness),
                      self.holders)
        self.containers = promises.Containers(self.witness)
        self.acknowledged = promises.Acknowledged(self.witness)
        self.durability = promises.Durability(self.witness)
        self.machines = {
            f"n{number}": Machine(f"n{number}", number, loop, self.clock, self.network, story.seed, self._heard,
                                  self._node_removed)
            for number in range(1, story.nodes + 1)
        }
        self._started = False
        self.commits = self._at_once = 0
        self._last_commit = 0.0

    async def run(self, perform: Perform) -> None:
        """The story and its end, or as far as the first violation."""
        plot = asyncio.ensure_future(self._plot(perform))
        await asyncio.wait({plot, self.over}, return_when=asyncio.FIRST_COMPLETED)
        if plot.done():
            plot.result()

    async def _plot(self, perform: Perform) -> None:
        self._begin()
        busy = [asyncio.ensure_future(self._step(perform, step)) for step in self.story.steps]
        await asyncio.gather(*busy)
        self.heal()
        await self.rest("after the story")
        self._tear_down()
        await self.rest("after all was removed")
        if self.story.subnet_size == 28:
            await self._fill()
        self._remove_networks()
        await self.rest("after the networks were removed")
        self._nothing_left()

    async def _step(self, perform: Perform, step: Step) -> None:
        await self.clock.sleep(step.at)
        self.witness.say("step", str(step)[12:])
        for _ in range(PATIENCE):
            try:
                await perform(self, step)
                return
            except Unavailable as refusal:  # a user tries again
                self.witness.say("refused", step.verb, refusal.message)
                await self.clock.sleep(3.0)
            except SwarmError as refusal:
                self.witness.say("refused", step.verb, refusal.message)
                return

    def _begin(self) -> None:
        first = self.machines["n1"]
        first.node_id = self.leader.ids.object_id()
        self.leader.found(self.clock, ClusterSeed(
            cluster_id=self.leader.ids.object_id(), node_id=first.node_id, ingress_id=self.leader.ids.object_id(),
            root_ca="", root_key="", join_tokens=JoinTokens(), node_address=first.address,
            manager_address=MANAGER_ADDRESS, description=first.description(), subnet_size=self.story.subnet_size,
        ))
        self.start_manager()
        first.start()
        for machine in list(self.machines.values())[1:]:
            self.join(machine)
        for machine in self.machines.values():
            machine.route.duplicates = self.story.duplicates

    def join(self, machine: Machine) -> None:
        """As `ca.server` does for a node that shows the right token."""
        machine.node_id = self.leader.ids.object_id()
        node = Node(id=machine.node_id, spec=NodeSpec())
        self.leader.ask()
        self.leader.store.update(lambda tx: tx.create(node))
        machine.forget()
        machine.start()

    def start_manager(self) -> None:
        """Start it and compare what it reads with what the last one had acknowledged."""
        before = self.leader.store if self._started else None
        self.leader.start(self.clock)
        self._started = True
        if before is not None:
            self.durability.restarted(before, self.leader.store)
        self.holders.reset(self.leader.store)
        self.witness.say("manager starts at", self.leader.store.index)

    # The end.

    def heal(self) -> None:
        """Nothing is broken any more; a machine that was excluded joins again."""
        self.witness.say("healed")
        self.disk.full = False
        if not self.leader.running:
            self.start_manager()
        for machine in self.machines.values():
            machine.engine.heal()
            machine.route.heal()
            machine.route.latency, machine.route.duplicates = 0.005, 0.0
            if machine.excluded:
                self.join(machine)
            elif not machine.up:
                machine.start()
        for node in self.leader.store.all(Node):
            spec = NodeSpec(role=node.spec.role, labels=node.spec.labels, availability=Availability.ACTIVE)
            self.leader.control.update_node(node.id, node.index, spec)

    async def _fill(self) -> None:
        """What was given back can be given again: a service that needs every address of the ingress network."""
        room = 2 ** (32 - self.story.subnet_size) - 2  # without the network's own address and the broadcast address
        taken = 1 + len(self.leader.store.all(Node)) + 1  # the gateway, each node, the service itself
        service = self.leader.control.create_service(asks.filler(room - taken))
        await self.rest("with every address in use")
        for task in self.leader.store.find(Task, service_id=service.id):
            if not oracle.runs(task):
                self.witness.accuse("given-back", "an address is free, and is not given", rules.describe(task))
        self.leader.control.remove_service(service.id)
        await self.rest("after that")

    def _remove_networks(self) -> None:
        for network in self.leader.control.list_networks():
            if not network.spec.ingress:
                self.leader.control.remove_network(network.id)
        for secret in self.leader.control.list_secrets():
            self.leader.control.remove_secret(secret.id)

    async def rest(self, when: str) -> None:
        """Wait until nobody has anything to complain of, and see that it stays so."""
        end = self.loop.time() + CALM
        while (found := await self._calm(end)) is not None and self.loop.time() < end:
            pass
        if found is not None:
            self.witness.accuse(found.rule, f"{when}: {found.text}", *found.witnesses)
        self.witness.say("at rest", when)

    async def _calm(self, end: float) -> quiet.Complaint | None:
        """None once there was nothing to complain of, and nothing moved, for long enough."""
        while (found := self._complaint()) is not None and self.loop.time() < end:
            await self.clock.sleep(1.0)
        if found is not None:
            return found
        index = self.leader.store.index
        await self.clock.sleep(STILL)
        commits = self.leader.store.index - index
        if commits:
            return quiet.Complaint("still", f"{commits} commits in a world at rest")
        return self._complaint()

    def _complaint(self) -> quiet.Complaint | None:
        return next(quiet.complaints(self.leader.store, self.machines.values()), None)

    def _tear_down(self) -> None:
        for service in self.leader.control.list_services():
            self.leader.control.remove_service(service.id)

    def _nothing_left(self) -> None:
        """All services are gone, and all that was theirs."""
        for task in self.leader.store.all(Task):
            self.witness.accuse("leftovers", "a task outlives its service", rules.describe(task))
        for machine in self.machines.values():
            for container in machine.engine.all():
                self.witness.accuse("leftovers", f"a container is left on {machine.name}", container.name)
        held = [holder for holder in self.holders.holder.values() if holder[0] in ("task", "service")]
        if held:
            self.witness.accuse("leftovers", "something is still held", *map(" ".join, held))

    # What is heard.

    def _committed(self, store: WitnessedStore, changes: list[Change], writer: Writer | None) -> None:
        self.commits += 1
        now = self.loop.time()
        self._at_once = self._at_once + 1 if now == self._last_commit else 0
        self._last_commit = now
        if self._at_once > AT_ONCE:
            self.witness.accuse("livelock", f"more than {AT_ONCE} commits at one moment", [_seen(c) for c in changes])
        for change in changes:
            self.witness.say("commit", store.index, writer.value if writer else "-", _seen(change))
        for rule in self.rules:
            rule.commit(store, changes, writer)

    def _passes(self, connection: Connection, direction: str, frame: bytes) -> None:
        self.witness.say(connection.route.node, direction, len(frame))
        store = self.leader.store if self.leader.running else None
        self.acknowledged.passes(connection, direction, frame, store)

    def _heard(self, machine: Machine, action: str, container: Container) -> None:
        self.witness.say(machine.name, action, container.name)
        self.containers.heard(machine.name, machine.node_id, action, container, self.leader.store)

    def _node_removed(self, machine: Machine) -> None:
        self.witness.say(machine.name, "was removed from the swarm")

    def _manager_ended(self, reason: str) -> None:
        self.witness.accuse("loops-live", f"the manager ended by itself: {reason}")

    def _broken(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


def _seen(change: Change) -> str:
    obj: Object = change.object
    if change.new is None:
        return f"{change.kind.__name__} {obj.id[:6]} deleted"
    return rules.describe(obj) if isinstance(obj, Task) else f"{change.kind.__name__} {obj.id[:6]}"


class ErrorWatch(logging.Handler):
    """An error that the code itself calls unexpected is a violation, whoever survived it."""

    def __init__(self, witness: Witness) -> None:
        super().__init__(logging.ERROR)
        self._witness = witness

    def emit(self, record: logging.LogRecord) -> None:
        """See Handler."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, SwarmError):
            self._witness.accuse("no-surprises", f"{record.name}: {record.getMessage()}", repr(error), *_where(error))


def play(story: Story, perform: Perform) -> World:
    """Run a story from beginning to end in a loop of its own."""
    loop = VirtualLoop()
    world = World(story, loop)
    watch, logger = ErrorWatch(world.witness), logging.getLogger("swarmkit_py")
    level, spread = logger.level, logger.propagate
    logger.addHandler(watch)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    loop.set_exception_handler(lambda _, context: _unhandled(world, context))
    try:
        loop.run_until_complete(world.run(perform))
    finally:
        logger.removeHandler(watch)
        logger.setLevel(level)
        logger.propagate = spread
        loop.set_exception_handler(lambda _, context: None)
        ending = loop.end("manager", "hardware", "world", *world.machines)
        owned_by("closing", lambda: loop.run_until_complete(ending))
        loop.close()
    return world


def _unhandled(world: World, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if error is not None and not isinstance(error, (SwarmError, asyncio.CancelledError)):
        world.witness.accuse("no-surprises", str(context.get("message")), repr(error), *_where(error))


def _where(error: BaseException) -> list[str]:
    """The innermost frames of our own code."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames][-3:]
