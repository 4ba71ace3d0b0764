"""A node changes under its tasks."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from swarmkit_py.clock import ZERO_TIME, ManualClock
from swarmkit_py.manager.orchestrator.enforcer import NO_LONGER_FITS, TOO_SMALL, ConstraintEnforcer, misfits
from swarmkit_py.model.objects import Node, Task
from swarmkit_py.model.states import Availability, TaskState
from swarmkit_py.store.memory import Store
from swarmkit_py.store.watch import Change
from tests.builders import node, service, task

RACKED = service("db", constraints=["node.labels.rack==a"])
BIG = service("big", cpus=1)
ALL = {RACKED.id: RACKED, BIG.id: BIG}


def on(where: Node, of=RACKED, slot: int = 1, state: TaskState = TaskState.RUNNING, **more: object) -> Task:  # type: ignore[no-untyped-def]
    made = task(of, slot, node_id=where.id, state=state, **more)
    return replace(made, created_at=ZERO_TIME + timedelta(seconds=slot))


def test_a_lost_label_rejects() -> None:
    where = node("a", labels={"rack": "b"})
    stray = on(where)
    assert misfits(where, [stray], ALL) == {stray.id: NO_LONGER_FITS}


def test_a_label_that_still_holds_rejects_nothing() -> None:
    where = node("a", labels={"rack": "a"})
    assert misfits(where, [on(where)], ALL) == {}


def test_only_tasks_that_are_on_the_node_and_wanted() -> None:
    where = node("a")
    assert misfits(where, [on(where, desired=TaskState.SHUTDOWN), on(where, state=TaskState.FAILED),
                           on(where, state=TaskState.PENDING)], ALL) == {}


def test_drained_nodes_are_the_restart_supervisors() -> None:
    where = node("a", availability=Availability.DRAIN)
    assert misfits(where, [on(where)], ALL) == {}


def test_the_older_stay_where_room_is_short() -> None:
    where = node("a", cpus=2)
    tasks = [on(where, BIG, slot) for slot in (3, 1, 2)]
    assert misfits(where, tasks, ALL) == {tasks[0].id: TOO_SMALL}


def test_the_loop_writes_rejected_with_the_reason() -> None:
    store = Store(ManualClock())
    enforcer = ConstraintEnforcer(store, store.clock)
    before, after = node("a", labels={"rack": "a"}), node("a")
    placed = on(before)
    store.update(lambda tx: [tx.create(after), tx.create(RACKED), tx.create(placed)])
    enforcer.notice(Change(Node, before, after))
    assert enforcer.tick() is None
    status = store.all(Task)[0].status
    assert (status.state, status.err) == (TaskState.REJECTED, NO_LONGER_FITS)


def test_a_heartbeat_is_no_change() -> None:
    store = Store(ManualClock())
    enforcer = ConstraintEnforcer(store, store.clock)
    store.update(lambda tx: [tx.create(node("a")), tx.create(RACKED), tx.create(on(node("a")))])
    enforcer.notice(Change(Node, node("a"), replace(node("a"), index=7)))
    enforcer.tick()
    assert store.all(Task)[0].status.state is TaskState.RUNNING
