"""Owns when nodes are told: the first change at once, then at most every 100 ms. What they are told is pure
(`assignments`). Counterpart: swarmkit/manager/dispatcher/dispatcher.go (Assignments).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from swarmkit_py.clock import Clock
from swarmkit_py.errors import SwarmError
from swarmkit_py.manager.dispatcher.assignments import (
    Survey,
    assignment_for,
    complete_message,
    concerns_nodes,
    difference,
    take_survey,
)
from swarmkit_py.manager.dispatcher.drains import FIRST, NEVER, Carrier, Drains
from swarmkit_py.manager.dispatcher.sessions import Session, Sessions
from swarmkit_py.model.objects import Cluster, Network, Node, Service, Task
from swarmkit_py.model.states import NodeState
from swarmkit_py.store.memory import Store
from swarmkit_py.store.watch import Change, Watch

log = logging.getLogger(__name__)

FLUSH_INTERVAL = 0.1


class Assigner:
    """Keeps every session told. `on_removed` hears of nodes that were deleted from the store."""

    def __init__(self, store: Store, clock: Clock, sessions: Sessions, on_removed: Callable[[str], None]) -> None:
        self._store, self._clock, self._sessions = store, clock, sessions
        self._on_removed = on_removed
        self._survey: Survey | None = None
        self._surveyed_at = -1
        self._drains = Drains()

    def begin(self, session: Session) -> None:
        """Send a new session its whole set. Raises ChannelClosed."""
        session.told = assignment_for(self._current(), session.node_id, self._drains.done)
        session.sequence = session.told_networks = FIRST
        session.channel.send(complete_message(session.told, session.sequence))
        self._drains.restarted(session.node_id)

    def acknowledge(self, session: Session, sequence: int) -> None:
        """A node's kernel agrees with what it was told. Tasks that nothing leads to any more may stop."""
        session.applied = max(session.applied, sequence)
        self._tell_all(self._drains.acknowledge(session.node_id, session.applied))

    async def run(self) -> None:
        with self._store.watch(Task, Node, Network, Service, Cluster) as watch:
            self.flush()
            while True:
                changes = await watch.next()
                if self._concerned(watch, changes):
                    self.flush()
                    await self._clock.sleep(FLUSH_INTERVAL)

    def flush(self) -> None:
        """Tell each session what is new for it."""
        self._tell_all(None)
        shared = self._current()
        if shared.leaving or not self._drains.idle:
            self._tell_all(self._drains.follow(shared.leaving, self._carriers(shared)))

    def _tell_all(self, node_ids: Collection[str] | None) -> None:
        """The sessions of these nodes (None: every session)."""
        shared = self._current()
        for session in self._sessions:
            if node_ids is None or session.node_id in node_ids:
                try:
                    self._tell(session, shared)
                except SwarmError as error:
                    log.warning("node %s not told: %s", session.node_id, error)
                    session.channel.abort(str(error))

    def _carriers(self, shared: Survey) -> list[Carrier]:
        """Every node whose kernel may lead to a task: also one that has lost its session for the moment."""
        found = []
        for node in shared.nodes.values():
            session = self._sessions.get(node.id)
            if session is not None and session.told is not None:
                found.append(Carrier(node.id, session.told.networks, session.told_networks, session.applied))
            elif node.status.state is not NodeState.DOWN:
                found.append(Carrier(node.id, {at.network_id for at in node.attachments}, NEVER, 0))
        return found

    def _tell(self, session: Session, shared: Survey) -> None:
        if session.told is None:
            return
        wanted = assignment_for(shared, session.node_id, self._drains.done)
        news = difference(session.told, wanted)
        if not news.empty:
            message = news.message(session.sequence)
            session.channel.send(message)
            session.sequence = message.results_in
            if message.for_the_kernel:
                session.told_networks = message.results_in
        session.told = wanted

    def _concerned(self, watch: Watch, changes: list[Change]) -> bool:
        for change in changes:
            if change.kind is Node and change.new is None:
                self._on_removed(change.old.id)
        return watch.acknowledge_resync() or any(concerns_nodes(change.old, change.new) for change in changes)

    def _current(self) -> Survey:
        if self._survey is None or self._surveyed_at != self._store.index:
            self._survey, self._surveyed_at = take_survey(self._store), self._store.index
        return self._survey
