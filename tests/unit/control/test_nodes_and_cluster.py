"""`docker node update/rm`, `docker swarm init/update/join-token --rotate`: the store's side."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from swarmkit_py.errors import FailedPrecondition, InvalidArgument, OutOfSequence, SwarmError, Unimplemented
from swarmkit_py.manager.control import seed_cluster
from swarmkit_py.manager.control.seed import first_subnet
from swarmkit_py.manager.quorum import may_lose, warnings
from swarmkit_py.model.objects import ManagerStatus, Network, Node, Task
from swarmkit_py.model.specs import (
    CAConfig,
    ClusterSpec,
    DispatcherConfig,
    EncryptionConfig,
    NodeSpec,
    OrchestrationConfig,
    RaftConfig,
)
from swarmkit_py.model.states import Availability, NodeState, Role, TaskState
from swarmkit_py.store.memory import Store
from tests.builders import node, task
from tests.unit.control.rig import SEED, Rig


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def worker(rig: Rig) -> Node:
    return rig.store.update(lambda tx: tx.create(node("worker1")))


def test_a_new_swarm_has_cluster_node_and_ingress(rig: Rig) -> None:
    (ingress,), (manager,), cluster = rig.control.list_networks(), rig.control.list_nodes(), rig.control.get_cluster()
    assert (ingress.subnet, ingress.gateway, ingress.vni) == ("10.0.0.0/24", "10.0.0.1", 4096)
    assert ingress.spec.ingress
    assert (manager.spec.role, manager.status.addr) == (Role.MANAGER, "10.7.0.1")
    assert manager.manager_status is not None
    assert (manager.manager_status.leader, manager.manager_status.addr) == (True, "10.7.0.1:2377")
    assert (cluster.spec.orchestration.task_history_retention_limit, cluster.spec.raft.election_tick) == (5, 10)
    assert cluster.spec.dispatcher.heartbeat_period == 5_000_000_000
    assert rig.store.index == 1, "one transaction"


def test_a_swarm_is_seeded_once(rig: Rig) -> None:
    with pytest.raises(SwarmError):
        seed_cluster(rig.store, SEED)
    assert rig.store.index == 1


def test_a_swarm_with_settings_that_are_not_there_is_not_begun(rig: Rig) -> None:
    store = Store(rig.clock)
    outside = ClusterSpec(ca_config=CAConfig(external_cas=[{"Protocol": "cfssl", "URL": "https://ca"}]))
    with pytest.raises(Unimplemented, match="--external-ca"):
        seed_cluster(store, dataclasses.replace(SEED, spec=outside))
    assert store.index == 0


def test_an_address_pool_of_one_s_own(rig: Rig) -> None:
    store = Store(rig.clock)
    seed_cluster(store, dataclasses.replace(SEED, default_addr_pool=["20.20.0.0/16"], subnet_size=26))
    assert [(n.subnet, n.gateway) for n in store.all(Network)] == [("20.20.0.0/26", "20.20.0.1")]


@pytest.mark.parametrize(("pools", "size", "text"), [
    (["x"], 24, "invalid default address pool"), ([], 24, "is empty"), (["10.0.0.0/24"], 16, "must be between 24"),
    (["10.0.0.0/8"], 31, "and 29"),
])
def test_pools_that_hold_no_subnet(pools: list[str], size: int, text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        first_subnet(pools, size)


def test_availability_and_labels(rig: Rig, worker: Node) -> None:
    wanted = replace(worker.spec, availability=Availability.DRAIN, labels={"rack": "a"})
    after = rig.control.update_node(worker.id, worker.index, wanted)
    assert rig.control.get_node("worker1").spec == wanted == after.spec
    with pytest.raises(OutOfSequence):
        rig.control.update_node(worker.id, worker.index, wanted)


def test_who_cannot_change_their_role(rig: Rig, worker: Node) -> None:
    with pytest.raises(FailedPrecondition, match="several managers need etcd, and worker1 has none"):
        rig.control.update_node(worker.id, worker.index, replace(worker.spec, role=Role.MANAGER))
    (manager, _) = rig.control.list_nodes()
    with pytest.raises(FailedPrecondition) as caught:
        rig.control.update_node(manager.id, manager.index, replace(manager.spec, role=Role.WORKER))
    assert caught.value.wire_text() == (
        "rpc error: code = FailedPrecondition desc = attempting to demote the last manager of the swarm")


def _vote(rig: Rig, hostname: str, reachability: str = "reachable") -> Node:
    """Make a node a manager that has a vote."""
    node = rig.control.get_node(hostname)
    changed = replace(node, spec=replace(node.spec, role=Role.MANAGER), role=Role.MANAGER, can_manage=True,
                      manager_status=ManagerStatus(addr="10.7.0.9:2377", reachability=reachability))
    rig.store.update(lambda tx: tx.update(changed))
    return rig.control.get_node(hostname)


def test_a_manager_is_demoted_unless_too_few_would_be_left(rig: Rig, worker: Node) -> None:
    other = _vote(rig, "worker1", "unreachable")
    first = rig.control.get_node("manager1")
    with pytest.raises(FailedPrecondition, match="this would result in a loss of quorum"):
        rig.control.update_node(first.id, first.index, replace(first.spec, role=Role.WORKER))
    rig.control.update_node(other.id, other.index, replace(other.spec, role=Role.WORKER))
    assert rig.control.get_node(other.id).spec.role is Role.WORKER
    with pytest.raises(FailedPrecondition, match="It must be demoted to worker before removal"):
        rig.control.remove_node(other.id, force=True)  # its member is not out yet


@pytest.mark.parametrize(("up", "down", "lost_is_up", "may"), [
    (1, 0, True, False), (2, 0, True, True), (1, 1, True, False), (1, 1, False, True), (3, 0, True, True),
    (2, 1, True, False), (2, 1, False, True), (3, 2, True, False), (3, 2, False, True), (5, 0, True, True),
])
def test_how_many_managers_may_be_lost(up: int, down: int, lost_is_up: bool, may: bool) -> None:
    states = ["reachable"] * up + ["unreachable"] * down
    nodes = [Node(id=str(number), spec=NodeSpec(role=Role.MANAGER), manager_status=ManagerStatus(reachability=state))
             for number, state in enumerate(states)]
    assert may_lose(nodes, "0" if lost_is_up else str(len(nodes) - 1)) is may


@pytest.mark.parametrize(("up", "down", "said"), [
    (1, 0, []), (3, 0, []), (5, 0, []), (5, 1, ["6 managers may lose 2"]), (4, 1, []),
    (2, 0, ["2 managers may lose 0 of them, as 1 may"]), (2, 1, ["2 of 3 managers can be reached"]),
    (3, 2, ["3 of 5 managers can be reached"]), (4, 0, ["4 managers may lose 1"]),
])
def test_what_docker_info_says_before_it_is_too_late(up: int, down: int, said: list[str]) -> None:
    states = ["reachable"] * up + ["unreachable"] * down
    nodes = [Node(id=str(number), spec=NodeSpec(role=Role.MANAGER), manager_status=ManagerStatus(reachability=state))
             for number, state in enumerate(states)]
    found = warnings(nodes)
    assert len(found) == len(said)
    assert all(part in text for part, text in zip(said, found, strict=True))


def test_a_ready_node_and_a_manager_cannot_be_removed(rig: Rig, worker: Node) -> None:
    with pytest.raises(FailedPrecondition) as ready:
        rig.control.remove_node("worker1", force=False)
    assert ready.value.wire_text() == (
        f"rpc error: code = FailedPrecondition desc = node {worker.id} is not down and can't be removed")
    with pytest.raises(FailedPrecondition) as manager:
        rig.control.remove_node("manager1", force=True)
    assert manager.value.wire_text().endswith(
        "is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal")
    assert len(rig.control.list_nodes()) == 2


@pytest.mark.parametrize(("state", "force"), [(NodeState.DOWN, False), (NodeState.READY, True)])
def test_a_removed_node_is_gone_with_its_certificate_and_its_tasks(rig: Rig, state: NodeState, force: bool) -> None:
    states = (TaskState.PENDING, TaskState.ASSIGNED, TaskState.RUNNING, TaskState.FAILED)
    rig.store.update(lambda tx: [
        tx.create(node("worker1", state=state)),
        *(tx.create(task(id=s.value, state=s, node_id="node-worker1")) for s in states),
        tx.create(task(id="elsewhere", state=TaskState.RUNNING, node_id="node-manager1")),
    ])
    before = rig.store.index
    rig.control.remove_node("worker1", force)
    assert rig.store.index == before + 1, "one transaction"
    assert rig.control.get_cluster().removed_nodes == ["node-worker1"]
    assert [n.id for n in rig.control.list_nodes()] == ["node-manager1"]
    assert {t.id: t.status.state for t in rig.store.all(Task)} == {
        "pending": TaskState.PENDING, "assigned": TaskState.ORPHANED, "running": TaskState.ORPHANED,
        "failed": TaskState.FAILED, "elsewhere": TaskState.RUNNING}


def test_rotating_a_token_replaces_that_token_only(rig: Rig) -> None:
    cluster = rig.control.get_cluster()
    rig.control.update_cluster(cluster.index, cluster.spec, rotate_worker_token=True)
    assert rig.control.get_cluster().join_tokens.worker == "worker-1"
    assert rig.control.get_cluster().join_tokens.manager == "manager-0"


def test_swarm_update_keeps_what_was_not_said(rig: Rig) -> None:
    cluster = rig.control.get_cluster()
    wanted = ClusterSpec(orchestration=OrchestrationConfig(task_history_retention_limit=3))
    rig.control.update_cluster(cluster.index, wanted)
    after = rig.control.get_cluster().spec
    assert after.orchestration.task_history_retention_limit == 3
    assert (after.raft, after.ca_config, after.dispatcher) == (
        cluster.spec.raft, cluster.spec.ca_config, cluster.spec.dispatcher)
    with pytest.raises(OutOfSequence):
        rig.control.update_cluster(cluster.index, wanted)


@pytest.mark.parametrize(("wanted", "kind", "text"), [
    (ClusterSpec(name="mine"), InvalidArgument, "modification of cluster name is not allowed"),
    (ClusterSpec(ca_config=CAConfig(node_cert_expiry=1)), InvalidArgument, "minimum certificate expiry time"),
    (ClusterSpec(dispatcher=DispatcherConfig(heartbeat_period=-1)), InvalidArgument, "cannot be a negative"),
    (ClusterSpec(ca_config=CAConfig(external_cas=[{"URL": "https://ca"}])), Unimplemented, "--external-ca"),
    (ClusterSpec(ca_config=CAConfig(signing_ca_key="KEY")), InvalidArgument, "signing CA cert must also be provided"),
    (ClusterSpec(ca_config=CAConfig(signing_ca_cert="PEM")), InvalidArgument, "give --ca-key as well"),
    (ClusterSpec(ca_config=CAConfig(signing_ca_cert="x", signing_ca_key="y")), InvalidArgument, "not a certificate"),
    (ClusterSpec(raft=RaftConfig(election_tick=5)), Unimplemented, "no Raft log"),
    (ClusterSpec(raft=RaftConfig(snapshot_interval=-1)), InvalidArgument, "snapshot interval cannot be negative"),
    (ClusterSpec(dispatcher=DispatcherConfig(heartbeat_period=1)), InvalidArgument, "at least 100ms"),
    (ClusterSpec(task_defaults={"LogDriver": {"Name": "syslog"}}), Unimplemented, "TaskDefaults"),
])
def test_what_swarm_update_refuses(rig: Rig, wanted: ClusterSpec, kind: type[SwarmError], text: str) -> None:
    before = rig.control.get_cluster()
    with pytest.raises(kind, match=text):
        rig.control.update_cluster(before.index, wanted)
    assert rig.control.get_cluster() == before


def test_autolock_makes_a_key_keeps_it_rotates_it_and_forgets_it(rig: Rig) -> None:
    def update(lock: bool, rotate: bool = False) -> str:
        cluster = rig.control.get_cluster()
        spec = replace(cluster.spec, encryption_config=EncryptionConfig(auto_lock_managers=lock))
        rig.control.update_cluster(cluster.index, spec, rotate_unlock_key=rotate)
        return rig.control.get_cluster().unlock_key

    assert update(False, rotate=True) == "", "there is nothing to rotate"
    first = update(True)
    assert first.startswith("SWMKEY-1-")
    assert update(True) == first
    second = update(True, rotate=True)
    assert second.startswith("SWMKEY-1-") and second != first
    assert update(False) == ""


def test_the_journal_s_settings_can_be_changed(rig: Rig) -> None:
    before = rig.control.get_cluster()
    rig.control.update_cluster(before.index, ClusterSpec(raft=RaftConfig(snapshot_interval=5, keep_old_snapshots=2)))
    raft = rig.control.get_cluster().spec.raft
    assert (raft.snapshot_interval, raft.keep_old_snapshots, raft.election_tick) == (5, 2, 10)
