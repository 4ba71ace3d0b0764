"""Owns a node's connection to its managers: connect, say Hello, keep it alive, come back after a failure.

Must not know containers. Counterpart: swarmkit/agent/session.go and agent/agent.go.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from swarmkit_py.agent.logs import LogPublisher
from swarmkit_py.agent.managers import Managers
from swarmkit_py.agent.reporter import Reporter
from swarmkit_py.agent.worker import Worker
from swarmkit_py.clock import Clock
from swarmkit_py.errors import PermissionDenied, SwarmError, Unavailable
from swarmkit_py.model.objects import NodeDescription
from swarmkit_py.rpc.channel import Channel
from swarmkit_py.rpc.messages import (
    AnyMessage,
    Applied,
    Assignments,
    AttachAnswer,
    AttachRequest,
    DescriptionReport,
    Goodbye,
    Heartbeat,
    HeartbeatAck,
    Hello,
    LogCredit,
    LogSubscribe,
    LogUnsubscribe,
    ManagerList,
    RenewCertificate,
    Shutdown,
    StatusAck,
    TrustRoot,
    Welcome,
)
from swarmkit_py.rpc.race import until_first_ends, within
from swarmkit_py.runtime.base import ContainerEngine

log = logging.getLogger(__name__)

BACKOFF_FIRST, BACKOFF_MAX = 0.1, 8.0
RPC_TIMEOUT = 5.0
DESCRIBE_EVERY = 20.0


class Elsewhere(Unavailable):
    """Another manager leads: it is to be asked, and at once."""


class Removed(SwarmError):
    """The swarm no longer knows this node."""


class SessionEvents(Protocol):
    """What the daemon wants to hear of."""

    def welcomed(self, welcome: Welcome) -> None:
        """A session began."""

    def disconnected(self, reason: str) -> None:
        """It ended, or none could be opened; another try follows."""

    def root_changed(self, root: str) -> None:
        """The swarm's root certificate (PEM) is this one; perhaps it was before."""

    def managers_named(self, managers: list[tuple[str, str]]) -> None:
        """These are the managers now."""

    def renewal_asked(self) -> None:
        """The manager wants this node to have a new certificate."""


def next_backoff(last: float) -> float:
    """The longest pause after one more failure: 100 ms, then twice the last and 100 ms more, up to 8 s."""
    return min(BACKOFF_FIRST + 2 * last, BACKOFF_MAX)


@dataclass(frozen=True)
class AgentParts:
    """What sessions need; they come and go, these stay. `connect` opens a channel to `host:port`."""

    connect: Callable[[str], Awaitable[Channel]]
    hello: Callable[[], Hello]
    managers: Managers
    worker: Worker
    reporter: Reporter
    engine: ContainerEngine
    clock: Clock
    rng: random.Random
    events: SessionEvents
    attached: Callable[[AttachAnswer], None] = lambda answer: None
    """Hears what the manager says of a place on a network that was asked for."""


class Agent:
    """`run` until cancelled, or Removed is raised."""

    def __init__(self, parts: AgentParts) -> None:
        self._parts = parts
        self._channel: Channel | None = None
        self._session_now: _Session | None = None
        self._backoff = 0.0
        self._sent_on = False

    async def run(self) -> None:
        while True:
            addr = self._parts.managers.pick()
            self._sent_on = False
            reason = await self._try(addr)
            self._parts.managers.failed(addr)
            self._parts.events.disconnected(reason)
            self._backoff = next_backoff(self._backoff)
            pause = self._parts.rng.uniform(0, BACKOFF_FIRST if self._sent_on else self._backoff)
            log.info("session with %s: %s; again in %.1f s", addr, reason, pause)
            await self._parts.clock.sleep(pause)

    def goodbye(self) -> None:
        """Tell the manager that this node leaves, if it can be told."""
        if self._channel is not None and not self._channel.closed:
            self._channel.send(Goodbye())

    def ask(self, request: AttachRequest) -> None:
        """Ask the manager for a place on a network, if there is a session."""
        if self._channel is not None and not self._channel.closed:
            self._channel.send(request)

    def describe(self) -> None:
        """Something this node says of itself has changed: tell the manager now, if there is a session."""
        if self._session_now is not None:
            self._session_now.describe()

    async def _try(self, addr: str) -> str:
        """One session; returns why it ended. Raises Removed."""
        try:
            await self._session(addr)
            return "the manager ended the session"
        except PermissionDenied as error:
            raise Removed(error.message) from None
        except Removed:
            raise
        except Elsewhere as error:
            self._sent_on = True
            self._parts.managers.prefer(error.message)
            return f"{error} leads"
        except (SwarmError, TimeoutError, OSError) as error:
            return str(error)
        except Exception as error:
            # Whatever went wrong in one session, the node must try another one.
            log.exception("session with %s", addr)
            return f"internal error: {error}"

    async def _session(self, addr: str) -> None:
        if not addr:
            raise Unavailable("no manager is known")
        parts = self._parts
        channel = await within(parts.clock, 2 * RPC_TIMEOUT, parts.connect(addr))
        try:
            session = _Session(parts, channel)
            welcome = await session.greet(parts.hello())
            parts.managers.answered(addr)
            parts.managers.learn(welcome.managers)
            self._backoff = 0.0
            self._channel = channel
            self._session_now = session
            parts.events.welcomed(welcome)
            if welcome.root:
                parts.events.root_changed(welcome.root)
            await session.run(welcome.heartbeat_period)
        finally:
            self._channel = self._session_now = None
            await channel.close()


