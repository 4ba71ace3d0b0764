"""Two and three daemons in one process: what the docker command asks of them, from init to leave."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from swarmkit_py.agent.attachments import Attachments
from swarmkit_py.clock import SystemClock
from swarmkit_py.docker_api.backend import InitRequest, JoinRequest
from swarmkit_py.errors import FailedPrecondition, InvalidArgument, NotFound, SwarmError, Unavailable
from swarmkit_py.ids import Ids
from swarmkit_py.model.states import NodeState, TaskState
from swarmkit_py.network.fake import FakeNetwork
from swarmkit_py.node import Node, NodeOptions, join
from swarmkit_py.node.parts import Parts
from swarmkit_py.node.raft_member import launch
from swarmkit_py.rpc.client import Unreachable
from swarmkit_py.runtime.base import ContainerEngine, ImageKeeper
from swarmkit_py.runtime.volumes import LocalVolumes
from tests.builders import port, spec
from tests.unit.agent.fake_engine import ScriptedEngine
from tests.waiting import until

NETWORK = f"127.{os.getpid() >> 8 & 127 | 64}.{os.getpid() & 255}"
"""Of this process alone: another run on this machine may be at the same test."""
MANAGER = f"{NETWORK}.1"


async def nothing() -> None:
    pass


class NoImages:
    """Nothing can be pulled; which images there are is the fake engine's affair."""

    async def pull(self, ref: str) -> None:
        raise NotFound(f"no registry for {ref}")


class Rig:
    """Hosts by number: their daemons, engines and networks; a host keeps its engine when its daemon restarts."""

    def __init__(self, folder: Path, etcd: str = "no-etcd-here") -> None:
        self.folder, self.etcd = folder, etcd
        self.launcher = launch
        self.nodes: dict[int, Node] = {}
        self.engines: dict[int, ScriptedEngine] = {}
        self.networks: dict[int, FakeNetwork] = {}

    async def start(self, number: int) -> Node:
        root = self.folder / str(number)
        engine = self.engines.setdefault(number, ScriptedEngine())
        network = self.networks.setdefault(number, FakeNetwork())
        volumes = LocalVolumes(root / "volumes", SystemClock(), Ids())
        parts = Parts(
            cast(ContainerEngine, engine), cast(ImageKeeper, NoImages()), volumes, network, nothing, nothing,
            network, Attachments(SystemClock(), Ids()))
        options = NodeOptions(root / "data", root / "exec", root / "docker.sock", root / "images", "fake",
                              hostname=f"host{number}", etcd=self.etcd)
        node = Node(options, parts=parts, launcher=self.launcher)
        self.nodes[number] = node
        await node.start()
        return node

    async def swarm(self, workers: int = 1) -> Node:
        manager = await self.start(1)
        await manager.swarm_init(InitRequest(listen_addr=MANAGER, advertise_addr=MANAGER))
        for number in range(2, workers + 2):
            await self.join(number)
        return manager

    async def join(self, number: int, token: str = "", remote: str = MANAGER) -> Node:
        node = self.nodes.get(number) or await self.start(number)
        token = token or self.nodes[1].control().get_cluster().join_tokens.worker
        await node.swarm_join(JoinRequest(
            remote_addrs=[remote], join_token=token, advertise_addr=f"{NETWORK}.{number}",
        ))
        return node


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    for node in rig.nodes.values():
        await node.stop()


def running(node: Node) -> list[str]:
    return [t.node_id for t in node.control().list_tasks() if t.status.state is TaskState.RUNNING]


def states(node: Node) -> dict[str, NodeState]:
    return {n.description.hostname if n.description else n.id: n.status.state for n in node.control().list_nodes()}


async def refusal(call: Callable[[], Awaitable[Any]]) -> SwarmError:
    with pytest.raises(SwarmError) as caught:
        await call()
    return caught.value


