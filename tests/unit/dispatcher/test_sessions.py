"""Sessions, heartbeats and observed states, with time under control and a node played by the test."""

from __future__ import annotations

import random
from datetime import datetime, timezone
from typing import Any

import pytest
from msgspec.structs import replace

from swarmkit_py.errors import Unavailable
from swarmkit_py.manager.dispatcher import nodes
from swarmkit_py.manager.dispatcher.sessions import HEARTBEAT_PERIOD, Session, Sessions
from swarmkit_py.manager.dispatcher.statuses import advances, known
from swarmkit_py.model.objects import Node, Task, TaskStatus
from swarmkit_py.model.states import NodeState, TaskState
from swarmkit_py.rpc.channel import memory_pair
from swarmkit_py.rpc.messages import (
    Assignments,
    Goodbye,
    Heartbeat,
    HeartbeatAck,
    Shutdown,
    StatusAck,
    StatusReport,
    Welcome,
)
from tests.builders import task
from tests.unit.dispatcher.rig import NOW, FakeNode, Swarm


async def test_hello_makes_a_node_ready_and_is_answered_by_everything(swarm: Swarm) -> None:
    here = await swarm.connect()
    assert swarm.state() == (NodeState.READY, "")
    found = swarm.store.get(Node, "node-one")
    assert found is not None
    assert found.status.addr == "10.7.0.9"
    welcome, whole = here.inbox
    assert isinstance(welcome, Welcome)
    assert 4.5 <= welcome.heartbeat_period <= 5.5
    assert isinstance(whole, Assignments)
    assert (whole.complete, [n.name for n in whole.networks]) == (True, ["ingress"])


async def test_a_silent_node_is_down_after_three_periods(swarm: Swarm) -> None:
    await swarm.connect()
    await swarm.clock.advance(13.4)
    assert swarm.state()[0] is NodeState.READY
    await swarm.clock.advance(3.2)
    assert swarm.state() == (NodeState.DOWN, "heartbeat failure")


async def test_heartbeats_keep_it_up_with_a_new_period_each_time(swarm: Swarm) -> None:
    here = await swarm.connect()
    for _ in range(10):
        await swarm.clock.advance(5)
        await here.send(Heartbeat())
    assert swarm.state()[0] is NodeState.READY
    periods = {ack.period for ack in here.got(HeartbeatAck)}
    assert len(periods) == 10
    assert all(abs(period - HEARTBEAT_PERIOD) <= 0.5 for period in periods)


async def test_after_a_restart_nodes_are_unknown_and_have_double_grace(swarm: Swarm) -> None:
    assert swarm.state("two") == (
        NodeState.UNKNOWN, 'Node moved to "unknown" state due to leadership change in cluster')
    await swarm.clock.advance(29.9)
    assert swarm.state("two")[0] is NodeState.UNKNOWN
    await swarm.clock.advance(1.2)
    assert swarm.state("two") == (NodeState.DOWN, 'heartbeat failure for node in "unknown" state')
    await swarm.connect("two")
    assert swarm.state("two")[0] is NodeState.READY


async def test_a_new_session_ends_the_old_one(swarm: Swarm) -> None:
    old, new = await swarm.connect(), await swarm.connect()
    assert [m.removed for m in old.got(Shutdown)] == [False]
    assert old.closed
    assert not new.closed
    await new.send(Heartbeat())
    assert new.got(HeartbeatAck)


async def test_a_fourth_session_in_eight_seconds_is_refused(swarm: Swarm) -> None:
    for _ in range(3):
        await swarm.connect()
    fourth = await swarm.connect()
    assert "too recently" in fourth.got(Shutdown)[0].reason
    await swarm.clock.advance(8.1)
    assert (await swarm.connect()).got(Welcome)


async def test_unknown_nodes_and_rude_ones_get_no_session(swarm: Swarm) -> None:
    stranger = await swarm.connect("stranger")
    assert stranger.got(Shutdown)[0].removed
    rude = FakeNode(swarm, "node-one")
    swarm.nodes.append(rude)
    await rude.send(Heartbeat())
    assert rude.closed
    mute = FakeNode(swarm, "node-one")
    swarm.nodes.append(mute)
    await swarm.clock.advance(11)
    assert mute.closed
    odd = await swarm.connect()
    await odd.send(Welcome(session_id="x", heartbeat_period=1))
    assert odd.closed


