"""Owns components broken on purpose, each in one place: the simulation must find every one of them.

A mutant patches the running code for as long as its context lasts. `rules` names what may catch it: any of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from swarmkit_py.agent import worker
from swarmkit_py.manager.allocator.books import Books
from swarmkit_py.manager.dispatcher import assignments, statuses
from swarmkit_py.manager.orchestrator import (
    global_mode,
    reaper,
    replicated,
    restart,
    services,
    supervisor,
    update,
    updater,
)
from swarmkit_py.manager.orchestrator.plan import NewTask
from swarmkit_py.manager.orchestrator.slots import wanted
from swarmkit_py.manager.orchestrator.turns import Turns
from swarmkit_py.manager.scheduler import loop
from swarmkit_py.model.objects import Node
from swarmkit_py.model.states import TaskState
from swarmkit_py.sim.disk import SimJournal

Patch = Callable[[pytest.MonkeyPatch], None]


class Mutant(NamedTuple):
    """What is broken, how, and which rules may say so."""

    name: str
    patch: Patch
    rules: tuple[str, ...]


def twice(patch: pytest.MonkeyPatch) -> None:
    """The orchestrator makes a second task for a slot that has one."""
    plan = replicated.plan

    def broken(service: Any, tasks: Any) -> Any:
        result, tasks = plan(service, list(tasks)), list(tasks)
        if sum(map(wanted, tasks)) == 2:
            result.fill(next(task.slot for task in tasks if wanted(task)), [])
        return result

    patch.setattr(replicated, "plan", broken)


def deaf_to_nodes(patch: pytest.MonkeyPatch) -> None:
    """The orchestrator does not hear of nodes: global services stay where they are."""
    patch.setattr(services, "_node_matters", lambda change: False)


def never_settled(patch: pytest.MonkeyPatch) -> None:
    """The orchestrator does not know restart policies: a slot that ended for good is filled again."""
    patch.setattr(global_mode, "settled", lambda slot: False)
    patch.setattr(replicated, "settled", lambda slot: False)


def impatient(patch: pytest.MonkeyPatch) -> None:
    """The restart supervisor lets successors start at once."""
    patch.setattr(supervisor, "start_due", lambda task, slot, nodes, now: now)


class NoAlarms(Turns):
    """Nobody is called when the time has come."""

    def call(self, service_id: str, when: datetime) -> None:
        pass


def no_alarm(patch: pytest.MonkeyPatch) -> None:
    """The restart supervisor forgets when to look again."""
    patch.setattr(supervisor, "Turns", NoAlarms)


def restarts_nothing(patch: pytest.MonkeyPatch) -> None:
    """The restart supervisor restarts nothing."""
    patch.setattr(supervisor, "should_restart", lambda task, slot: False)
    patch.setattr(restart, "should_restart", lambda task, slot: False)


def half_an_update(patch: pytest.MonkeyPatch) -> None:
    """The updater calls an update complete with a slot to go."""
    survey = update.survey
    patch.setattr(update, "survey", lambda *args: survey(*args)[:-1])


def overlapping_update(patch: pytest.MonkeyPatch) -> None:
    """The updater starts the new task beside the old one, whatever the order says."""
    patch.setattr(update, "NewTask", lambda key, desired, old: NewTask(key, TaskState.RUNNING, old))


def deaf_updater(patch: pytest.MonkeyPatch) -> None:
    """The updater takes no further step when a task comes up."""
    patch.setattr(updater, "_matters", lambda change: False)
    patch.setattr(updater, "Turns", NoAlarms)


def blind_placement(patch: pytest.MonkeyPatch) -> None:
    """The scheduler takes the first node, whatever the filters say."""

    def broken(group: Any, nodes: Any) -> Any:
        return {task.id: nodes[0].node.id for task in group.tasks}

    start = loop.Scheduler.__init__

    def init(self: Any, *args: Any, **more: Any) -> None:
        start(self, *args, **more)
        self._place = broken

    patch.setattr(loop.Scheduler, "__init__", init)


def forgetful_scheduler(patch: pytest.MonkeyPatch) -> None:
    """The scheduler does not hear of nodes that come back."""
    notice = loop.Scheduler.notice

    def broken(self: Any, change: Any) -> None:
        if change.kind is not Node or change.old is None:
            notice(self, change)

    patch.setattr(loop.Scheduler, "notice", broken)


def same_address(patch: pytest.MonkeyPatch) -> None:
    """The allocator gives the address that the last one got."""
    take, last = Books.take, {}

    def broken(self: Any, network_id: str, holder: Any, asked: str = "") -> Any:
        if network_id not in last:
            last[network_id] = take(self, network_id, holder, asked)
        return last[network_id]

    patch.setattr(Books, "take", broken)


def leaking_addresses(patch: pytest.MonkeyPatch) -> None:
    """The allocator takes nothing back."""
    patch.setattr(Books, "_release", lambda self, *args: None)


def deletes_the_living(patch: pytest.MonkeyPatch) -> None:
    """The reaper does not wait for the end of a task."""
    patch.setattr(reaper, "on_a_node", lambda task: False)


def acknowledges_first(patch: pytest.MonkeyPatch) -> None:
    """The dispatcher acknowledges reports that it did not write."""
    add, count = statuses.StatusBatcher.add, [0]

    def broken(self: Any, session: Any, report: Any) -> None:
        count[0] += 1
        if count[0] % 5:
            add(self, session, report)
        else:
            statuses._acknowledge([(session, report)])

    patch.setattr(statuses.StatusBatcher, "add", broken)


def states_fall(patch: pytest.MonkeyPatch) -> None:
    """The dispatcher believes the last report instead of the greatest."""
    patch.setattr(statuses, "advances", lambda task, status, node_id: status.state is not task.status.state)
    patch.setattr("swarmkit_py.store.memory.may_move", lambda *args: True)


def never_takes_away(patch: pytest.MonkeyPatch) -> None:
    """The dispatcher does not tell a node which tasks it no longer has."""
    difference = assignments.difference

    def broken(old: Any, new: Any) -> Any:
        found = difference(old, new)
        found.removed_tasks = []
        return found

    patch.setattr("swarmkit_py.manager.dispatcher.assigner.difference", broken)


def no_sync(patch: pytest.MonkeyPatch) -> None:
    """The journal keeps the newest transaction in memory until the next one."""
    keep = SimJournal.keep

    def broken(self: Any, index: int, writes: Any) -> None:
        waiting = getattr(self, "waiting", None)
        if waiting is not None:
            keep(self, *waiting)
        self.waiting = (index, writes) if index > 1 else keep(self, index, writes)

    patch.setattr(SimJournal, "keep", broken)


def new_containers(patch: pytest.MonkeyPatch) -> None:
    """The agent does not recognise its containers after a restart."""
    patch.setattr(worker, "_resume", lambda status, container: replace(status, container=None))


MUTANTS = (
    Mutant("orchestrator doubles a slot", twice, ("one-per-slot", "stop-first", "running=wanted")),
    Mutant("orchestrator is deaf to nodes", deaf_to_nodes, ("running=wanted",)),
    Mutant("orchestrator ignores restart policies", never_settled, ("restart-policy",)),
    Mutant("restart supervisor is impatient", impatient, ("stop-first",)),
    Mutant("restart supervisor forgets its alarm", no_alarm, ("running=wanted", "updated")),
    Mutant("restart supervisor gives up", restarts_nothing, ("running=wanted",)),
    Mutant("updater stops one slot early", half_an_update, ("updated",)),
    Mutant("updater overlaps", overlapping_update, ("stop-first", "one-per-slot")),
    Mutant("updater is deaf", deaf_updater, ("updated",)),
    Mutant("scheduler is blind", blind_placement, ("placed-well",)),
    Mutant("scheduler forgets nodes", forgetful_scheduler, ("placed-well", "true-reason", "running=wanted")),
    Mutant("allocator gives twice", same_address, ("given-twice",)),
    Mutant("allocator leaks", leaking_addresses, ("true-reason",)),
    Mutant("reaper deletes the living", deletes_the_living, ("deleted-alive",)),
    Mutant("dispatcher acknowledges first", acknowledges_first, ("acknowledged",)),
    Mutant("dispatcher lets states fall", states_fall, ("states-rise", "one-writer")),
    Mutant("dispatcher never takes away", never_takes_away, ("leftovers",)),
    Mutant("journal does not sync", no_sync, ("durable",)),
    Mutant("agent makes containers anew", new_containers, ("one-container", "really-runs", "leftovers")),
)
