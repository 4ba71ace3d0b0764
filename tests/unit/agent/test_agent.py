"""A node's agent against a manager played by the test: sessions, assignments, reports, restarts, logs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar, cast

import pytest
from msgspec.structs import replace

from swarmkit_py.agent.managers import Managers
from swarmkit_py.agent.network import READY_WAIT, NetworkSync
from swarmkit_py.agent.reporter import REPEAT, Reporter
from swarmkit_py.agent.session import Agent, AgentParts, Removed, next_backoff
from swarmkit_py.agent.storage import WorkerStorage
from swarmkit_py.agent.worker import Worker
from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import Internal, PermissionDenied, Unavailable
from swarmkit_py.model.assignment import NetworkAssignment, ServiceEndpoint
from swarmkit_py.model.objects import Attachment, NodeDescription, Task, TaskStatus
from swarmkit_py.model.states import TaskState
from swarmkit_py.network.fake import FakeNetwork
from swarmkit_py.rpc.channel import Channel, ChannelClosed, memory_pair
from swarmkit_py.rpc.messages import (
    LOG_WINDOW,
    AnyMessage,
    Assignments,
    DescriptionReport,
    Heartbeat,
    HeartbeatAck,
    Hello,
    LogCredit,
    LogLines,
    LogSubscribe,
    LogUnsubscribe,
    Shutdown,
    StatusAck,
    StatusReport,
    Welcome,
)
from swarmkit_py.runtime.base import ContainerConfig, ContainerEngine, LogLine
from tests.builders import task
from tests.unit.agent.fake_engine import ScriptedEngine

M = TypeVar("M")
NET = NetworkAssignment(id="net", name="ingress", vni=4096, subnet="10.0.0.0/24", gateway="10.0.0.1", ingress=True,
                        node_address="10.0.0.2/24")
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Host:
    """What outlives the daemon: containers, network, disk."""

    def __init__(self, folder: Path) -> None:
        self.engine, self.network, self.path = ScriptedEngine(), FakeNetwork(), folder / "tasks.db"


class Daemon:
    """An agent on a host, and the manager's end of its newest session."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.clock = ManualClock()
        self.storage = WorkerStorage(host.path)
        self.sync = NetworkSync(host.network, self.clock)
        self.reporter = Reporter(self.clock)
        engine = cast(ContainerEngine, host.engine)
        self.worker = Worker(engine, self.sync, self.storage, self.reporter, self.clock, lambda: "10.7.0.1")
        self.hostname = "host"
        self.dials: list[str] = []
        self.events: list[str] = []
        self.refuse: Exception | None = None
        self.manager: Channel | None = None
        self.inbox: list[AnyMessage] = []
        self.agent = Agent(AgentParts(
            connect=self.connect, hello=self.hello, managers=Managers([("m", "manager:2377")], random.Random(1)),
            worker=self.worker, reporter=self.reporter, engine=engine, clock=self.clock, rng=random.Random(1),
            events=self,
        ))
        self.tasks: list[asyncio.Task[None]] = []

    def hello(self) -> Hello:
        return Hello(description=NodeDescription(hostname=self.hostname), address="10.7.0.1")

    def welcomed(self, welcome: Welcome) -> None:
        self.events.append("welcomed")

    def disconnected(self, reason: str) -> None:
        self.events.append(reason)

    async def connect(self, addr: str) -> Channel:
        self.dials.append(addr)
        if self.refuse is not None:
            raise self.refuse
        here, self.manager = memory_pair()
        self.tasks.append(asyncio.create_task(self._read(self.manager)))
        return here

    async def _read(self, channel: Channel) -> None:
        try:
            while True:
                self.inbox.append(await channel.receive())
        except ChannelClosed:
            pass

    async def start(self) -> Daemon:
        self.worker.restore()
        self.tasks += [asyncio.create_task(self.sync.run()), asyncio.create_task(self._run())]
        await self.clock.settle()
        return self

    async def _run(self) -> None:
        try:
            await self.agent.run()
        except Removed as error:
            self.events.append(f"removed: {error}")

    async def stop(self) -> None:
        for each in self.tasks:
            each.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.worker.stop()
        self.storage.close()

    async def send(self, *messages: object) -> None:
        assert self.manager is not None
        for message in messages:
            self.manager.send(message)  # type: ignore[arg-type]
        await self.clock.settle()

    async def welcome(self, *tasks: Task, networks: tuple[NetworkAssignment, ...] = (NET,)) -> None:
        """Accept the session and send the whole set."""
        await self.send(
            Welcome(session_id="s", heartbeat_period=5.0),
            Assignments(complete=True, applies_to=0, results_in=1, tasks=list(tasks), networks=list(networks)))

    def got(self, kind: type[M]) -> list[M]:
        return [message for message in self.inbox if isinstance(message, kind)]

    def reported(self, task_id: str) -> TaskState | None:
        found = [r.statuses[task_id].state for r in self.got(StatusReport) if task_id in r.statuses]
        return found[-1] if found else None


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
async def daemon(host: Host) -> AsyncIterator[Daemon]:
    daemon = await Daemon(host).start()
    yield daemon
    await daemon.stop()