class _Session:
    """One session, from Hello to its end."""

    def __init__(self, parts: AgentParts, channel: Channel) -> None:
        self._worker, self._reporter, self._clock = parts.worker, parts.reporter, parts.clock
        self._hello = parts.hello
        self._events, self._attached = parts.events, parts.attached
        self._channel = channel
        self._logs = LogPublisher(parts.engine, self._worker.task_container, channel.send)
        self._sequence = 0
        self._to_confirm = 0
        self._told_networks = asyncio.Event()
        self._period = 0.0
        self._beats_open = 0
        self._described: NodeDescription | None = None

    async def greet(self, hello: Hello) -> Welcome:
        """Raises Removed, Unavailable, or TimeoutError for a manager that does not answer."""
        self._channel.send(hello)
        self._described = hello.description
        answer = await within(self._clock, RPC_TIMEOUT, self._channel.receive())
        if isinstance(answer, Shutdown):
            _ended(answer)
        if not isinstance(answer, Welcome):
            raise Unavailable(f"the manager answered Hello with {type(answer).__name__}")
        return answer

    async def run(self, period: float) -> None:
        self._period = period
        try:
            await until_first_ends(
                self._receive(), self._beat(), self._reporter.run(self._channel.send), self._describe(),
                self._confirm(),
            )
        finally:
            await self._logs.close()

    async def _receive(self) -> None:
        while True:
            message = await self._channel.receive()
            if isinstance(message, Assignments):
                self._assigned(message)
            else:
                self._handle(message)

    def _assigned(self, message: Assignments) -> None:
        if not message.complete and message.applies_to != self._sequence:
            raise Unavailable(f"assignments {message.applies_to} do not follow {self._sequence}")
        self._worker.apply(message)
        self._sequence = message.results_in
        if message.for_the_kernel:
            self._to_confirm = message.results_in
            self._told_networks.set()

    def _handle(self, message: AnyMessage) -> None:
        if isinstance(message, HeartbeatAck):
            self._period, self._beats_open = message.period, 0
        elif isinstance(message, StatusAck):
            self._reporter.acknowledge(message.sequence)
        elif isinstance(message, AttachAnswer):
            self._attached(message)
        elif isinstance(message, LogSubscribe):
            self._logs.subscribe(message)
        elif isinstance(message, LogCredit):
            self._logs.credit(message.subscription, message.batches)
        elif isinstance(message, LogUnsubscribe):
            self._logs.unsubscribe(message.subscription)
        elif isinstance(message, ManagerList):
            self._events.managers_named(message.managers)
        elif isinstance(message, TrustRoot):
            self._events.root_changed(message.root)
        elif isinstance(message, RenewCertificate):
            self._events.renewal_asked()
        elif isinstance(message, Shutdown):
            _ended(message)

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(self._period)
            if self._beats_open >= 2:
                raise Unavailable("the manager does not answer heartbeats")
            self._beats_open += 1
            self._channel.send(Heartbeat())

    async def _confirm(self) -> None:
        """Say what the kernel agrees with: the manager lets no task stop that some node still leads to."""
        while True:
            await self._told_networks.wait()
            self._told_networks.clear()
            sequence = self._to_confirm
            await self._worker.networks_agreed()
            self._channel.send(Applied(sequence=sequence))

    async def _describe(self) -> None:
        while True:
            await self._clock.sleep(DESCRIBE_EVERY)
            self.describe()

    def describe(self) -> None:
        """Tell the manager what is new of this node, if anything is."""
        description = self._hello().description
        if description != self._described and not self._channel.closed:
            self._described = description
            self._channel.send(DescriptionReport(description=description))


def _ended(message: Shutdown) -> None:
    if message.removed:
        raise Removed(message.reason)
    if message.leader:
        raise Elsewhere(message.leader)
    raise Unavailable(message.reason)
