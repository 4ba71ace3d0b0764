"""Several managers in one process, their store shared by a fake etcd: who answers what, and how roles change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import aiohttp
import pytest
from msgspec.structs import replace

from swarmkit_py.ca.root import MANAGER_NAME, create_key_and_request, identity_of_pem
from swarmkit_py.ca.tls import client_context
from swarmkit_py.clock import SystemClock
from swarmkit_py.docker_api.backend import InitRequest, JoinRequest
from swarmkit_py.docker_api.server import serve
from swarmkit_py.errors import FailedPrecondition, NoLeader, NotLeader, SwarmError, Unavailable
from swarmkit_py.etcd import seat
from swarmkit_py.model.states import NodeState, Role
from swarmkit_py.node import Node, admission, raft_member
from swarmkit_py.rpc.client import call
from swarmkit_py.rpc.wire import RENEW_PATH, CertificateAnswer, RenewRequest
from tests.builders import spec
from tests.unit.etcd.fake import FakeCluster, launcher
from tests.unit.node.test_swarm import MANAGER, NETWORK, Rig, refusal, running
from tests.waiting import until

ETCD = "etcd-of-the-test"


class Managers(Rig):
    """A rig whose hosts have etcd."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, etcd=ETCD)
        self.cluster = FakeCluster(SystemClock())
        self.launcher = cast(raft_member.Launcher, launcher(self.cluster))
        self.token = ""

    async def swarm(self, workers: int = 0, *, autolock: bool = False) -> Node:
        manager = await self.start(1)
        await manager.swarm_init(InitRequest(
            listen_addr=MANAGER, advertise_addr=MANAGER, auto_lock_managers=autolock))
        self.token = manager.control().get_cluster().join_tokens.manager
        for number in range(2, workers + 2):
            await self.join(number)
        return manager

    async def join_manager(self, number: int, through: str = MANAGER) -> Node:
        node = self.nodes.get(number) or await self.start(number)
        address = f"{NETWORK}.{number}"
        await node.swarm_join(JoinRequest(
            listen_addr=address, advertise_addr=address, remote_addrs=[through], join_token=self.token))
        return node

    async def join(self, number: int, token: str = "", remote: str = MANAGER) -> Node:
        node = self.nodes.get(number) or await self.start(number)
        address, tokens = f"{NETWORK}.{number}", self.nodes[1].control().get_cluster().join_tokens
        await node.swarm_join(JoinRequest(
            listen_addr=address, advertise_addr=address, remote_addrs=[remote], join_token=token or tokens.worker))
        return node

    def leader(self) -> Node:
        (found,) = [node for node in self.nodes.values() if leads(node)]
        return found

    async def kill(self, number: int) -> None:
        """Everything of it at once, as far as the others can tell."""
        node = self.nodes.pop(number)
        self.cluster.running.discard(f"https://{NETWORK}.{number}:2380")
        await node.stop()


def leads(node: Node) -> bool:
    try:
        node.control()
    except SwarmError:
        return False
    return True


def managers(node: Node) -> dict[str, str]:
    """Hostname → what `docker node ls` shows of each manager."""
    return {n.description.hostname if n.description else n.id:
            "leader" if n.manager_status.leader else n.manager_status.reachability
            for n in node.control_view().list_nodes() if n.manager_status}


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Managers]:
    monkeypatch.setattr("swarmkit_py.node.node.find_program", lambda program: program if program == ETCD else None)
    monkeypatch.setattr("swarmkit_py.node.manager_role.find_program", lambda program: program)
    monkeypatch.setattr(seat, "LEASE_SECONDS", 3)
    monkeypatch.setattr(seat, "RENEW_SECONDS", 0.3)
    monkeypatch.setattr("swarmkit_py.etcd.shared.PULSE_SECONDS", 0.1)
    monkeypatch.setattr(admission, "PAUSE", 0.05)
    rig = Managers(tmp_path)
    yield rig
    for node in rig.nodes.values():
        await node.stop()


async def three(rig: Managers, **options: bool) -> None:
    await rig.swarm(**options)
    await rig.join_manager(2)
    await rig.join_manager(3, through=f"{NETWORK}.2")  # a manager that follows lets in as well
    await until(lambda: managers(rig.nodes[1]) == {
        "host1": "leader", "host2": "reachable", "host3": "reachable"}, seconds=60, what="three managers")