async def test_init_makes_a_ready_manager(rig: Rig) -> None:
    manager = await rig.swarm(workers=0)
    info = manager.swarm_info()
    assert (info.local_node_state, info.control_available, info.node_addr) == ("active", True, MANAGER)
    assert [(m.node_id, m.addr) for m in info.remote_managers] == [(info.node_id, f"{MANAGER}:2377")]
    assert states(manager) == {"host1": NodeState.READY}


async def test_workers_join_and_tasks_run_on_all(rig: Rig) -> None:
    manager = await rig.swarm(workers=2)
    assert states(manager) == {f"host{n}": NodeState.READY for n in (1, 2, 3)}
    manager.control().create_service(spec(replicas=6, ports=[port(8080)]))
    await until(lambda: len(running(manager)) == 6, what="six tasks run")
    assert {len(engine.containers) for engine in rig.engines.values()} == {2}
    await until(lambda: all(len(n.endpoints["tcp/8080"].backends) == 6 for n in rig.networks.values()),
                what="every node knows all six backends")
    ingress = next(iter(rig.networks[2].networks.values()))
    assert {peer.node_address for peer in ingress.peers} == {MANAGER, f"{NETWORK}.3"}
    assert rig.networks[2].node_address == f"{NETWORK}.2"


async def test_scaling_down_stops_and_removes(rig: Rig) -> None:
    manager = await rig.swarm(workers=1)
    service = manager.control().create_service(spec(replicas=4))
    await until(lambda: len(running(manager)) == 4, what="four tasks run")
    service = manager.control().get_service(service.id)
    manager.control().update_service(service.id, service.index, spec(replicas=1))
    await until(lambda: sum(len(e.containers) for e in rig.engines.values()) == 1, what="one container is left")
    await until(lambda: len(manager.control().list_tasks()) == 1, what="and one task")


async def test_a_missing_image_is_rejected_with_docker_s_words(rig: Rig) -> None:
    manager = await rig.swarm(workers=0)
    rig.engines[1].missing_images.add("nginx:latest")
    manager.control().create_service(spec(replicas=1))
    task = await until(lambda: next((t for t in manager.control().list_tasks()
                                     if t.status.state is TaskState.REJECTED), None), what="a task is rejected")
    assert (task.status.message, task.status.err) == ("preparing", "No such image: nginx:latest")


async def test_a_restarted_manager_and_worker_are_what_they_were(rig: Rig) -> None:
    manager = await rig.swarm(workers=1)
    manager.control().create_service(spec(replicas=4))
    await until(lambda: len(running(manager)) == 4, what="four tasks run")
    before = {number: (node.swarm_info().node_id, sorted(rig.engines[number].containers))
              for number, node in rig.nodes.items()}
    for number in (1, 2):
        await rig.nodes[number].stop()
    for number in (1, 2):
        await rig.start(number)
    manager = rig.nodes[1]
    await until(lambda: set(states(manager).values()) == {NodeState.READY}, what="both are ready again")
    await until(lambda: len(running(manager)) == 4, what="four tasks run")
    after = {number: (node.swarm_info().node_id, sorted(rig.engines[number].containers))
             for number, node in rig.nodes.items()}
    assert after == before


async def test_tasks_outlive_the_managers_absence_and_exits_meanwhile_are_reported(rig: Rig) -> None:
    manager = await rig.swarm(workers=1)
    worker_id = rig.nodes[2].swarm_info().node_id
    manager.control().create_service(spec(replicas=2, constraints=[f"node.id=={worker_id}"]))
    await until(lambda: len(running(manager)) == 2, what="two tasks run on the worker")
    await manager.stop()
    engine = rig.engines[2]
    first, _ = engine.containers
    engine.exit(first, 3)
    assert len(engine.containers) == 2
    manager = await rig.start(1)
    failed = await until(lambda: [t for t in manager.control().list_tasks() if t.status.state is TaskState.FAILED],
                         what="the exit is reported")
    assert failed[0].status.err == "task: non-zero exit (3)"


