"""The scheduler's picture of the cluster, in the cases its loop meets seldom."""

from __future__ import annotations

import pytest

from swarmkit_py.clock import ManualClock
from swarmkit_py.manager.scheduler import Scheduler
from swarmkit_py.manager.scheduler.view import View
from swarmkit_py.model.objects import Node, Task
from swarmkit_py.model.states import TaskState
from swarmkit_py.store.memory import Store
from swarmkit_py.store.watch import Change
from tests.builders import in_state, node, service, task

WEB = service("web")


def test_what_failed_where_is_remembered_when_the_rest_is_read_again() -> None:
    store = Store(ManualClock())
    store.update(lambda tx: tx.create(node("a")))
    view = View(store, lambda: 7.0)
    view.rebuild()
    running = task(WEB, node_id="node-a", state=TaskState.RUNNING)
    for _ in range(5):
        view.follow_task(running, in_state(running, TaskState.REJECTED))
    view.rebuild()
    assert view.nodes["node-a"].is_faulty((WEB.id, 0), 8.0)


def test_a_node_that_comes_after_its_tasks_has_them() -> None:
    store = Store(ManualClock())
    view = View(store, lambda: 0.0)
    store.update(lambda tx: [tx.create(task(WEB, node_id="node-a", state=TaskState.RUNNING)), tx.create(node("a"))])
    assert view.follow_node(None, node("a"))
    assert view.nodes["node-a"].total == 1


def test_room_kept_for_a_task_that_was_deleted_meanwhile_is_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarmkit_py.manager.defaults.BATCH", 1)
    clock = ManualClock()
    store = Store(clock)
    store.update(lambda tx: [tx.create(node("a")), *(
        tx.create(task(service(cpus=2), slot, id=f"t{slot}", state=TaskState.PENDING)) for slot in (1, 2))])
    first_of_both = {"t1": "node-a", "t2": "node-a"}
    scheduler = Scheduler(store, clock, lambda group, nodes: dict(first_of_both))
    scheduler.look_at_everything()
    assert scheduler.tick() == 0, "the second decision is still to be written"
    store.update(lambda tx: tx.delete(Task, "t2"))
    scheduler.tick()
    written = store.get(Task, "t1")
    assert written is not None
    host = store.get(Node, "node-a")
    scheduler.notice(Change(Task, written, None))
    scheduler.notice(Change(Node, host, host))
    assert scheduler._view.nodes["node-a"].free_nano_cpus() == 2_000_000_000