async def test_a_second_and_a_third_manager_know_what_the_first_knows(rig: Managers) -> None:
    await three(rig)
    rig.nodes[1].control().create_service(spec(replicas=3))
    await until(lambda: len(running(rig.nodes[1])) == 3, seconds=60, what="three tasks run")
    await until(lambda: all(node.store_index() == rig.nodes[1].store_index() for node in rig.nodes.values()),
                seconds=60, what="all stores are equal")
    for number in (2, 3):
        assert managers(rig.nodes[number]) == managers(rig.nodes[1])
        assert isinstance(await refusal(lambda number=number: _control(rig.nodes[number])), NotLeader)
        assert rig.nodes[number].swarm_info().control_available
    assert [member.learner for member in rig.cluster.members.values()] == [False] * 3
    assert {addr for _, addr in rig.nodes[2].known_managers} == {f"{NETWORK}.{n}:2377" for n in (1, 2, 3)}
    assert not (rig.folder / "1" / "data" / "swarm" / "manager" / "store.db").exists()


async def _control(node: Node) -> object:
    return node.control()


async def test_a_follower_hands_the_docker_api_s_calls_to_the_leader_once(rig: Managers) -> None:
    await three(rig)
    follower = rig.nodes[3]
    servers = [await serve(node, rig.folder / f"{number}.sock") for number, node in rig.nodes.items()]
    try:
        connector = aiohttp.UnixConnector(str(rig.folder / "3.sock"))
        async with aiohttp.ClientSession(connector=connector) as http:
            body = {"Name": "web", "TaskTemplate": {"ContainerSpec": {"Image": "nginx"}}}
            async with http.post("http://d/v1.41/services/create", json=body) as answer:
                assert answer.status == 201, await answer.text()
                made = (await answer.json())["ID"]
            assert [s.id for s in rig.nodes[1].control().list_services()] == [made]
            assert [s.id for s in follower.control_view().list_services()] == [made]  # it waited until it knew
            async with http.get(f"http://d/v1.41/services/{made}") as answer:
                assert (await answer.json())["Spec"]["Name"] == "web"
            async with http.get("http://d/v1.41/services/none") as answer:
                assert (answer.status, await answer.json()) == (404, {"message": "service none not found"})
            headers = {"Swarm-Method": "GET", "Swarm-Target": "/v1.41/services"}
            async with follower.carry(b"", headers) as passage:
                assert passage.status == 200
            # One hop only: the leader's own address is taken for a follower's.
            follower._manager._leader_address = lambda: f"{NETWORK}.2:2377"  # type: ignore[union-attr,method-assign]
            async with http.get("http://d/v1.41/services") as answer:
                said = (await answer.json())["message"]
                assert (answer.status, said) == (500, NoLeader().wire_text())
    finally:
        for server in servers:
            await server.close()


async def test_a_call_is_handed_on_with_its_caller(rig: Managers) -> None:
    await three(rig)
    files = rig.nodes[2]._disk.certificates
    key, csr = create_key_and_request()
    answer = await call(f"{NETWORK}.3:2377", RENEW_PATH, RenewRequest(csr=csr), CertificateAnswer,
                        client_context(files), MANAGER_NAME)
    assert identity_of_pem(answer.certificate).node_id == rig.nodes[2].swarm_info().node_id


async def test_another_leads_when_the_leader_is_lost_and_its_loops_run_there_only(rig: Managers) -> None:
    await three(rig)
    service = rig.nodes[1].control().create_service(spec(replicas=4))
    await until(lambda: len(running(rig.nodes[1])) == 4, seconds=60, what="four tasks run")
    await rig.kill(1)
    await until(lambda: any(leads(node) for node in rig.nodes.values()), 60, what="another leads")
    leader = rig.leader()
    (follower,) = [node for node in rig.nodes.values() if node is not leader]
    unknown = [n for n in leader.control().list_nodes() if n.status.state is NodeState.UNKNOWN]
    assert "leadership change" in unknown[0].status.message if unknown else True
    await until(lambda: sum(n.status.state is NodeState.READY for n in leader.control().list_nodes()) == 2, 60,
                what="both are back")
    current = leader.control().get_service(service.id)
    leader.control().update_service(service.id, current.index, replace(current.spec, mode=spec(replicas=6).mode))
    await until(lambda: len(set(running(leader))) >= 2 and len(running(leader)) >= 5, 60, what="it scales again")
    assert follower._manager is not None and follower._manager._leader is None
    assert leader._manager is not None and leader._manager._leader is not None


async def test_without_a_majority_calls_are_refused_with_swarm_s_words(rig: Managers) -> None:
    await three(rig)
    await rig.kill(2)
    await rig.kill(3)
    left = rig.nodes[1]
    error = await refusal(lambda: _write(left))
    assert (error.status, error.wire_text()) == (500, (
        "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers are "
        "online. Make sure more than half of the managers are online."))
    await until(lambda: not leads(left), seconds=60, what="it has stepped down")
    with pytest.raises(NoLeader):
        left.control_view()
    assert left.swarm_info().local_node_state == "active"
    warned = await refusal(lambda: left.swarm_leave(force=False))
    assert "--force-new-cluster" in warned.message
    again = await rig.start(2)
    await until(lambda: any(leads(node) for node in rig.nodes.values()), 60, what="two of three agree again")
    await until(lambda: again.store_index() == left.store_index(), seconds=60, what="and know the same")
    await _write(rig.leader())