def assigned(task_id: str, desired: TaskState = TaskState.RUNNING) -> Task:
    return task(id=task_id, node_id="n1", state=TaskState.ASSIGNED, desired=desired,
                networks=[Attachment(network_id="net", addresses=["10.0.0.7/24"])])


async def test_what_is_assigned_runs_and_is_reported(daemon: Daemon) -> None:
    assert daemon.got(Hello)[0].address == "10.7.0.1"
    await daemon.welcome(assigned("a"), assigned("b"))
    await daemon.clock.advance(0.1)
    assert daemon.host.network.networks == {"net": NET}
    assert daemon.host.network.node_address == "10.7.0.1"
    assert len(daemon.host.engine.containers) == 2
    assert (daemon.reported("a"), daemon.reported("b")) == (TaskState.RUNNING, TaskState.RUNNING)


async def test_differences_are_applied_in_order_and_a_gap_asks_again(daemon: Daemon) -> None:
    await daemon.welcome(assigned("a"))
    await daemon.send(Assignments(complete=False, applies_to=1, results_in=2, tasks=[assigned("b")]))
    assert len(daemon.host.engine.containers) == 2
    endpoint = ServiceEndpoint(service_id="s", service_name="web", protocol="tcp", published_port=80, target_port=80)
    await daemon.send(Assignments(
        complete=False, applies_to=2, results_in=3, removed_tasks=["a"], endpoints=[endpoint]))
    assert [c.config.labels["com.docker.swarm.task.id"] for c in daemon.host.engine.all()] == ["b"]
    assert daemon.host.network.endpoints == {"tcp/80": endpoint}
    await daemon.send(Assignments(complete=False, applies_to=7, results_in=8))
    assert "do not follow" in daemon.events[-1]
    await daemon.clock.advance(1)
    assert len(daemon.got(Hello)) == 2


async def test_a_complete_set_removes_what_is_not_in_it(daemon: Daemon) -> None:
    await daemon.welcome(assigned("a"), assigned("b"))
    assert daemon.manager is not None
    await daemon.manager.close()
    await daemon.clock.advance(1)
    assert len(daemon.host.engine.containers) == 2, "a lost manager changes nothing"
    await daemon.welcome(assigned("b"), networks=())
    await daemon.clock.settle()
    assert [c.config.labels["com.docker.swarm.task.id"] for c in daemon.host.engine.all()] == ["b"]
    assert daemon.host.network.networks == {}


async def test_a_restart_takes_containers_up_and_starts_none_twice(host: Host) -> None:
    first = await Daemon(host).start()
    await first.welcome(assigned("a"), assigned("b"), assigned("c"))
    await first.clock.advance(0.1)
    before = dict(host.engine.containers)
    await first.stop()
    host.network.networks = {}
    died = next(c.id for c in host.engine.all() if c.config.labels["com.docker.swarm.task.id"] == "b")
    host.engine.exit(died, 9)
    host.engine.calls.clear()
    second = await Daemon(host).start()
    assert host.network.networks == {"net": NET}, "networks come back before any manager answers"
    await second.welcome(assigned("a"), assigned("b"))
    await second.clock.advance(0.1)
    assert [call.split()[0] for call in host.engine.calls] == ["stop", "remove"], "only c, which is gone, is touched"
    assert set(host.engine.containers) < set(before)
    assert (second.reported("a"), second.reported("b")) == (TaskState.RUNNING, TaskState.FAILED)
    await second.stop()


async def test_a_lost_worker_file_finds_containers_again(host: Host) -> None:
    first = await Daemon(host).start()
    await first.welcome(assigned("a"), assigned("b"))
    await first.clock.advance(0.1)
    await first.stop()
    host.path.unlink()
    host.engine.calls.clear()
    second = await Daemon(host).start()
    await second.welcome(assigned("a"))
    await second.clock.advance(0.1)
    assert [call.split()[0] for call in host.engine.calls] == ["start", "remove"]
    assert second.reported("a") is TaskState.RUNNING
    await second.stop()


