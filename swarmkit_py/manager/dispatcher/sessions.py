"""Owns who is connected: at most one session a node, its deadline, and how often a node may come back.

Time is an argument. Must not know the store. Counterpart: swarmkit/manager/dispatcher/nodes.go and period.go.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator

from swarmkit_py.errors import Unavailable
from swarmkit_py.model.assignment import NodeAssignment
from swarmkit_py.model.states import Role
from swarmkit_py.rpc.channel import Channel

HEARTBEAT_PERIOD = 5.0
HEARTBEAT_JITTER = 0.5
GRACE = 3
"""Periods without a heartbeat until a node counts as down."""
REGISTRATIONS, REGISTRATION_WINDOW = 3, 8.0
"""So many sessions a node may open in so many seconds."""
DOWN_MESSAGE = "heartbeat failure"
UNKNOWN_DOWN_MESSAGE = 'heartbeat failure for node in "unknown" state'


class Session:
    """One node's connection, and what it was told over it."""

    def __init__(self, session_id: str, node_id: str, channel: Channel, role: Role = Role.WORKER) -> None:
        self.id = session_id
        self.node_id = node_id
        self.role = role
        """As its certificate says."""
        self.channel = channel
        self.sequence = 0
        self.told_networks = 0
        """The sequence of the last message for the node's kernel, and of the last that its kernel agreed with."""
        self.applied = 0
        self.told: NodeAssignment | None = None


class Sessions:
    """The sessions by node, and the moment each node counts as down."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._sessions: dict[str, Session] = {}
        self._deadlines: dict[str, tuple[float, str]] = {}
        self._opened: dict[str, deque[float]] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def get(self, node_id: str) -> Session | None:
        return self._sessions.get(node_id)

    def current(self, session: Session) -> bool:
        return self._sessions.get(session.node_id) is session

    def allow(self, node_id: str, now: float) -> None:
        """Raises Unavailable for a node that registers too often."""
        opened = self._opened.setdefault(node_id, deque())
        while opened and opened[0] <= now - REGISTRATION_WINDOW:
            opened.popleft()
        if len(opened) >= REGISTRATIONS:
            raise Unavailable(f"node {node_id} attempted registration too recently", rpc=True)
        opened.append(now)

    def open(self, session: Session) -> Session | None:
        """Make it the node's session; returns the one it takes the place of."""
        old = self._sessions.get(session.node_id)
        self._sessions[session.node_id] = session
        return old

    def close(self, session: Session) -> None:
        """The connection ended; the node may come back until its deadline."""
        if self.current(session):
            del self._sessions[session.node_id]

    def beat(self, node_id: str, now: float, period: float = HEARTBEAT_PERIOD) -> float:
        """A sign of life: moves the deadline; returns the seconds until the next beat is due."""
        jitter = min(HEARTBEAT_JITTER, period / 10)
        chosen = period + self._rng.uniform(-jitter, jitter)
        self._deadlines[node_id] = now + GRACE * chosen, DOWN_MESSAGE
        return chosen

    def expect(self, node_id: str, now: float, period: float = HEARTBEAT_PERIOD) -> None:
        """A node known from before this manager started: it has twice the grace to show itself."""
        self._deadlines[node_id] = now + 2 * GRACE * period, UNKNOWN_DOWN_MESSAGE

    def forget(self, node_id: str) -> None:
        """The node left, or was removed."""
        self.expect_nothing(node_id)
        self._opened.pop(node_id, None)

    def expired(self, now: float) -> list[tuple[str, str]]:
        """(node id, message) of every deadline that has passed, until `expect_nothing`."""
        return [(node_id, message) for node_id, (when, message) in self._deadlines.items() if when <= now]

    def expect_nothing(self, node_id: str) -> None:
        """The node is known to be down: no deadline until it is back."""
        self._deadlines.pop(node_id, None)

    def next_deadline(self) -> float | None:
        return min((when for when, _ in self._deadlines.values()), default=None)