async def test_changes_go_out_at_once_and_then_every_hundred_milliseconds(swarm: Swarm) -> None:
    here = await swarm.connect()
    await swarm.clock.advance(1)
    here.inbox.clear()
    tasks = [task(node_id="node-one", state=TaskState.ASSIGNED) for _ in range(20)]
    swarm.put(tasks[0])
    await swarm.clock.settle()
    assert [len(m.tasks) for m in here.got(Assignments)] == [1]
    for each in tasks[1:]:
        swarm.put(each)
        await swarm.clock.advance(0.004)
    assert len(here.got(Assignments)) == 1
    await swarm.clock.advance(0.1)
    first, second = here.got(Assignments)
    assert (second.applies_to, len(second.tasks)) == (first.results_in, 19)


async def test_a_node_hears_of_its_own_tasks_only(swarm: Swarm) -> None:
    one, two = await swarm.connect("one"), await swarm.connect("two")
    await swarm.clock.advance(1)
    swarm.put(task(node_id="node-two", state=TaskState.ASSIGNED))
    await swarm.clock.advance(1)
    assert [m.tasks for m in one.got(Assignments) if m.tasks] == []
    assert [len(m.tasks) for m in two.got(Assignments) if m.tasks] == [1]


def report(sequence: int, of: Task, state: TaskState, message: str = "") -> StatusReport:
    return StatusReport(sequence=sequence, statuses={of.id: TaskStatus(state=state, message=message, timestamp=NOW)})


async def test_states_rise_in_the_store_before_they_are_acknowledged(swarm: Swarm) -> None:
    mine = task(node_id="node-one", state=TaskState.ASSIGNED)
    swarm.put(mine)
    here = await swarm.connect()
    await here.send(report(1, mine, TaskState.PREPARING, "preparing"))
    assert swarm.task_state(mine) is TaskState.PREPARING
    assert here.got(StatusAck)[-1].sequence == 1
    await swarm.clock.advance(1)
    before = swarm.store.index
    await here.send(report(2, mine, TaskState.RUNNING), report(3, mine, TaskState.READY))
    await swarm.clock.advance(0.2)
    assert swarm.task_state(mine) is TaskState.RUNNING
    assert here.got(StatusAck)[-1].sequence == 3
    assert swarm.store.index == before + 1, "reports that come together are one transaction"


async def test_a_node_speaks_for_nobody_else_and_not_for_the_manager(swarm: Swarm) -> None:
    other, done, pending = (
        task(node_id="node-two", state=TaskState.ASSIGNED), task(node_id="node-one", state=TaskState.SHUTDOWN),
        task(node_id="node-one", state=TaskState.PENDING))
    swarm.put(other, done, pending)
    here = await swarm.connect()
    await here.send(report(1, other, TaskState.RUNNING), report(2, done, TaskState.FAILED),
                    report(3, pending, TaskState.RUNNING), report(4, task(id="gone"), TaskState.RUNNING))
    await swarm.clock.advance(1)
    assert [swarm.task_state(t) for t in (other, done, pending)] == [
        TaskState.ASSIGNED, TaskState.SHUTDOWN, TaskState.PENDING]
    assert here.got(StatusAck)[-1].sequence == 4


