"""One task's climb, step by step, and everything that can stop it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import cast

import pytest
from msgspec.structs import replace

from swarmkit_py.agent.climb import STEPS, Action, failure_state, next_action
from swarmkit_py.agent.container_spec import container_config, expanded_spec
from swarmkit_py.agent.serving import DRAIN_LIMIT
from swarmkit_py.agent.task import TaskRunner, TaskTools
from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import InvalidArgument, Unavailable
from swarmkit_py.model.mounts import DNSConfig, Mount
from swarmkit_py.model.objects import Attachment, Endpoint, NodeDescription, Task, TaskStatus
from swarmkit_py.model.specs import ContainerSpec, HealthConfig, TaskSpec
from swarmkit_py.model.states import TRANSITIONS, TaskState, Writer
from swarmkit_py.runtime.base import ContainerEngine, OverlayAddress, PortMapping
from tests.builders import port, service, task
from tests.unit.agent.fake_engine import ScriptedEngine

ON_INGRESS = task(
    service("web", endpoint=Endpoint(ports=[port(80)])), id="t1", node_id="n1", state=TaskState.ASSIGNED,
    networks=[Attachment(network_id="net", addresses=["10.0.0.7/24"])])


class Climb:
    """A runner, its engine, and the states it reported."""

    def __init__(self, of: Task | None = None, engine: ScriptedEngine | None = None) -> None:
        self.clock = ManualClock()
        self.engine = engine or ScriptedEngine()
        self.reports: list[TaskStatus] = []
        self.networks = asyncio.Event()
        self.networks.set()
        self.network_error = ""
        self.task = of or task(id="t1", node_id="n1", state=TaskState.ASSIGNED)
        tools = TaskTools(cast(ContainerEngine, self.engine), self.clock, self._report, self._ready)
        self.runner = TaskRunner(self.task, self.task.status, tools)
        self.running = asyncio.create_task(self.runner.run())

    def _report(self, task_id: str, status: TaskStatus) -> None:
        self.reports.append(status)

    async def _ready(self, network_ids: Collection[str]) -> None:
        await self.networks.wait()
        if self.network_error:
            raise Unavailable(self.network_error)

    async def want(self, desired: TaskState) -> None:
        self.task = replace(self.task, desired_state=desired)
        self.runner.update(self.task)
        await self.clock.settle()

    @property
    def states(self) -> list[TaskState]:
        return [status.state for status in self.reports]

    @property
    def last(self) -> TaskStatus:
        return self.reports[-1]

    @property
    def container(self) -> str:
        return next(iter(self.engine.containers))


CLIMBS: list[Climb] = []


@pytest.fixture(autouse=True)
async def ended() -> AsyncIterator[None]:
    yield
    for climb in CLIMBS:
        climb.running.cancel()
    CLIMBS.clear()


async def climb(of: Task | None = None, engine: ScriptedEngine | None = None, *, carried: bool = True) -> Climb:
    made = Climb(of, engine)
    CLIMBS.append(made)
    if not carried:
        made.networks.clear()
    await made.clock.settle()
    return made


def test_the_table_climbs_only_where_the_agent_may() -> None:
    assert {(state, step.to) for state, step in STEPS.items()} <= TRANSITIONS[Writer.AGENT]
    assert all(step.to.rank > state.rank for state, step in STEPS.items())


@pytest.mark.parametrize("observed", [s for s in TaskState if s.rank <= TaskState.RUNNING.rank])
def test_a_task_that_is_not_wanted_stops_from_every_state(observed: TaskState) -> None:
    for desired in (TaskState.SHUTDOWN, TaskState.REMOVE):
        assert next_action(observed, desired, True) is Action.STOP


@pytest.mark.parametrize("observed", [s for s in TaskState if s.terminal])
@pytest.mark.parametrize("desired", list(TaskState))
def test_an_ended_task_only_waits_or_is_discarded(observed: TaskState, desired: TaskState) -> None:
    expected = Action.DISCARD if desired is TaskState.REMOVE else Action.WAIT
    assert next_action(observed, desired, True) is expected
    assert next_action(observed, desired, False) is Action.WAIT


def test_where_errors_lead() -> None:
    assert failure_state(TaskState.PREPARING) is TaskState.REJECTED
    assert failure_state(TaskState.STARTING) is TaskState.FAILED


async def test_the_whole_climb_with_docker_s_words() -> None:
    it = await climb()
    assert [(s.state.value, s.message) for s in it.reports] == [
        ("accepted", "accepted"), ("preparing", "preparing"), ("ready", "prepared"), ("starting", "starting"),
        ("running", "started")]
    assert it.last.container is not None
    assert (it.last.container.container_id, it.last.container.pid) == (it.container, 101)
    it.engine.exit(it.container, 0)
    await it.clock.settle()
    assert (it.last.state, it.last.message, it.last.err) == (TaskState.COMPLETE, "finished", "")


async def test_a_failing_process() -> None:
    it = await climb()
    it.engine.exit(it.container, 3)
    await it.clock.settle()
    assert (it.last.state, it.last.message, it.last.err) == (TaskState.FAILED, "started", "task: non-zero exit (3)")
    assert it.last.container is not None
    assert it.last.container.exit_code == 3
    assert it.engine.containers, "what ended is kept for its logs"


def checked() -> Task:
    """A task whose container has a health check."""
    made = task(id="t1", node_id="n1", state=TaskState.ASSIGNED)
    assert made.spec.container_spec is not None
    spec = replace(made.spec.container_spec, healthcheck=HealthConfig(test=["CMD", "true"]))
    return replace(made, spec=replace(made.spec, container_spec=spec))


async def test_a_task_with_a_check_runs_only_when_it_is_healthy() -> None:
    it = await climb(checked())
    assert it.last.state is TaskState.STARTING and it.engine.get(it.container).running
    it.engine.set_health(it.container, "healthy")
    await it.clock.settle()
    assert it.last.state is TaskState.RUNNING
    it.engine.set_health(it.container, "unhealthy")
    await it.clock.settle()
    assert (it.last.state, it.last.err) == (
        TaskState.FAILED, "task: non-zero exit (137): dockerexec: unhealthy container")
    assert not it.engine.get(it.container).running


def behind_the_mesh() -> Task:
    """A task with a health check whose port is published."""
    return replace(ON_INGRESS, spec=checked().spec)


async def test_an_unhealthy_task_leaves_the_mesh_before_it_is_stopped() -> None:
    it = await climb(behind_the_mesh())
    it.engine.set_health(it.container, "healthy")
    await it.clock.advance(0.05)
    it.engine.set_health(it.container, "unhealthy")
    await it.clock.advance(DRAIN_LIMIT - 0.1)
    assert (it.last.state, it.last.closing, it.last.err) == (
        TaskState.RUNNING, True, "dockerexec: unhealthy container")
    assert it.engine.get(it.container).running, "some node may still lead to it"
    it.runner.drained()
    await it.clock.advance(0.01)
    assert it.last.state is TaskState.FAILED and not it.engine.get(it.container).running


async def test_what_was_closing_when_the_daemon_ended_is_stopped_by_the_next_one() -> None:
    it = await climb(behind_the_mesh())
    it.engine.set_health(it.container, "healthy")
    await it.clock.advance(0.05)
    it.runner.status = replace(it.last, closing=True)
    it.running.cancel()
    again = TaskRunner(it.task, it.runner.status, it.runner._tools)
    running = asyncio.create_task(again.run())
    await it.clock.advance(DRAIN_LIMIT + 0.01)
    assert it.last.state is TaskState.FAILED and not it.engine.get(it.container).running
    running.cancel()


async def test_a_task_that_never_was_healthy_fails_from_starting() -> None:
    it = await climb(checked())
    it.engine.set_health(it.container, "unhealthy")
    await it.clock.settle()
    assert it.last.state is TaskState.FAILED and "unhealthy container" in it.last.err
    assert TaskState.RUNNING not in it.states


async def test_a_container_that_ends_before_it_is_healthy_is_not_started_again() -> None:
    it = await climb(checked())
    it.engine.exit(it.container, 3)
    await it.clock.settle()
    assert (it.last.state, it.last.err) == (TaskState.FAILED, "task: non-zero exit (3)")
    assert [call for call in it.engine.calls if call.startswith("start")] == [f"start {it.task.name}"]


async def test_a_task_is_called_away_while_it_waits_for_its_health() -> None:
    it = await climb(checked())
    await it.want(TaskState.SHUTDOWN)
    assert it.last.state is TaskState.SHUTDOWN


async def test_ready_waits_for_the_word_to_start() -> None:
    waiting = task(id="t1", node_id="n1", state=TaskState.ASSIGNED, desired=TaskState.READY)
    it = await climb(waiting)
    await it.clock.advance(60)
    assert it.last.state is TaskState.READY
    assert not any(call.startswith("start") for call in it.engine.calls)
    await it.want(TaskState.RUNNING)
    assert it.last.state is TaskState.RUNNING


async def test_a_missing_image_is_a_rejection_and_a_taken_port_a_failure() -> None:
    engine = ScriptedEngine()
    engine.missing_images.add("nginx:latest")
    it = await climb(engine=engine)
    assert (it.last.state, it.last.message, it.last.err) == (
        TaskState.REJECTED, "preparing", "No such image: nginx:latest")
    engine = ScriptedEngine()
    engine.start_error = "port 80 is taken"
    it = await climb(engine=engine)
    assert (it.last.state, it.last.err) == (TaskState.FAILED, "port 80 is taken")


async def test_networks_come_before_the_container() -> None:
    it = await climb(carried=False)
    assert it.engine.calls == []
    assert it.last.state is TaskState.PREPARING
    it.networks.set()
    await it.clock.settle()
    assert it.last.state is TaskState.RUNNING
    failing = await climb(carried=False)
    failing.network_error = "network x is not ready on this node"
    failing.networks.set()
    await failing.clock.settle()
    assert (failing.last.state, failing.last.err) == (TaskState.REJECTED, "network x is not ready on this node")


async def test_a_task_withdrawn_while_it_waits_for_networks_never_gets_a_container() -> None:
    it = await climb(carried=False)
    await it.want(TaskState.SHUTDOWN)
    assert it.last.state is TaskState.SHUTDOWN
    assert it.engine.calls == []


async def test_shutdown_keeps_the_container_and_remove_does_not() -> None:
    it = await climb()
    await it.want(TaskState.SHUTDOWN)
    assert (it.last.state, it.last.message) == (TaskState.SHUTDOWN, "shutdown")
    assert len(it.engine.containers) == 1
    await it.want(TaskState.REMOVE)
    assert it.engine.containers == {}
    assert not it.running.done()
    it.runner.release()
    await it.running


async def test_release_stops_removes_and_ends() -> None:
    it = await climb()
    it.runner.release()
    await it.running
    assert it.engine.containers == {}
    assert [call.split()[0] for call in it.engine.calls] == ["create", "start", "stop", "remove"]


async def test_a_task_behind_the_mesh_is_drained_before_its_stop_signal() -> None:
    it = await climb(ON_INGRESS)
    await it.want(TaskState.SHUTDOWN)
    await it.clock.advance(DRAIN_LIMIT - 0.1)
    assert it.engine.get(it.container).running
    it.runner.drained()
    await it.clock.advance(0.01)
    assert it.last.state is TaskState.SHUTDOWN


async def test_a_manager_that_says_nothing_does_not_keep_a_task_alive() -> None:
    it = await climb(ON_INGRESS)
    await it.want(TaskState.SHUTDOWN)
    await it.clock.advance(DRAIN_LIMIT + 0.01)
    assert it.last.state is TaskState.SHUTDOWN


async def test_a_task_that_is_no_longer_the_node_s_stops_at_once() -> None:
    it = await climb(ON_INGRESS)
    it.runner.release()
    await it.running
    assert it.engine.containers == {}
    leaving = await climb(ON_INGRESS)
    await leaving.want(TaskState.SHUTDOWN)
    leaving.runner.release()
    await leaving.clock.advance(0.01)
    await leaving.running
    assert leaving.engine.containers == {}


async def test_a_container_that_is_gone_before_it_was_drained_is_a_task_shut_down() -> None:
    it = await climb(ON_INGRESS)
    await it.want(TaskState.SHUTDOWN)
    await it.engine.remove(it.container, force=True)
    it.runner.drained()
    await it.clock.advance(0.01)
    assert it.last.state is TaskState.SHUTDOWN


async def test_a_container_that_somebody_removed() -> None:
    it = await climb()
    await it.engine.remove(it.container, force=True)
    await it.clock.settle()
    assert it.last.state is TaskState.FAILED
    assert "No such container" in it.last.err
    stopping = await climb()
    stopping.engine.containers.clear()
    await stopping.want(TaskState.SHUTDOWN)
    assert stopping.last.state is TaskState.SHUTDOWN


async def test_news_that_change_nothing_do_not_disturb_a_running_task() -> None:
    it = await climb()
    for _ in range(3):
        await it.want(TaskState.RUNNING)
    assert it.states.count(TaskState.RUNNING) == 1
    it.engine.exit(it.container, 0)
    await it.clock.settle()
    assert it.last.state is TaskState.COMPLETE


async def test_a_bug_in_the_engine_ends_the_task_and_not_the_runner() -> None:
    engine = ScriptedEngine()

    async def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    engine.create = broken  # type: ignore[assignment,method-assign]
    it = await climb(engine=engine)
    assert (it.last.state, it.last.err) == (TaskState.REJECTED, "internal error: oops")
    assert not it.running.done()


def test_a_task_s_container_is_named_and_labelled_as_docker_s() -> None:
    web = service("web", endpoint=Endpoint(ports=[port(80), port(8080, 90, mode="host")]))
    spec = ContainerSpec(
        image="nginx:1.18", command=["/entry"], args=["-v"], env=["A=1"], labels={"mine": "x"}, hostname="h",
        stop_grace_period=3_000_000_000, hosts=["10.0.0.9 db db2"], init=False, dns_config=DNSConfig(),
    )
    of = replace(
        task(web, 3, id="t1", node_id="n1"), spec=TaskSpec(container_spec=spec),
        networks=[Attachment(network_id="i", addresses=["10.0.0.7/24"])],
    )
    config = container_config(of, spec)
    assert (config.image, config.name, config.command, config.args) == ("nginx:1.18", "web.3.t1", ["/entry"], ["-v"])
    assert config.labels == {
        "mine": "x", "com.docker.swarm.node.id": "n1", "com.docker.swarm.service.id": "service-web",
        "com.docker.swarm.service.name": "web", "com.docker.swarm.task": "", "com.docker.swarm.task.id": "t1",
        "com.docker.swarm.task.name": "web.3.t1"}
    assert (config.hostname, config.stop_grace, config.extra_hosts) == ("h", 3.0, ["db:10.0.0.9", "db2:10.0.0.9"])
    assert config.sandbox is not None
    assert config.sandbox.mode == "task"
    assert config.sandbox.overlays == [OverlayAddress(network_id="i", address="10.0.0.7/24")]
    assert config.sandbox.ports == [PortMapping(protocol="tcp", published_port=8080, target_port=90)]


def test_users_cannot_take_docker_s_labels() -> None:
    spec = ContainerSpec(image="x", labels={"com.docker.swarm.task.id": "other"})
    assert container_config(task(id="t1"), spec).labels["com.docker.swarm.task.id"] == "t1"


@pytest.mark.parametrize("spec", [
    None, ContainerSpec(image="x", mounts=[Mount(type="volume", target="data")]),
    ContainerSpec(image="x", env=["A={{.B}}"]),
])
def test_what_cannot_run_here_is_refused_and_not_left_out(spec: ContainerSpec | None) -> None:
    of = replace(task(), spec=TaskSpec(container_spec=spec))
    with pytest.raises(InvalidArgument):
        container_config(of, expanded_spec(of, NodeDescription()))


def test_what_the_cli_says_without_a_wish_behind_it_is_no_reason_to_refuse() -> None:
    nothing = {"CredentialSpec": None, "SELinuxContext": None, "NoNewPrivileges": False}
    said = ContainerSpec(image="x", dns_config=DNSConfig(), mounts=[], secrets=[], privileges=nothing)
    of = replace(task(node_id="n1"), spec=TaskSpec(container_spec=said))
    assert container_config(of, expanded_spec(of, NodeDescription())).dns is None
