"""Owns the order of a task's states on its node, as a table: what to do in each state, and what comes after.

Pure. Counterpart: swarmkit/agent/exec/controller.go (Do) and design/task_model.md.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from swarmkit_py.model.states import TaskState


class Action(Enum):
    """What a runner does next."""

    STEP = "climb one state"
    STOP = "stop the container"
    DISCARD = "remove the container"
    WAIT = "wait for news"


class Step(NamedTuple):
    """How to leave a state: `work` (a method of the runner, "" for none), then this state with this message."""

    work: str
    to: TaskState
    message: str


STEPS: dict[TaskState, Step] = {
    TaskState.ASSIGNED: Step("", TaskState.ACCEPTED, "accepted"),
    TaskState.ACCEPTED: Step("", TaskState.PREPARING, "preparing"),
    TaskState.PREPARING: Step("prepare", TaskState.READY, "prepared"),
    TaskState.READY: Step("", TaskState.STARTING, "starting"),
    TaskState.STARTING: Step("start", TaskState.RUNNING, "started"),
    TaskState.RUNNING: Step("wait", TaskState.COMPLETE, "finished"),
}


def next_action(observed: TaskState, desired: TaskState, has_container: bool) -> Action:
    """What a task in this state, wanted in that one, needs next."""
    if observed.terminal:
        return Action.DISCARD if desired is TaskState.REMOVE and has_container else Action.WAIT
    if desired.rank >= TaskState.SHUTDOWN.rank:
        return Action.STOP
    if observed is TaskState.READY and desired.rank < TaskState.RUNNING.rank:
        return Action.WAIT
    return Action.STEP


def failure_state(observed: TaskState) -> TaskState:
    """Where an error leads: what never started was refused, what did has failed."""
    return TaskState.REJECTED if observed.rank < TaskState.STARTING.rank else TaskState.FAILED
