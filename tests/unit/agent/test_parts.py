"""The agent's parts: reporter, logs, networks, storage, the list of managers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from swarmkit_py.agent.managers import Managers
from swarmkit_py.agent.network import QUIET, READY_WAIT, NetworkSync
from swarmkit_py.agent.reporter import Reporter
from swarmkit_py.agent.storage import WorkerStorage
from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import Internal, Unavailable
from swarmkit_py.model.objects import TaskStatus
from swarmkit_py.model.states import TaskState
from swarmkit_py.network.fake import FakeNetwork
from swarmkit_py.rpc.messages import LOG_WINDOW, LogCredit, LogLines, LogSubscribe, LogUnsubscribe, StatusReport
from swarmkit_py.runtime.base import LogLine
from tests.unit.agent.rig import NET, NOW, Daemon, assigned


async def test_a_late_acknowledgement_does_not_swallow_newer_news() -> None:
    reporter = Reporter(ManualClock())
    sent: list[StatusReport] = []
    running = asyncio.create_task(reporter.run(sent.append))
    clock = reporter._clock
    assert isinstance(clock, ManualClock)
    reporter.update("a", TaskStatus(state=TaskState.STARTING))
    await clock.advance(0.1)
    reporter.update("a", TaskStatus(state=TaskState.RUNNING))
    reporter.acknowledge(sent[0].sequence)
    assert reporter.pending
    await clock.advance(0.1)
    assert sent[-1].statuses["a"].state is TaskState.RUNNING
    reporter.acknowledge(sent[-1].sequence)
    assert not reporter.pending
    running.cancel()


def log_lines(count: int) -> list[LogLine]:
    return [LogLine(time=NOW, stream="stdout", data=b"%d\n" % number) for number in range(count)]


async def test_logs_are_sent_in_order_and_no_further_than_credit_allows(daemon: Daemon) -> None:
    await daemon.welcome(assigned("a"))
    container = next(iter(daemon.host.engine.containers))
    daemon.host.engine.lines[container] = log_lines(5000)
    await daemon.send(LogSubscribe(subscription="x", task_ids=["a", "unknown"]))
    await daemon.clock.settle(10_000)
    assert len(daemon.got(LogLines)) == LOG_WINDOW
    for _ in range(40):
        await daemon.send(LogCredit(subscription="x", batches=LOG_WINDOW))
    await daemon.clock.settle(20_000)
    lines = [line.data for batch in daemon.got(LogLines) for line in batch.lines]
    assert lines == [line.data for line in log_lines(5000)]
    assert [batch.done for batch in daemon.got(LogLines)].count(True) == 1


async def test_unsubscribing_ends_the_stream(daemon: Daemon) -> None:
    await daemon.welcome(assigned("a"))
    container = next(iter(daemon.host.engine.containers))
    daemon.host.engine.lines[container] = log_lines(5000)
    await daemon.send(LogSubscribe(subscription="early", task_ids=["a"]), LogUnsubscribe(subscription="early"))
    await daemon.send(LogSubscribe(subscription="x", task_ids=["a"]))
    await daemon.clock.settle(10_000)
    await daemon.send(LogUnsubscribe(subscription="x"), LogCredit(subscription="x", batches=5))
    await daemon.clock.settle(10_000)
    assert len(daemon.got(LogLines)) == LOG_WINDOW
    await daemon.send(LogSubscribe(subscription="x", task_ids=["unknown"]))
    assert daemon.got(LogLines)[-1] == LogLines(subscription="x", done=True)


class Stubborn(FakeNetwork):
    """Fails so many times."""

    failures = 2

    async def configure(self, node_address: str, networks: object, endpoints: object, services: object) -> None:
        if self.failures:
            self.failures -= 1
            raise Internal("the kernel said no")
        await super().configure(node_address, networks, endpoints, services)  # type: ignore[arg-type]


async def test_networks_are_tried_again_and_waiting_tasks_learn_the_reason() -> None:
    clock = ManualClock()
    network = Stubborn()
    sync = NetworkSync(network, clock)
    running = asyncio.create_task(sync.run())
    sync.want("10.7.0.1", {"net": NET}, {})
    ready = asyncio.create_task(sync.ready(["net"]))
    await clock.advance(1)
    assert not ready.done()
    await clock.advance(1.1)
    await ready
    network.failures = 1000
    sync.want("10.7.0.1", {"net": NET, "two": replace(NET, id="two")}, {})
    ready = asyncio.create_task(sync.ready(["two"]))
    await clock.advance(READY_WAIT + 1)
    with pytest.raises(Unavailable, match="network two is not ready on this node: the kernel said no"):
        await ready
    running.cancel()


class Leaving(FakeNetwork):
    """Somebody leaves with each of the next changes; `forgotten` is whom it was told to forget."""

    def __init__(self, *leavers: str) -> None:
        super().__init__()
        self.leavers = list(leavers)
        self.forgotten: list[str] = []

    def take_left(self) -> dict[str, set[str]]:
        return {"": {self.leavers.pop(0)}} if self.leavers else {}

    async def forget_idle(self, left: Mapping[str, Collection[str]]) -> None:
        self.forgotten += left[""]


async def test_a_node_agrees_once_what_was_on_its_way_to_who_left_is_answered_or_forgotten() -> None:
    clock, network = ManualClock(), Leaving("10.0.0.5")
    sync = NetworkSync(network, clock)
    running = asyncio.create_task(sync.run())
    sync.want("10.7.0.1", {"net": NET}, {})
    await clock.advance(QUIET / 2)
    assert network.configured == 1
    first = asyncio.create_task(sync.agreed())
    sync.want("10.7.0.1", {"net": replace(NET, name="other")}, {})
    second = asyncio.create_task(sync.agreed())
    await clock.advance(QUIET / 2 - 0.01)
    assert network.configured == 2, "nothing waits for it but the word"
    assert not network.forgotten and not first.done() and not second.done()
    await clock.advance(0.02)
    assert network.forgotten == ["10.0.0.5"] and first.done() and second.done()
    running.cancel()


async def test_wishes_that_come_together_are_one_configuration() -> None:
    clock, network = ManualClock(), FakeNetwork()
    sync = NetworkSync(network, clock)
    for number in range(10):
        sync.want("10.7.0.1", {"net": replace(NET, name=str(number))}, {})
    running = asyncio.create_task(sync.run())
    await clock.settle()
    assert (network.configured, network.networks["net"].name) == (1, "9")
    running.cancel()


def test_storage_survives_odd_rows_and_refuses_what_is_no_database(tmp_path: Path) -> None:
    storage = WorkerStorage(tmp_path / "w" / "tasks.db")
    storage.put("task", [("a", assigned("a"))])
    storage.put("status", [("a", TaskStatus(state=TaskState.RUNNING))])
    storage._db.execute("INSERT INTO rows VALUES ('task', 'odd', '{')")
    storage._db.execute("INSERT INTO rows VALUES ('future', 'x', '{}')")
    assignment, statuses = storage.load()
    assert list(assignment.tasks) == ["a"]
    assert statuses["a"].state is TaskState.RUNNING
    storage.drop("task", ["a"])
    assert storage.load()[0].tasks == {}
    storage.close()
    bad = tmp_path / "bad.db"
    bad.write_bytes(b"x" * 5000)
    with pytest.raises(Internal, match="move it away"):
        WorkerStorage(bad)


def test_managers_that_failed_come_last() -> None:
    managers = Managers([("1", "a:1"), ("2", "b:1")], random.Random(1))
    managers.failed("a:1")
    assert {managers.pick() for _ in range(20)} == {"b:1"}
    managers.failed("b:1")
    assert {managers.pick() for _ in range(50)} == {"a:1", "b:1"}
    managers.failed("b:1")
    managers.answered("a:1")
    assert managers.pick() == "a:1"
    assert not managers.learn([])
    assert managers.learn([("3", "c:1")])
    assert managers.pick() == "c:1"
    assert Managers([], random.Random(1)).pick() == ""


async def test_a_state_told_again_and_then_acknowledged_is_not_sent_any_more() -> None:
    """Found by the simulation: the session ended with a KeyError."""
    clock = ManualClock()
    reporter = Reporter(clock)
    sent: list[StatusReport] = []
    running = asyncio.ensure_future(reporter.run(sent.append))
    status = TaskStatus(state=TaskState.RUNNING)
    reporter.update("t1", status)
    await clock.settle()
    reporter.update("t1", status)
    reporter.acknowledge(sent[0].sequence)
    await clock.advance(1)
    assert not running.done() and not reporter.pending
    assert [report.statuses for report in sent] == [{"t1": status}]
    running.cancel()