async def _write(node: Node) -> None:
    node.control().create_service(spec(replicas=1))


async def test_a_worker_is_promoted_and_demoted(rig: Managers) -> None:
    leader = await rig.swarm(workers=1)
    worker = rig.nodes[2]
    assert isinstance(await refusal(lambda: _control(worker)), Unavailable)
    _set_role(leader, worker, Role.MANAGER)
    await until(lambda: worker.swarm_info().control_available and managers(leader) == {
        "host1": "leader", "host2": "reachable"}, 60, what="it manages")
    first_id = rig.cluster.members[f"https://{NETWORK}.2:2380"].id
    folder = rig.folder / "2" / "data" / "swarm"
    assert (folder / "manager").exists()
    _set_role(leader, worker, Role.WORKER)
    await until(lambda: not worker.swarm_info().control_available and len(rig.cluster.members) == 1, 60,
                what="it is a worker")
    assert managers(leader) == {"host1": "leader"}
    await until(lambda: not (folder / "manager").exists(), seconds=60, what="its store is gone")
    assert worker._disk.certificates.read().data_key is None
    _set_role(leader, worker, Role.MANAGER)
    await until(lambda: len(managers(leader)) == 2, 60, what="it manages again")
    again = rig.cluster.members[f"https://{NETWORK}.2:2380"].id
    assert again != first_id and len(set(rig.cluster.used_ids)) == len(rig.cluster.used_ids)


def _set_role(leader: Node, node: Node, role: Role) -> None:
    found = leader.control().get_node(node.swarm_info().node_id)
    leader.control().update_node(found.id, found.index, replace(found.spec, role=role))


async def test_a_leader_that_is_demoted_hands_on_first(rig: Managers) -> None:
    await three(rig)
    _set_role(rig.nodes[1], rig.nodes[1], Role.WORKER)
    await until(lambda: not rig.nodes[1].swarm_info().control_available, 60, what="it is a worker")
    leader = rig.leader()
    await until(lambda: len(managers(leader)) == 2, 60, what="two are left")
    # Two are fewer than Swarm lets go further down to one only while both are there.
    (other,) = [node for number, node in rig.nodes.items() if number != 1 and node is not leader]
    _set_role(leader, other, Role.WORKER)
    await until(lambda: len(managers(leader)) == 1, 60, what="one is left")
    last = await refusal(lambda: _demote(leader))
    assert last.message == "attempting to demote the last manager of the swarm"


async def _demote(leader: Node) -> None:
    _set_role(leader, leader, Role.WORKER)


async def test_keys_of_a_manager_that_joins_a_locked_swarm_are_never_in_clear(rig: Managers) -> None:
    await three(rig, autolock=True)
    for number in (1, 2, 3):
        folder = rig.folder / str(number) / "data" / "swarm"
        texts = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        assert b"ENCRYPTED PRIVATE KEY" in texts and b"-----BEGIN PRIVATE KEY" not in texts
        assert b"SWMKEY" not in texts
    key = rig.nodes[1].control().get_cluster().unlock_key
    await rig.kill(2)
    locked = await rig.start(2)
    assert locked.swarm_info().local_node_state == "locked"
    await locked.swarm_unlock(key)
    assert managers(locked)["host1"] == "leader"


async def test_one_manager_s_disk_is_enough_for_a_new_cluster(rig: Managers) -> None:
    await three(rig)
    rig.nodes[1].control().create_service(spec(replicas=2))
    await rig.kill(2)
    await rig.kill(3)
    left = rig.nodes[1]
    await left.swarm_init(InitRequest(listen_addr=MANAGER, advertise_addr=MANAGER, force_new_cluster=True))
    assert managers(left) == {"host1": "leader"}
    assert [s.spec.name for s in left.control().list_services()] == ["web"]
    assert [n.spec.role for n in left.control().list_nodes()].count(Role.MANAGER) == 1
    await _write_again(left)


async def _write_again(node: Node) -> None:
    service = node.control().list_services()[0]
    node.control().update_service(service.id, service.index, replace(service.spec, mode=spec(replicas=1).mode))


async def test_a_machine_without_etcd_is_told_so(rig: Managers) -> None:
    await rig.swarm()
    rig.etcd = "none"
    error = await refusal(lambda: rig.join_manager(2))
    assert isinstance(error, FailedPrecondition) and "install the package etcd-server" in error.message
    assert rig.nodes[2].swarm_info().local_node_state == "inactive"
    assert len(rig.nodes[1].control().list_nodes()) == 1
