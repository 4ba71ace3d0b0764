"""The loops as one manager, on asyncio: it works, it ends by name, it survives a full disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import Internal, Unavailable
from swarmkit_py.ids import Ids
from swarmkit_py.manager.group import run_all
from swarmkit_py.manager.manager import Manager
from swarmkit_py.model.objects import Node, Task
from swarmkit_py.model.states import NodeState, TaskState
from swarmkit_py.store.memory import Store
from tests.builders import cluster, network, node, service


class FullDisk:
    """A journal that refuses as long as it is told to."""

    full = False

    def append(self, index: int, writes: object) -> None:
        if self.full:
            raise Unavailable("the disk is full")

    def load(self) -> tuple[int, list[object]]:
        return 0, []

    def close(self) -> None:
        pass


def swarm(clock: ManualClock, disk: FullDisk | None = None) -> Store:
    store = Store(clock, disk)  # type: ignore[arg-type]
    there = [cluster(), network(), *(node(f"n{number}") for number in range(3))]
    store.update(lambda tx: [tx.create(thing) for thing in there])
    return store


@asynccontextmanager
async def running(manager: Manager) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(manager.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def assigned(store: Store) -> list[Task]:
    return [t for t in store.all(Task) if t.status.state is TaskState.ASSIGNED and t.desired_state.rank <= 512]


async def test_a_service_reaches_its_nodes() -> None:
    clock = ManualClock()
    store = swarm(clock)
    async with running(Manager(store, clock, Ids(1))):
        store.update(lambda tx: tx.create(service(replicas=6)))
        await clock.advance(1)
        assert sorted(t.node_id for t in assigned(store)) == sorted(2 * [n.id for n in store.all(Node)])


@pytest.mark.parametrize("turns", range(6))
async def test_a_second_manager_goes_on_where_the_first_was_killed(turns: int) -> None:
    clock = ManualClock()
    store = swarm(clock)
    async with running(Manager(store, clock, Ids(1))):
        store.update(lambda tx: tx.create(service(replicas=6)))
        await clock.settle(turns)
    lost = next(iter(store.all(Node)))
    store.update(lambda tx: tx.update(replace(lost, status=replace(lost.status, state=NodeState.DOWN))))
    async with running(Manager(store, clock, Ids(2))):
        await clock.advance(1)
    assert len(assigned(store)) == 6
    assert lost.id not in {t.node_id for t in assigned(store)}


async def test_a_loop_that_dies_takes_the_manager_down_by_name(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()

    async def dispatcher() -> None:
        raise ZeroDivisionError("no such number")

    manager = Manager(swarm(clock), clock, Ids(1), others={"dispatcher": dispatcher})
    with pytest.raises(Internal, match=r"the manager stopped: its dispatcher ended \(no such number\)"):
        await manager.run()
    assert "ZeroDivisionError" in caplog.text


async def test_a_loop_that_just_returns_is_no_better() -> None:
    async def bored() -> None:
        pass

    async def endless() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Internal, match="bored ended"):
        await run_all("group", {"endless": endless, "bored": bored})


async def test_cancelling_the_group_ends_every_loop() -> None:
    ended = []

    async def loop(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    group = asyncio.create_task(run_all("group", {"a": lambda: loop("a"), "b": lambda: loop("b")}))
    await asyncio.sleep(0.01)
    group.cancel()
    with pytest.raises(asyncio.CancelledError):
        await group
    assert sorted(ended) == ["a", "b"]


async def test_a_full_disk_is_waited_for() -> None:
    clock, disk = ManualClock(), FullDisk()
    store = swarm(clock, disk)
    store.update(lambda tx: tx.create(service(replicas=3)))
    disk.full = True
    async with running(Manager(store, clock, Ids(1))) as manager:
        await clock.advance(10)
        assert not manager.done()
        assert store.all(Task) == []
        disk.full = False
        await clock.advance(5)
        assert len(assigned(store)) == 3
