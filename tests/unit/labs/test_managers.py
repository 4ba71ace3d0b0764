"""Several managers, as graders look at them: whom they ask, what they make of silence, and what the stores say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from labs.kit.checks import GraderError
from labs.kit.engine_client import EngineError, EngineSilent
from labs.kit.look import NO_LEADER, Eyes
from labs.kit.members import Member, leader, read_member
from labs.kit.world import read_nodes
from tests.unit.labs.worlds import node, service

Answer = Callable[[str], Any]


@dataclass
class Host:
    name: str
    role: str
    address: str = ""


@dataclass
class FakeCluster:
    off: set[str] = field(default_factory=set)

    @property
    def hosts(self) -> list[Host]:
        return [Host("manager1", "manager"), Host("manager2", "manager"), Host("worker1", "worker"),
                Host("client", "client")]

    def socket(self, host: str) -> Path:
        return Path("/nowhere") / host / "docker.sock"

    def call(self, method: str, **params: Any) -> Any:
        return {"hosts": {host.name: {"up": host.name not in self.off, "processes": [], "netns": 1, "namespaces": {}}
                          for host in self.hosts}}


@dataclass
class FakeEngine:
    says: Answer

    def get(self, path: str, **query: Any) -> Any:
        return [] if path == "/containers/json" else self.says(path)


def knows(path: str) -> Any:
    return {"/nodes": [node("manager1"), node("worker1")], "/services": [service("web", 3)], "/tasks": []}[path]


def no_leader(path: str) -> Any:
    raise EngineError(500, f"rpc error: code = Unknown desc = The swarm {NO_LEADER}.")


def no_manager(path: str) -> Any:
    raise EngineError(503, "This node is not a swarm manager.")


def silent(path: str) -> Any:
    raise EngineSilent(Path("/nowhere/manager/docker.sock"), ConnectionRefusedError())


def eyes(cluster: FakeCluster, manager1: Answer, manager2: Answer) -> Eyes:
    found = Eyes(cluster)  # type: ignore[arg-type]  what a look needs of a cluster
    found.engines.update({"manager1": FakeEngine(manager1), "manager2": FakeEngine(manager2),  # type: ignore[dict-item]
                          "worker1": FakeEngine(no_manager)})  # type: ignore[dict-item]
    return found


@pytest.mark.parametrize("first", [no_leader, no_manager, silent])
def test_whoever_can_answer_is_asked_and_asked_first_from_then_on(first: Answer) -> None:
    found = eyes(FakeCluster(), first, knows)
    assert sorted(found.look().services) == ["web"] and found.asked == "manager2"


def test_without_a_leader_the_wish_is_the_last_that_was_known_and_power_is_the_kernels() -> None:
    cluster = FakeCluster()
    found = eyes(cluster, knows, no_manager)
    assert not found.look().leaderless
    cluster.off = {"worker1"}
    found.engines["manager1"] = FakeEngine(no_leader)  # type: ignore[assignment]
    world = found.look()
    assert world.leaderless and sorted(world.services) == ["web"]
    assert {one.name: (one.ready, one.leader) for one in world.nodes} == {
        "manager1": (True, False), "worker1": (False, False)}


def test_silence_of_a_manager_with_power_is_our_fault_and_without_power_a_fact() -> None:
    with pytest.raises(GraderError, match="manager1"):
        eyes(FakeCluster(), silent, no_manager).look()
    world = eyes(FakeCluster({"manager1", "manager2"}), silent, silent).look()
    assert not world.nodes and not world.leaderless


def test_a_node_that_has_not_said_its_name_yet_is_no_column() -> None:
    young = {**node("manager2"), "Description": {}}
    assert [one.name for one in read_nodes([node("manager1"), young])] == ["manager1"]


def test_what_a_store_says_is_read_where_zeros_are_left_out() -> None:
    answer = {"header": {"member_id": "11", "revision": "7"}, "raftTerm": "3", "raftIndex": "40"}
    assert read_member("manager1", answer) == Member("manager1", 11, 0, 3, 40, 7)


def test_of_two_that_say_they_lead_it_is_the_one_of_the_later_term() -> None:
    cut = Member("manager1", 1, 1, 4, 90, 9)
    elected, follows = Member("manager2", 2, 2, 5, 91, 9), Member("manager3", 3, 2, 5, 91, 9)
    assert leader({one.host: one for one in (cut, elected, follows)}) == "manager2"
    assert leader({"manager3": follows}) == ""