async def test_leaving_marks_down_at_once_and_cleans_up(rig: Rig) -> None:
    manager = await rig.swarm(workers=1)
    manager.control().create_service(spec(replicas=2))
    await until(lambda: len(running(manager)) == 2, what="two tasks run")
    await rig.nodes[2].swarm_leave(force=False)
    assert rig.engines[2].containers == {}
    assert rig.networks[2].networks == {}
    assert rig.nodes[2].swarm_info().local_node_state == "inactive"
    assert states(manager)["host2"] is NodeState.DOWN
    await until(lambda: running(manager) == [manager.swarm_info().node_id] * 2, what="both tasks run on the manager")


async def test_a_removed_node_stops_its_tasks_and_says_so(rig: Rig) -> None:
    manager = await rig.swarm(workers=1)
    manager.control().create_service(spec(replicas=2))
    await until(lambda: len(running(manager)) == 2, what="two tasks run")
    worker = rig.nodes[2]
    manager.control().remove_node(worker.swarm_info().node_id, force=True)
    await until(lambda: worker.swarm_info().local_node_state == "error", what="the worker knows")
    assert "removed" in worker.swarm_info().error
    assert rig.engines[2].containers == {}
    await worker.stop()
    worker = await rig.start(2)
    await until(lambda: worker.swarm_info().local_node_state == "error", what="its certificate is refused")
    await worker.swarm_leave(force=True)
    await rig.join(2)
    assert worker.swarm_info().local_node_state == "active"


async def test_init_and_join_twice(rig: Rig) -> None:
    manager = await rig.swarm(workers=1)
    for error in (await refusal(lambda: manager.swarm_init(InitRequest())), await refusal(lambda: rig.join(2))):
        assert str(error) == ('This node is already part of a swarm. Use "docker swarm leave" to leave this swarm '
                              "and join another one.")
        assert error.status == 503


async def test_bad_tokens(rig: Rig) -> None:
    manager = await rig.swarm(workers=0)
    tokens = manager.control().get_cluster().join_tokens
    assert (await refusal(lambda: rig.join(2, "SWMTKN-1-bad"))).wire_text() == "invalid join token"
    other = tokens.worker[:9] + ("1" if tokens.worker[20] != "1" else "2") * 50 + tokens.worker[59:]
    error = await refusal(lambda: rig.join(2, other))
    assert isinstance(error, FailedPrecondition)
    assert error.wire_text().startswith("remote CA does not match fingerprint. Expected: ")
    wrong = await refusal(lambda: rig.join(2, tokens.worker[:60] + "0" * 25))
    assert wrong.wire_text() == ("rpc error: code = InvalidArgument desc = A valid join token is necessary to join "
                                 "this cluster")
    without = await refusal(lambda: rig.join(2, tokens.manager))
    assert isinstance(without, FailedPrecondition) and "etcd" in without.message
    assert rig.nodes[2].swarm_info().local_node_state == "inactive"
    assert len(manager.control().list_nodes()) == 1


async def test_a_rotated_token_no_longer_lets_in(rig: Rig) -> None:
    manager = await rig.swarm(workers=1)
    old = manager.control().get_cluster().join_tokens.worker
    cluster = manager.control().get_cluster()
    manager.control().update_cluster(cluster.index, cluster.spec, rotate_worker_token=True)
    assert isinstance(await refusal(lambda: rig.join(3, old)), InvalidArgument)
    await rig.join(3)
    assert set(states(manager).values()) == {NodeState.READY}


async def test_joining_where_nobody_listens(rig: Rig) -> None:
    await rig.swarm(workers=0)
    error = await refusal(lambda: rig.join(2, remote=f"{NETWORK}.9"))
    assert error.wire_text() == ('rpc error: code = Unavailable desc = connection error: desc = "transport: Error '
                                 f'while dialing dial tcp {NETWORK}.9:2377: connect: connection refused"')
    assert rig.nodes[2].swarm_info().local_node_state == "inactive"