async def test_containers_that_are_no_task_s_are_left_alone(daemon: Daemon) -> None:
    mine = await daemon.host.engine.create(ContainerConfig(image="x", name="mine"))
    await daemon.welcome()
    assert mine.id in daemon.host.engine.containers


async def test_heartbeats_follow_the_manager_s_period_and_silence_ends_the_session(daemon: Daemon) -> None:
    await daemon.welcome()
    await daemon.clock.advance(5.1)
    assert len(daemon.got(Heartbeat)) == 1
    await daemon.send(HeartbeatAck(period=1.0))
    await daemon.clock.advance(5)
    await daemon.clock.advance(1.1)
    assert len(daemon.got(Heartbeat)) >= 2
    await daemon.clock.advance(20)
    assert any("does not answer heartbeats" in event for event in daemon.events)


async def test_an_unreachable_manager_is_tried_again_ever_more_slowly(host: Host) -> None:
    daemon = Daemon(host)
    daemon.refuse = Unavailable("nobody there")
    await daemon.start()
    await daemon.clock.advance(120)
    assert 15 <= len(daemon.dials) <= 80
    daemon.refuse = None
    await daemon.clock.advance(8.1)
    await daemon.welcome(assigned("a"))
    assert daemon.events[-1] == "welcomed"
    await daemon.stop()


def test_the_backoff_is_swarmkit_s() -> None:
    found, last = [], 0.0
    for _ in range(9):
        last = next_backoff(last)
        found.append(round(last, 1))
    assert found == [0.1, 0.3, 0.7, 1.5, 3.1, 6.3, 8.0, 8.0, 8.0]


@pytest.mark.parametrize("how", ["shutdown", "certificate"])
async def test_a_removed_node_stops_trying(host: Host, how: str) -> None:
    daemon = Daemon(host)
    if how == "certificate":
        daemon.refuse = PermissionDenied("node n1 was removed from this swarm")
    await daemon.start()
    if how == "shutdown":
        await daemon.welcome()
        await daemon.send(Shutdown(reason="removed from the swarm", removed=True))
    await daemon.clock.advance(60)
    assert daemon.events[-1].startswith("removed: ")
    assert len(daemon.dials) == 1
    await daemon.stop()


async def test_reports_are_repeated_until_acknowledged_newest_only(daemon: Daemon) -> None:
    await daemon.welcome(assigned("a"))
    await daemon.clock.advance(0.1)
    first = len(daemon.got(StatusReport))
    await daemon.clock.advance(2 * REPEAT)
    again = daemon.got(StatusReport)[first:]
    assert again
    assert all(r.statuses["a"].state is TaskState.RUNNING for r in again)
    await daemon.send(StatusAck(sequence=again[-1].sequence))
    count = len(daemon.got(StatusReport))
    await daemon.clock.advance(2 * REPEAT)
    assert len(daemon.got(StatusReport)) == count
    assert not daemon.reporter.pending


async def test_a_new_session_reports_what_the_old_one_did_not_get_through(daemon: Daemon) -> None:
    await daemon.welcome(assigned("a"))
    await daemon.clock.advance(0.1)
    assert daemon.manager is not None
    await daemon.manager.close()
    daemon.inbox.clear()
    await daemon.clock.advance(1)
    await daemon.welcome(assigned("a"))
    await daemon.clock.advance(0.1)
    assert daemon.reported("a") is TaskState.RUNNING


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


async def test_a_changed_description_is_told(daemon: Daemon) -> None:
    await daemon.welcome()
    await daemon.send(HeartbeatAck(period=1000.0))
    await daemon.clock.advance(21)
    assert daemon.got(DescriptionReport) == []
    daemon.hostname = "renamed"
    await daemon.clock.advance(20)
    assert len(daemon.got(Hello)) == 1
    assert [report.description.hostname for report in daemon.got(DescriptionReport)] == ["renamed"]


async def test_leaving_removes_every_task(daemon: Daemon) -> None:
    await daemon.welcome(assigned("a"), assigned("b"))
    await daemon.worker.leave()
    assert daemon.host.engine.containers == {}


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

    async def configure(self, node_address: str, networks: object, endpoints: object) -> None:
        if self.failures:
            self.failures -= 1
            raise Internal("the kernel said no")
        await super().configure(node_address, networks, endpoints)  # type: ignore[arg-type]


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