async def test_a_full_disk_delays_the_acknowledgement_and_loses_nothing(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = task(node_id="node-one", state=TaskState.ASSIGNED)
    swarm.put(mine)
    here = await swarm.connect()
    await swarm.clock.advance(1)

    def full(*_: object) -> None:
        raise Unavailable("no space left on device")

    monkeypatch.setattr(swarm.store, "_commit", full)
    await here.send(report(1, mine, TaskState.RUNNING))
    await swarm.clock.advance(5)
    assert here.got(StatusAck) == []
    monkeypatch.undo()
    await swarm.clock.advance(1.1)
    assert swarm.task_state(mine) is TaskState.RUNNING
    assert here.got(StatusAck)[-1].sequence == 1


async def test_a_full_disk_does_not_hide_a_lost_node(swarm: Swarm, monkeypatch: pytest.MonkeyPatch) -> None:
    await swarm.connect()

    def full(*_: object) -> None:
        raise Unavailable("no space left on device")

    monkeypatch.setattr(swarm.store, "_commit", full)
    await swarm.clock.advance(20)
    monkeypatch.undo()
    assert swarm.state()[0] is NodeState.READY
    await swarm.clock.advance(1.1)
    assert swarm.state()[0] is NodeState.DOWN


async def test_tasks_of_a_node_that_is_down_too_long_are_orphaned(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert nodes.ORPHAN_AFTER == 24 * 3600
    monkeypatch.setattr(nodes, "ORPHAN_AFTER", 100)
    lost, ended = (task(node_id="node-one", state=s) for s in (TaskState.RUNNING, TaskState.FAILED))
    swarm.put(lost, ended)
    await swarm.connect()
    await swarm.clock.advance(17)
    assert swarm.state()[0] is NodeState.DOWN
    await swarm.clock.advance(95)
    assert swarm.task_state(lost) is TaskState.RUNNING
    await swarm.clock.advance(10)
    assert swarm.task_state(lost) is TaskState.ORPHANED
    assert swarm.task_state(ended) is TaskState.FAILED


async def test_goodbye_is_down_at_once_and_gives_its_tasks_up(swarm: Swarm) -> None:
    lost = task(node_id="node-one", state=TaskState.RUNNING)
    swarm.put(lost)
    here = await swarm.connect()
    await here.send(Goodbye())
    assert swarm.state() == (NodeState.DOWN, "node left the swarm")
    assert swarm.task_state(lost) is TaskState.ORPHANED
    assert here.closed


async def test_a_removed_node_is_told_and_cut_off(swarm: Swarm) -> None:
    here = await swarm.connect()
    swarm.store.update(lambda tx: tx.delete(Node, "node-one"))
    await swarm.clock.advance(0.2)
    assert here.got(Shutdown)[0].removed
    assert here.closed


def test_deadlines_are_told_until_they_are_settled() -> None:
    sessions = Sessions(random.Random(1))
    sessions.beat("a", now=0)
    assert sessions.expired(10) == []
    assert sessions.expired(17) == sessions.expired(18) == [("a", "heartbeat failure")]
    sessions.expect_nothing("a")
    assert sessions.expired(99) == []


def test_only_the_newest_session_is_current() -> None:
    sessions = Sessions(random.Random(1))
    here, _ = memory_pair()
    old, new = Session("1", "a", here), Session("2", "a", here)
    assert sessions.open(old) is None
    assert sessions.open(new) is old
    sessions.close(old)
    assert sessions.get("a") is new
    assert not sessions.current(old)


def test_since_when_a_task_runs_is_remembered_to_its_end() -> None:
    """An update asks how long a task held; its own status says only when its last state began."""
    first, later = (datetime(2026, 1, 1, 12, minute, tzinfo=timezone.utc) for minute in (0, 5))
    started = known(task(state=TaskState.STARTING), TaskStatus(state=TaskState.RUNNING, timestamp=first))
    assert started.started_at == first
    running = replace(task(state=TaskState.RUNNING), status=started)
    assert known(running, TaskStatus(state=TaskState.FAILED, timestamp=later)).started_at == first
    assert not advances(running, known(running, TaskStatus(state=TaskState.RUNNING, timestamp=first)), "")
    never = known(task(state=TaskState.STARTING), TaskStatus(state=TaskState.FAILED, timestamp=later))
    assert never.started_at is None


async def test_a_manager_starts_with_a_full_disk_and_expects_its_nodes_later() -> None:
    """Found by the simulation: the dispatcher, and with it the manager, ended at once."""
    swarm = Swarm()
    update, full = swarm.store.update, [True]

    def refuse(*args: Any, **more: Any) -> Any:
        if full[0]:
            raise Unavailable("database or disk is full")
        return update(*args, **more)

    swarm.store.update = refuse  # type: ignore[method-assign]
    await swarm.start()
    assert swarm.running is not None
    await swarm.clock.advance(5)
    assert not swarm.running.done() and swarm.state("two")[0] is NodeState.READY
    full[0] = False
    await swarm.clock.advance(2)
    assert swarm.state("two")[0] is NodeState.UNKNOWN
    swarm.running.cancel()
