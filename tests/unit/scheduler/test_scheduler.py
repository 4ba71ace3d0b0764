"""The scheduler over a store: who is placed when, what is written, and the reason where nothing is."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import Unavailable
from swarmkit_py.manager.scheduler import Scheduler, TaskGroup, Unplaced, place
from swarmkit_py.manager.scheduler.loop import Decision
from swarmkit_py.manager.scheduler.nodeinfo import NodeInfo
from swarmkit_py.model.objects import Endpoint, Node, Object, Service, StoreObject, Task
from swarmkit_py.model.states import Availability, NodeState, TaskState
from swarmkit_py.store.memory import Store
from tests.builders import in_state, node, port, service, task

PENDING = TaskState.PENDING


class Rig:
    """A scheduler in its loop over a store with three nodes; time stands still unless moved."""

    def __init__(self, nodes: Sequence[Node] | None = None) -> None:
        self.clock = ManualClock()
        self.store = Store(self.clock)
        self.add(*(nodes if nodes is not None else [node(name) for name in "abc"]))
        self.passes: list[TaskGroup] = []

    async def start(self) -> None:
        self.loop = asyncio.ensure_future(Scheduler(self.store, self.clock, self.place).run())
        await self.clock.settle()

    def place(self, group: TaskGroup, nodes: Sequence[NodeInfo]) -> dict[str, Decision]:
        self.passes.append(group)
        return place(group, nodes)

    def add(self, *objects: Object) -> None:
        self.store.update(lambda tx: [tx.create(obj) for obj in objects])

    def change(self, *objects: Object) -> None:
        self.store.update(lambda tx: [tx.update(obj) for obj in objects])

    def task(self, task_id: str) -> Task:
        found = self.store.get(Task, task_id)
        assert found is not None
        return found

    def node(self, name: str) -> Node:
        found = self.store.get(Node, f"node-{name}")
        assert found is not None
        return found


def pending(of: Service, count: int) -> list[Task]:
    return [task(of, slot, id=f"{of.spec.name}{slot}", state=PENDING) for slot in range(1, count + 1)]


async def test_tasks_are_assigned_at_once_when_all_was_quiet() -> None:
    rig = Rig()
    await rig.start()
    rig.add(*pending(service("web"), 5))
    await rig.clock.settle()
    tasks = rig.store.all(Task)
    assert Counter(t.node_id for t in tasks) == {"node-a": 2, "node-b": 2, "node-c": 1}
    assert {t.status.state for t in tasks} == {TaskState.ASSIGNED}
    assert {t.status.message for t in tasks} == {"scheduler assigned task to node"}
    assert len(rig.passes) == 1, "one group, one tree"


async def test_commits_in_a_row_are_placed_together() -> None:
    rig = Rig()
    await rig.start()
    rig.add(*pending(service("first"), 1))
    await rig.clock.settle()
    web = service("web")
    for slot in range(1, 5):
        rig.add(task(web, slot, state=PENDING))
        await rig.clock.advance(0.02)
    assert len(rig.passes) == 1
    await rig.clock.advance(0.1)
    assert [len(group.tasks) for group in rig.passes] == [1, 4]


async def test_two_groups_of_one_pass_see_each_other() -> None:
    rig = Rig([node("a"), node("b")])
    await rig.start()
    ports = Endpoint(ports=[port(80, mode="host")])
    rig.add(*pending(service("web", endpoint=ports), 1), *pending(service("db", endpoint=ports), 2))
    await rig.clock.settle()
    assert (rig.task("web1").node_id, rig.task("db1").node_id) == ("node-a", "node-b")
    assert rig.task("db2").status.err == "no suitable node (host-mode port already in use on 2 nodes)"


async def test_a_reason_is_told_and_taken_back_when_there_is_a_place() -> None:
    rig = Rig()
    await rig.start()
    rig.add(*pending(service("web", constraints=["node.labels.rack==a"]), 1))
    await rig.clock.settle()
    waits = rig.task("web1")
    assert waits.status.err == "no suitable node (scheduling constraints not satisfied on 3 nodes)"
    assert waits.status.state is PENDING
    await rig.clock.advance(1)
    rig.change(replace(rig.node("b"), spec=replace(rig.node("b").spec, labels={"rack": "a"})))
    await rig.clock.settle()
    assert (rig.task("web1").node_id, rig.task("web1").status.err) == ("node-b", "")


async def test_a_reason_that_is_still_true_is_not_written_again() -> None:
    rig = Rig()
    await rig.start()
    rig.add(*pending(service("web", constraints=["node.labels.rack==a"]), 1))
    await rig.clock.settle()
    before = rig.task("web1")
    rig.change(replace(rig.node("b"), spec=replace(rig.node("b").spec, labels={"rack": "z"})))
    await rig.clock.advance(2)
    assert len(rig.passes) == 2
    assert rig.task("web1") == before


async def test_room_that_becomes_free_is_used() -> None:
    rig = Rig([node("a")])
    await rig.start()
    big = service("big", cpus=2)
    rig.add(*pending(big, 2))
    await rig.clock.settle()
    assert rig.task("big2").status.err == "no suitable node (insufficient resources on 1 node)"
    await rig.clock.advance(1)
    rig.change(in_state(rig.task("big1"), TaskState.SHUTDOWN))
    await rig.clock.settle()
    assert rig.task("big2").node_id == "node-a"


@pytest.mark.parametrize("change", ["joins", "ready", "active"])
async def test_a_node_that_becomes_usable_is_used(change: str) -> None:
    rig = Rig([] if change == "joins" else [node(
        "a", state=NodeState.DOWN if change == "ready" else NodeState.READY,
        availability=Availability.PAUSE if change == "active" else Availability.ACTIVE)])
    await rig.start()
    rig.add(*pending(service("web"), 1))
    await rig.clock.advance(1)
    assert rig.task("web1").status.err.startswith("no suitable node")
    if change == "joins":
        rig.add(node("a"))
    else:
        rig.change(node("a"))
    await rig.clock.settle()
    assert rig.task("web1").node_id == "node-a"


async def test_what_concerns_no_placement_starts_no_pass() -> None:
    rig = Rig()
    await rig.start()
    rig.add(*pending(service("web", constraints=["node.labels.rack==a"]), 1))
    await rig.clock.settle()
    rig.change(rig.node("a"))
    rig.add(task(service("db"), id="new"))
    await rig.clock.advance(2)
    assert len(rig.passes) == 1


async def test_a_global_task_goes_to_its_own_node_or_says_why_not() -> None:
    rig = Rig([node("a"), node("b", cpus=0.1)])
    await rig.start()
    of = service("g", global_=True, cpus=1)
    rig.add(*(task(of, 0, id=f"g-{name}", state=PENDING, node_id=f"node-{name}") for name in "abx"))
    await rig.clock.settle()
    assert rig.task("g-a").status.state is TaskState.ASSIGNED
    assert rig.task("g-a").status.message == "scheduler confirmed task can run on preassigned node"
    assert rig.task("g-b").status.err == "insufficient resources on 1 node"
    assert rig.task("g-x").status.err == "no suitable node"
    assert rig.passes == [], "placement is not asked"


async def test_a_task_given_up_before_it_was_placed_ends() -> None:
    rig = Rig()
    await rig.start()
    rig.add(task(id="down", state=PENDING, desired=TaskState.SHUTDOWN),
            task(id="gone", state=PENDING, desired=TaskState.REMOVE))
    await rig.clock.settle()
    assert (rig.task("down").status.state, rig.task("down").node_id) == (TaskState.SHUTDOWN, "")
    assert rig.task("gone").status.state is PENDING, "the reaper deletes it"


async def test_a_waiting_task_that_is_given_up_ends() -> None:
    rig = Rig([])
    await rig.start()
    rig.add(*pending(service("web"), 1))
    await rig.clock.advance(1)
    rig.change(replace(rig.task("web1"), desired_state=TaskState.SHUTDOWN))
    await rig.clock.settle()
    assert rig.task("web1").status.state is TaskState.SHUTDOWN


async def test_failures_send_a_service_elsewhere() -> None:
    rig = Rig([node("a"), node("b")])
    await rig.start()
    web, other = service("web"), service("other")
    rig.add(*(task(other, slot, id=f"o{slot}", state=TaskState.RUNNING, node_id="node-b") for slot in range(3)))
    for turn in range(6):
        rig.add(task(web, 1, id=f"w{turn}", state=PENDING))
        await rig.clock.advance(1)
        if turn < 5:
            assert rig.task(f"w{turn}").node_id == "node-a", turn
            rig.change(in_state(rig.task(f"w{turn}"), TaskState.FAILED))
            await rig.clock.advance(1)
    assert rig.task("w5").node_id == "node-b"


async def test_after_a_restart_what_was_left_is_done() -> None:
    rig = Rig()
    rig.add(*pending(service("web"), 2), *(
        task(service("web"), slot, state=TaskState.RUNNING, node_id="node-a") for slot in (3, 4)))
    await rig.start()
    assert {rig.task("web1").node_id, rig.task("web2").node_id} == {"node-b", "node-c"}


async def test_many_tasks_are_written_in_more_than_one_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarmkit_py.manager.defaults.BATCH", 10)
    rig = Rig()
    await rig.start()
    rig.add(*pending(service("web"), 35))
    before = rig.store.index
    await rig.clock.settle()
    assert rig.store.index - before == 4
    assert Counter(t.node_id for t in rig.store.all(Task)) == {"node-a": 12, "node-b": 12, "node-c": 11}


async def test_a_student_s_placement_that_answers_nonsense_is_told_so() -> None:
    rig = Rig()
    answers: dict[str, Decision] = {"web1": "node-nowhere", "web2": Unplaced("because"), "web3": "node-b"}
    loop = asyncio.ensure_future(Scheduler(rig.store, rig.clock, lambda group, nodes: answers).run())
    rig.add(*pending(service("web"), 4))
    await rig.clock.settle()
    assert rig.task("web1").status.err == "the placement chose 'node-nowhere', which is no node of this swarm"
    assert rig.task("web2").status.err == "because"
    assert rig.task("web3").node_id == "node-b"
    assert rig.task("web4").status.err == "the placement chose None, which is no node of this swarm"
    loop.cancel()


class Disk:
    """A journal that is full for a while."""

    full = False

    def append(self, index: int, writes: list[tuple[type[Object], str, StoreObject | None]]) -> None:
        if self.full:
            raise Unavailable("full")

    def load(self) -> tuple[int, list[StoreObject]]:
        return 0, []

    def close(self) -> None: ...


async def test_a_full_disk_is_tried_again() -> None:
    clock, disk = ManualClock(), Disk()
    store = Store(clock, disk)
    loop = asyncio.ensure_future(Scheduler(store, clock).run())
    store.update(lambda tx: [tx.create(node("a")), *(tx.create(t) for t in pending(service("web"), 1))])
    disk.full = True
    await clock.settle()
    assert store.all(Task)[0].status.state is PENDING
    disk.full = False
    await clock.advance(1.5)
    assert store.all(Task)[0].node_id == "node-a"
    loop.cancel()
