"""A node's agent against a manager played by the test: sessions, assignments, reports, restarts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from swarmkit_py.agent.reporter import REPEAT
from swarmkit_py.agent.session import next_backoff
from swarmkit_py.errors import PermissionDenied, Unavailable
from swarmkit_py.model.assignment import ServiceEndpoint
from swarmkit_py.model.states import TaskState
from swarmkit_py.rpc.messages import (
    Applied,
    Assignments,
    DescriptionReport,
    Heartbeat,
    HeartbeatAck,
    Hello,
    Shutdown,
    StatusAck,
    StatusReport,
)
from swarmkit_py.runtime.base import ContainerConfig
from tests.unit.agent.rig import NET, Daemon, Host, assigned


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


async def test_the_manager_hears_what_the_kernel_agrees_with_once_it_does(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch,
) -> None:
    await daemon.welcome(assigned("a"))
    assert [a.sequence for a in daemon.got(Applied)] == [1]
    may_end, configure = asyncio.Event(), daemon.host.network.configure

    async def slow(*args: Any) -> None:
        await may_end.wait()
        await configure(*args)

    monkeypatch.setattr(daemon.host.network, "configure", slow)
    for number in (1, 2, 3):
        news = replace(NET, name=f"name{number}")
        await daemon.send(Assignments(complete=False, applies_to=number, results_in=number + 1, networks=[news]))
    assert [a.sequence for a in daemon.got(Applied)] == [1], "the kernel is still at work"
    may_end.set()
    await daemon.clock.settle()
    assert daemon.got(Applied)[-1].sequence == 4
    await daemon.send(Assignments(complete=False, applies_to=4, results_in=5, tasks=[assigned("b")]))
    assert daemon.got(Applied)[-1].sequence == 4, "nothing for the kernel, nothing to confirm"


async def test_a_kernel_that_refuses_confirms_nothing(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    configure, broken = daemon.host.network.configure, [True]

    async def refuse(*args: Any) -> None:
        if broken[0]:
            raise Unavailable("no nft")
        await configure(*args)

    monkeypatch.setattr(daemon.host.network, "configure", refuse)
    await daemon.welcome()
    await daemon.clock.advance(3)
    assert daemon.got(Applied) == []
    broken[0] = False
    await daemon.clock.advance(1)
    assert [a.sequence for a in daemon.got(Applied)] == [1]


async def test_a_drained_task_stops(daemon: Daemon) -> None:
    await daemon.welcome(assigned("a"))
    await daemon.clock.advance(0.1)
    leaving = assigned("a", TaskState.SHUTDOWN)
    await daemon.send(Assignments(complete=False, applies_to=1, results_in=2, tasks=[leaving]))
    await daemon.clock.advance(1)
    assert daemon.reported("a") is TaskState.RUNNING
    await daemon.send(Assignments(complete=False, applies_to=2, results_in=3, drained=["a", "unknown"]))
    await daemon.clock.advance(1)
    assert daemon.reported("a") is TaskState.SHUTDOWN


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
    assert [call.split()[0] for call in host.engine.calls] == ["remove"]
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
