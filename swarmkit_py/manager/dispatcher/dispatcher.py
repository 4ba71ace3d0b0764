"""Owns the manager's side of a node's session from Hello to the end, and the loops behind all sessions.

Must not know the agent, or what runs on a node. Counterpart: swarmkit/manager/dispatcher/dispatcher.go.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Coroutine
from typing import Any

from swarmkit_py.clock import Clock
from swarmkit_py.errors import NotFound, SwarmError, Unavailable
from swarmkit_py.ids import Ids
from swarmkit_py.manager.dispatcher import nodes
from swarmkit_py.manager.dispatcher.assigner import Assigner
from swarmkit_py.manager.dispatcher.attach import attach
from swarmkit_py.manager.dispatcher.certificates import CertificateNews, managers_of
from swarmkit_py.manager.dispatcher.logs import LogBroker
from swarmkit_py.manager.dispatcher.sessions import HEARTBEAT_PERIOD, Session, Sessions
from swarmkit_py.manager.dispatcher.statuses import StatusBatcher
from swarmkit_py.model.identity import Identity
from swarmkit_py.model.objects import Cluster, Node
from swarmkit_py.model.specs import SECOND
from swarmkit_py.model.states import NodeState
from swarmkit_py.rpc.channel import Channel, ChannelClosed
from swarmkit_py.rpc.messages import (
    AnyMessage,
    Applied,
    AttachRequest,
    DescriptionReport,
    Goodbye,
    Heartbeat,
    HeartbeatAck,
    Hello,
    LogLines,
    Shutdown,
    StatusReport,
    Welcome,
)
from swarmkit_py.rpc.race import until_first_ends, within
from swarmkit_py.store.memory import Store

log = logging.getLogger(__name__)

HELLO_WAIT = 10.0
LONGEST_SLEEP = 1.0
"""New deadlines are never nearer than this."""


class Dispatcher:
    """`run` the loops once; `serve` one call per connected node. `broker` gives access to the nodes' logs."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, rng: random.Random | None = None) -> None:
        self._store, self._clock, self._ids = store, clock, ids
        self._sessions = Sessions(rng or random.Random())
        self._statuses = StatusBatcher(store, clock)
        self._assigner = Assigner(store, clock, self._sessions, self._remove)
        self._certificates = CertificateNews(store, self._sessions)
        self.broker = LogBroker(self._sessions, ids)
        self._down_since: dict[str, float] = {}
        self._endings: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled: first every known node gets time to come back, then the loops."""
        try:
            await self._expect_known_nodes()
            await until_first_ends(self._assigner.run(), self._statuses.run(), self._certificates.run(),
                                    self._watch_deadlines())
        finally:
            for session in self._sessions:
                self._end(session, Shutdown(reason="the manager stops"))

    async def serve(self, caller: Identity, channel: Channel) -> None:
        """One session, until it ends. The caller's certificate was checked already."""
        try:
            hello = await within(self._clock, HELLO_WAIT, channel.receive())
            if not isinstance(hello, Hello):
                raise SwarmError(f"a session starts with Hello, not {type(hello).__name__}")
            session = self._register(caller, hello, channel)
        except (SwarmError, TimeoutError) as error:
            self._refuse(channel, error)
            return
        try:
            self._welcome(session)
            while self._sessions.current(session):
                self._handle(session, await channel.receive())
        except ChannelClosed as end:
            log.info("session of node %s ended: %s", session.node_id, end)
        finally:
            self._sessions.close(session)
            self.broker.session_ended(session)

    def _register(self, caller: Identity, hello: Hello, channel: Channel) -> Session:
        now = self._clock.monotonic()
        self._sessions.allow(caller.node_id, now)
        nodes.mark_ready(self._store, caller.node_id, hello)
        self._down_since.pop(caller.node_id, None)
        session = Session(self._ids.object_id(), caller.node_id, channel, caller.role)
        old = self._sessions.open(session)
        if old is not None:
            self._end(old, Shutdown(reason="the node opened a newer session"))
        return session

    def _welcome(self, session: Session) -> None:
        session.channel.send(Welcome(
            session_id=session.id, heartbeat_period=self._beat(session), managers=managers_of(self._store),
            cluster_id=self._cluster().id, root=self._cluster().root_ca,
        ))
        self._certificates.begin(session)
        self._assigner.begin(session)

    def _handle(self, session: Session, message: AnyMessage) -> None:
        if not self._sessions.current(session):
            return  # overtaken by a newer session: what it says no longer counts
        if isinstance(message, Heartbeat):
            session.channel.send(HeartbeatAck(period=self._beat(session)))
        elif isinstance(message, StatusReport):
            self._statuses.add(session, message)
        elif isinstance(message, Applied):
            self._assigner.acknowledge(session, message.sequence)
        elif isinstance(message, AttachRequest):
            self._spawn(self._attach(session, message))
        elif isinstance(message, LogLines):
            self.broker.publish(session, message)
        elif isinstance(message, DescriptionReport):
            nodes.describe(self._store, session.node_id, message.description)
        elif isinstance(message, Goodbye):
            self._node_down(session.node_id, nodes.LEFT_MESSAGE)
            nodes.orphan_tasks(self._store, session.node_id, nodes.LEFT_MESSAGE)
            self._sessions.forget(session.node_id)
            self._end(session, Shutdown(reason="goodbye"))
        else:
            raise ChannelClosed(f"a node does not send {type(message).__name__}")

    async def _attach(self, session: Session, request: AttachRequest) -> None:
        answer = await attach(self._store, self._clock, session.node_id, request)
        if not session.channel.closed:
            session.channel.send(answer)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Beside the session, which goes on meanwhile."""
        task = asyncio.ensure_future(work)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    def _beat(self, session: Session) -> float:
        return self._sessions.beat(session.node_id, self._clock.monotonic(), self._period())

    def _end(self, session: Session, last: Shutdown) -> None:
        """Say why, then close, without holding up the caller."""
        self._sessions.close(session)
        self._refuse(session.channel, SwarmError(last.reason), removed=last.removed)
        self._spawn(session.channel.close())

    def _refuse(self, channel: Channel, error: Exception, *, removed: bool = False) -> None:
        try:
            channel.send(Shutdown(reason=str(error), removed=removed or isinstance(error, NotFound)))
        except ChannelClosed:
            pass  # nobody is left to tell

    def _remove(self, node_id: str) -> None:
        self._sessions.forget(node_id)
        self._down_since.pop(node_id, None)
        session = self._sessions.get(node_id)
        if session is not None:
            self._end(session, Shutdown(reason="the node was removed from the swarm", removed=True))

    async def _expect_known_nodes(self) -> None:
        while (unknown := self._mark_unknown()) is None:
            await self._clock.sleep(LONGEST_SLEEP)
        now = self._clock.monotonic()
        for node_id in unknown:
            self._sessions.expect(node_id, now, self._period())
        for node in self._store.all(Node):
            if node.status.state is NodeState.DOWN:
                self._down_since[node.id] = now

    def _mark_unknown(self) -> list[str] | None:
        """None if it cannot be written now: a manager that finds its disk full must start all the same."""
        try:
            return nodes.mark_unknown(self._store, [session.node_id for session in self._sessions])
        except Unavailable as error:
            log.warning("known nodes not marked: %s; again in %g s", error, LONGEST_SLEEP)
            return None

    async def _watch_deadlines(self) -> None:
        while True:
            now = self._clock.monotonic()
            try:
                self._act_on_deadlines(now)
            except Exception:
                # Whatever the journal cannot do now (a full disk): a lost node must be noticed all the same, later.
                log.exception("deadlines not acted on; again in %g s", LONGEST_SLEEP)
            deadline = self._sessions.next_deadline()
            wait = deadline - now if deadline is not None and deadline > now else LONGEST_SLEEP
            await self._clock.sleep(min(wait, LONGEST_SLEEP))

    def _act_on_deadlines(self, now: float) -> None:
        for node_id, message in self._sessions.expired(now):
            self._node_down(node_id, message)
        for node_id in [n for n, since in self._down_since.items() if now - since >= nodes.ORPHAN_AFTER]:
            nodes.orphan_tasks(self._store, node_id)
            del self._down_since[node_id]

    def _node_down(self, node_id: str, message: str) -> None:
        log.warning("node %s is down: %s", node_id, message)
        nodes.mark_down(self._store, node_id, message)
        self._sessions.expect_nothing(node_id)
        self._down_since[node_id] = self._clock.monotonic()
        session = self._sessions.get(node_id)
        if session is not None:
            self._end(session, Shutdown(reason=message))

    def _cluster(self) -> Cluster:
        return self._store.all(Cluster)[0]

    def _period(self) -> float:
        nanoseconds = next((c.spec.dispatcher.heartbeat_period for c in self._store.all(Cluster)), None)
        return nanoseconds / SECOND if nanoseconds else HEARTBEAT_PERIOD