async def test_a_manager_that_answers_late_is_joined_in_the_background(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = await rig.swarm(workers=0)
    silent = True

    async def call(*args: Any) -> Any:
        if silent:
            raise Unreachable("no route to host")
        return await real(*args)

    real = join.call
    monkeypatch.setattr(join, "call", call)
    monkeypatch.setattr(join, "FIRST_TRY", 0.1)
    assert "will continue in the background" in str(await refusal(lambda: rig.join(2)))
    info = rig.nodes[2].swarm_info()
    assert (info.local_node_state, info.remote_managers[0].addr) == ("pending", f"{MANAGER}:2377")
    assert str(await refusal(lambda: rig.join(2))).startswith("This node is already part of a swarm")
    silent = False
    await until(lambda: rig.nodes[2].swarm_info().local_node_state == "active", what="the worker has joined")
    assert states(manager)["host2"] is NodeState.READY


async def test_leaving_ends_a_join_in_the_background(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.swarm(workers=0)

    async def call(*args: Any) -> Any:
        raise Unreachable("no route to host")

    monkeypatch.setattr(join, "call", call)
    monkeypatch.setattr(join, "FIRST_TRY", 0.1)
    await refusal(lambda: rig.join(2))
    await rig.nodes[2].swarm_leave(force=False)
    assert rig.nodes[2].swarm_info().local_node_state == "inactive"
    monkeypatch.undo()
    await rig.join(2)


async def test_the_wrong_advertise_address_names_the_right_ones(rig: Rig) -> None:
    node = await rig.start(1)
    error = await refusal(lambda: node.swarm_init(InitRequest(advertise_addr="203.0.113.9")))
    assert isinstance(error, InvalidArgument)
    assert "203.0.113.9" in str(error)
    assert "there are" in str(error) or "no address but loopback" in str(error)
    assert node.swarm_info().local_node_state == "inactive"


async def test_workers_and_outsiders_have_no_control(rig: Rig) -> None:
    await rig.swarm(workers=1)
    outsider = await rig.start(3)
    for node, words in ((rig.nodes[2], "Worker nodes can't be used"), (outsider, 'Use "docker swarm init"')):
        with pytest.raises(Unavailable, match=words):
            node.control()
    error = await refusal(lambda: outsider.swarm_leave(force=False))
    assert str(error) == "This node is not part of a swarm"


async def test_a_manager_leaves_only_by_force_and_may_start_anew(rig: Rig) -> None:
    manager = await rig.swarm(workers=0)
    first = manager.control().get_cluster().id
    assert "--force" in str(await refusal(lambda: manager.swarm_leave(force=False)))
    await manager.swarm_leave(force=True)
    assert not (rig.folder / "1" / "data" / "swarm").exists()
    await manager.swarm_init(InitRequest(listen_addr=MANAGER, advertise_addr=MANAGER))
    assert manager.control().get_cluster().id != first


async def test_a_damaged_journal_is_shown_and_kept(rig: Rig) -> None:
    manager = await rig.swarm(workers=0)
    await manager.stop()
    journal = rig.folder / "1" / "data" / "swarm" / "manager" / "store.db"
    journal.write_bytes(b"not a database at all" * 100)
    manager = await rig.start(1)
    info = manager.swarm_info()
    assert info.local_node_state == "error"
    assert str(journal) in info.error
    assert journal.read_bytes().startswith(b"not a database")
    with pytest.raises(Unavailable, match="damaged"):
        manager.control()


async def test_certificates_and_state_are_private(rig: Rig) -> None:
    await rig.swarm(workers=1)
    files = [path for number in (1, 2) for path in (rig.folder / str(number) / "data" / "swarm").rglob("*")
             if path.suffix in (".key", ".crt", ".json")]
    assert len(files) == 8
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert "token" not in json.dumps((rig.folder / "2" / "data" / "swarm" / "state.json").read_text()).lower()
