"""Owns the task's states, their order, and who may move a task from one to the next (one writer each).

States are a Lamport clock: of two observations the greater is right, so an observed state only ever rises.
Counterpart: swarmkit/api/types.proto (values 64 apart) and design/tla/Tasks.tla (the table).
"""

from __future__ import annotations

from enum import Enum


class TaskState(str, Enum):
    """A task's state as Docker's JSON spells it; compare with `rank`."""

    NEW = "new"
    PENDING = "pending"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    PREPARING = "preparing"
    READY = "ready"
    STARTING = "starting"
    RUNNING = "running"
    COMPLETE = "complete"
    SHUTDOWN = "shutdown"
    FAILED = "failed"
    REJECTED = "rejected"
    REMOVE = "remove"
    ORPHANED = "orphaned"

    @property
    def rank(self) -> int:
        """SwarmKit's number of the state; only the order matters."""
        return _RANKS[self]

    @property
    def terminal(self) -> bool:
        """True once the container has ended for good (COMPLETE and above)."""
        return self.rank > TaskState.RUNNING.rank


_RANKS = {
    TaskState.NEW: 0, TaskState.PENDING: 64, TaskState.ASSIGNED: 192, TaskState.ACCEPTED: 256,
    TaskState.PREPARING: 320, TaskState.READY: 384, TaskState.STARTING: 448, TaskState.RUNNING: 512,
    TaskState.COMPLETE: 576, TaskState.SHUTDOWN: 640, TaskState.FAILED: 704, TaskState.REJECTED: 768,
    TaskState.REMOVE: 800, TaskState.ORPHANED: 832,
}


class Writer(str, Enum):
    """A component that may write tasks. The store checks each write against `TRANSITIONS`."""

    ORCHESTRATOR = "orchestrator"
    ALLOCATOR = "allocator"
    SCHEDULER = "scheduler"
    AGENT = "agent"
    DISPATCHER = "dispatcher"
    ENFORCER = "enforcer"
    REAPER = "reaper"
    CONTROL = "control"


_ON_NODE = (
    TaskState.ASSIGNED, TaskState.ACCEPTED, TaskState.PREPARING, TaskState.READY, TaskState.STARTING,
    TaskState.RUNNING,
)
_CLIMB = (*_ON_NODE, TaskState.COMPLETE, TaskState.SHUTDOWN, TaskState.FAILED, TaskState.REJECTED)


def _agent_steps() -> frozenset[tuple[TaskState, TaskState]]:
    return frozenset((a, b) for a in _ON_NODE for b in _CLIMB if b.rank > a.rank)


TRANSITIONS: dict[Writer, frozenset[tuple[TaskState, TaskState]]] = {
    Writer.ORCHESTRATOR: frozenset(),
    Writer.ALLOCATOR: frozenset({(TaskState.NEW, TaskState.PENDING)}),
    Writer.SCHEDULER: frozenset({
        (TaskState.PENDING, TaskState.ASSIGNED), (TaskState.PENDING, TaskState.SHUTDOWN),
    }),
    Writer.AGENT: _agent_steps(),
    Writer.ENFORCER: frozenset((state, TaskState.REJECTED) for state in _ON_NODE),
    Writer.DISPATCHER: frozenset((state, TaskState.ORPHANED) for state in _ON_NODE),
    Writer.CONTROL: frozenset((state, TaskState.ORPHANED) for state in _ON_NODE),
    Writer.REAPER: frozenset(),
}
"""Who may change an *observed* state from what to what. The agent may skip states: it reports the newest only.
(Creating tasks and desired states: the orchestrator; deleting: the reaper, and control with the service.)"""


def may_move(writer: Writer, old: TaskState, new: TaskState) -> bool:
    """True if `writer` owns the step; staying in a state is always allowed."""
    return old is new or (old, new) in TRANSITIONS[writer]


class NodeState(str, Enum):
    UNKNOWN = "unknown"
    DOWN = "down"
    READY = "ready"
    DISCONNECTED = "disconnected"


class Availability(str, Enum):
    ACTIVE = "active"
    PAUSE = "pause"
    DRAIN = "drain"


class Role(str, Enum):
    WORKER = "worker"
    MANAGER = "manager"
