"""Daemons in one process: locked managers, a new root for all nodes, a join that outlives a restart."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from swarmkit_py.ca.root import create_key_and_request, create_root, tls_info
from swarmkit_py.ca.tls import CertificateFiles, client_context
from swarmkit_py.docker_api.backend import InitRequest
from swarmkit_py.errors import Conflict, InvalidArgument, Unauthenticated, Unavailable
from swarmkit_py.manager.scheduler.loop import Scheduler
from swarmkit_py.model.specs import CAConfig, EncryptionConfig
from swarmkit_py.node import Node, join, leader
from swarmkit_py.rpc.client import Unreachable, call
from swarmkit_py.rpc.wire import RENEW_PATH, CertificateAnswer, RenewRequest
from tests.builders import spec
from tests.unit.node.test_swarm import MANAGER, Rig, refusal, rig, running
from tests.waiting import until

__all__ = ["rig"]


def _autolock(node: Node, on: bool, rotate: bool = False) -> str:
    cluster = node.control().get_cluster()
    wanted = replace(cluster.spec, encryption_config=EncryptionConfig(auto_lock_managers=on))
    node.control().update_cluster(cluster.index, wanted, rotate_unlock_key=rotate)
    return node.control().get_cluster().unlock_key


async def _restart(rig: Rig, number: int) -> Node:
    await rig.nodes[number].stop()
    return await rig.start(number)


async def test_a_locked_manager_waits_for_its_key(rig: Rig) -> None:
    manager = await rig.swarm(workers=1)
    manager.control().create_service(spec(replicas=2))
    await until(lambda: len(running(manager)) == 2, what="two tasks run")
    key = _autolock(manager, True)
    manager = await _restart(rig, 1)
    info = manager.swarm_info()
    assert (info.local_node_state, info.control_available) == ("locked", False)
    with pytest.raises(Unavailable, match="Swarm is encrypted and needs to be unlocked before it can be used"):
        manager.control()
    assert "Please unlock it first" in str(await refusal(lambda: manager.swarm_leave(force=False)))
    assert "already part of a swarm" in str(await refusal(lambda: manager.swarm_init(InitRequest())))
    assert isinstance(await refusal(lambda: manager.swarm_unlock("")), InvalidArgument)
    wrong = await refusal(lambda: manager.swarm_unlock(key[:-4] + "AAAA"))
    assert isinstance(wrong, Unauthenticated)
    assert str(wrong) == "swarm could not be unlocked: invalid key provided"
    assert manager.swarm_info().local_node_state == "locked"
    await manager.swarm_unlock(key)
    await until(lambda: manager.swarm_info().local_node_state == "active", what="the manager is back")
    await until(lambda: len(running(manager)) == 2, what="its tasks are known")
    assert sum(len(engine.containers) for engine in rig.engines.values()) == 2
    assert isinstance(await refusal(lambda: manager.swarm_unlock(key)), Conflict)


async def test_a_rotated_key_is_the_only_one_and_no_lock_needs_none(rig: Rig) -> None:
    manager = await rig.start(1)
    await manager.swarm_init(InitRequest(listen_addr=MANAGER, advertise_addr=MANAGER, auto_lock_managers=True))
    first = manager.control().get_cluster().unlock_key
    second = _autolock(manager, True, rotate=True)
    manager = await _restart(rig, 1)
    assert isinstance(await refusal(lambda: manager.swarm_unlock(first)), Unauthenticated)
    await manager.swarm_unlock(second)
    assert _autolock(manager, False) == ""
    manager = await _restart(rig, 1)
    await until(lambda: manager.swarm_info().local_node_state == "active", what="no key is asked for")


async def test_neither_key_is_on_a_locked_manager_s_disk(rig: Rig) -> None:
    manager = await rig.start(1)
    await manager.swarm_init(InitRequest(listen_addr=MANAGER, advertise_addr=MANAGER, auto_lock_managers=True))
    key = manager.control().get_cluster().unlock_key
    for file in (path for path in rig.folder.rglob("*") if path.is_file()):
        data = file.read_bytes()
        assert b"BEGIN PRIVATE KEY" not in data and b"BEGIN SWARM DATA KEY" not in data, file
        assert key.encode() not in data, file


async def test_leaving_a_locked_swarm_by_force_clears_everything(rig: Rig) -> None:
    manager = await rig.swarm(workers=0)
    manager.control().create_service(spec(replicas=2))
    await until(lambda: len(running(manager)) == 2, what="two tasks run")
    _autolock(manager, True)
    manager = await _restart(rig, 1)
    await manager.swarm_leave(force=True)
    assert manager.swarm_info().local_node_state == "inactive"
    assert rig.engines[1].containers == {}
    await manager.swarm_init(InitRequest(listen_addr=MANAGER, advertise_addr=MANAGER))
    assert not manager.control().get_cluster().spec.encryption_config.auto_lock_managers


async def test_unlock_on_others(rig: Rig) -> None:
    await rig.swarm(workers=1)
    outsider = await rig.start(3)
    assert isinstance(await refusal(lambda: rig.nodes[2].swarm_unlock("x")), Unavailable)
    assert isinstance(await refusal(lambda: outsider.swarm_unlock("x")), Unavailable)


def _issuers(node: Node) -> set[str]:
    infos = [n.description.tls_info for n in node.control().list_nodes() if n.description]
    return {info.cert_issuer_public_key for info in infos if info}


def _roots(node: Node) -> set[str]:
    infos = [n.description.tls_info for n in node.control().list_nodes() if n.description]
    return {info.trust_root for info in infos if info}


def _rotate(node: Node, config: CAConfig) -> None:
    cluster = node.control().get_cluster()
    node.control().update_cluster(cluster.index, replace(cluster.spec, ca_config=config))


async def _all_on(rig: Rig, root: str) -> None:
    manager = rig.nodes[1]
    await until(lambda: manager.control().get_cluster().root_ca == root, what="the rotation ends", seconds=30)
    await until(lambda: _roots(manager) == {root}, what="all nodes trust the new root")
    assert _issuers(manager) == {tls_info(root).cert_issuer_public_key}


async def test_all_nodes_go_to_a_new_root_and_the_old_one_is_no_longer_good(rig: Rig) -> None:
    manager = await rig.swarm(workers=2)
    manager.control().create_service(spec(replicas=3))
    await until(lambda: len(running(manager)) == 3, what="three tasks run")
    before = manager.control().get_cluster()
    former = CertificateFiles(rig.folder / "former")
    shutil.copytree(rig.folder / "2" / "data" / "swarm" / "certificates", former.folder)
    assert await _renew_with(former)
    _rotate(manager, CAConfig(force_rotate=1))
    during = manager.control().get_cluster()
    assert during.root_rotation is not None
    new_root = during.root_rotation.ca_cert
    await _all_on(rig, new_root)
    after = manager.control().get_cluster()
    assert after.join_tokens != before.join_tokens
    assert {path.read_text() for path in rig.folder.glob("*/data/swarm/*/swarm-root-ca.crt")} == {new_root}
    assert isinstance(await refusal(lambda: _renew_with(former)), Unreachable)
    await _restart(rig, 1)
    manager = await _everybody_back(rig)
    assert len(running(manager)) == 3
    await rig.join(4)


async def _renew_with(files: CertificateFiles) -> CertificateAnswer:
    """What only a member may ask."""
    _, csr = create_key_and_request()
    context = client_context(files)
    return await call(f"{MANAGER}:2377", RENEW_PATH, RenewRequest(csr=csr), CertificateAnswer, context,
                      "swarm-manager")


async def _everybody_back(rig: Rig) -> Node:
    manager = rig.nodes[1]
    await until(lambda: all(n.status.state.value == "ready" for n in manager.control().list_nodes()),
                what="all are ready", seconds=20)
    return manager


async def test_a_root_from_elsewhere_and_a_second_rotation(rig: Rig) -> None:
    manager = await rig.swarm(workers=1)
    mine = create_root(manager.clock.now())
    _rotate(manager, CAConfig(signing_ca_cert=mine.cert_pem, signing_ca_key=mine.key_pem))
    await _all_on(rig, mine.cert_pem)
    kept = manager.control().get_cluster().spec.ca_config
    assert (kept.signing_ca_cert, kept.signing_ca_key) == (mine.cert_pem, None)
    _rotate(manager, replace(kept, force_rotate=1))
    rotation = manager.control().get_cluster().root_rotation
    assert rotation is not None
    await _all_on(rig, rotation.ca_cert)


async def test_a_node_that_was_away_holds_the_rotation_up_and_then_comes_along(rig: Rig) -> None:
    manager = await rig.swarm(workers=1)
    await rig.nodes[2].stop()
    _rotate(manager, CAConfig(force_rotate=1))
    await until(lambda: len(_issuers(manager)) == 2, what="the manager has gone ahead", seconds=20)
    rotation = manager.control().get_cluster().root_rotation
    assert rotation is not None, "the worker is missing"
    await rig.join(3)
    await rig.start(2)
    await _all_on(rig, rotation.ca_cert)


async def test_a_join_that_waits_goes_on_after_a_restart(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.swarm(workers=0)

    async def silent(*args: Any) -> Any:
        raise Unreachable("no route to host")

    monkeypatch.setattr(join, "call", silent)
    monkeypatch.setattr(join, "FIRST_TRY", 0.1)
    await refusal(lambda: rig.join(2))
    worker = await _restart(rig, 2)
    assert worker.swarm_info().local_node_state == "pending"
    assert _files(rig.folder / "2") == ["joining.json"]
    monkeypatch.undo()
    await until(lambda: worker.swarm_info().local_node_state == "active", what="the worker has joined", seconds=20)
    assert "joining.json" not in _files(rig.folder / "2")


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "data" / "swarm").rglob("*") if path.is_file())


async def test_force_new_cluster_keeps_what_was_there(rig: Rig) -> None:
    manager = await rig.swarm(workers=0)
    manager.control().create_service(spec(replicas=1))
    cluster = manager.control().get_cluster().id
    node_id = await manager.swarm_init(InitRequest(force_new_cluster=True, listen_addr=MANAGER))
    assert node_id == manager.swarm_info().node_id
    assert manager.control().get_cluster().id == cluster
    await until(lambda: len(running(manager)) == 1, what="its task runs")


async def test_loops_that_end_by_an_error_are_started_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = await rig.swarm(workers=1)
    failures = iter([RuntimeError("a bug"), RuntimeError("again")])

    def broken(self: Scheduler) -> float | None:
        for error in failures:
            raise error
        return whole(self)

    whole = Scheduler.tick
    monkeypatch.setattr(Scheduler, "tick", broken)
    monkeypatch.setattr(leader, "RESTART_PAUSE", 0.01)
    manager.control().create_service(spec(replicas=4))
    await until(lambda: len(running(manager)) == 4, what="four tasks run all the same", seconds=20)
    assert next(failures, None) is None
    assert manager.swarm_info().local_node_state == "active"


async def test_loops_that_keep_ending_are_shown(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = await rig.swarm(workers=0)

    def broken(self: Scheduler) -> float | None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Scheduler, "tick", broken)
    monkeypatch.setattr(leader, "RESTART_PAUSE", 0.01)
    manager.control().create_service(spec(replicas=1))
    await until(lambda: manager.swarm_info().local_node_state == "error", what="it is shown")
    assert "its scheduler ended (a bug)" in manager.swarm_info().error
