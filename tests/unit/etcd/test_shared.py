"""Several stores over one etcd: who leads, who writes, and what a manager that lost its place can do (nothing)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import NoLeader, OutOfRange
from swarmkit_py.etcd.base import INDEX, LEADER, ROWS
from swarmkit_py.etcd.member import Place
from swarmkit_py.etcd.seat import LEASE_SECONDS, Holder
from swarmkit_py.etcd.shared import SharedStore
from swarmkit_py.model.objects import Cluster, Secret
from swarmkit_py.model.specs import ClusterSpec, SecretSpec
from swarmkit_py.rpc.race import cancel
from swarmkit_py.store.memory import Store, Transaction
from swarmkit_py.store.rows import Rows
from tests.unit.etcd.fake import FakeCluster, FakeMember

KEY = bytes(range(32))


class Manager:
    """A store, its member, and what it was told to do."""

    def __init__(self, number: int, cluster: FakeCluster) -> None:
        self.name = f"m{number}"
        self.store = Store(cluster.clock)
        self.member = FakeMember(cluster, Place("etcd", Path("/nowhere"), Path("/nowhere")), self.name,
                                 f"10.7.0.{number}:2380")
        self.steps: list[str] = []
        holder = Holder(node_id=self.name, addr=f"10.7.0.{number}:2377")
        self.shared = SharedStore(self.member, self.store, Rows(KEY), cluster.clock, holder, self._lead, self._follow)
        self.running: asyncio.Task[None] | None = None

    async def _lead(self) -> None:
        self.steps.append("lead")

    async def _follow(self) -> None:
        self.steps.append("follow")

    def run(self) -> None:
        self.running = asyncio.ensure_future(self.shared.run())

    async def kill(self) -> None:
        """kill -9: nothing is given up in order."""
        assert self.running is not None
        self.member.cluster.running.discard(self.member._url)
        self.shared._seat._lease = 0
        await cancel(self.running)

    def note(self, text: str) -> None:
        def change(tx: Transaction) -> None:
            tx.create(Secret(id=text, spec=SecretSpec(name=text, data=text.encode())))

        self.store.update(change)

    @property
    def notes(self) -> set[str]:
        return {secret.id for secret in self.store.all(Secret)}


class Swarm:
    """Three managers; the first leads."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.cluster = FakeCluster(self.clock)
        self.managers = [Manager(number, self.cluster) for number in (1, 2, 3)]

    async def begin(self) -> Swarm:
        first = self.managers[0]
        first.store.update(lambda tx: tx.create(Cluster(id="c", spec=ClusterSpec())))
        first.member.start(FILES, [], new=True)
        await first.shared.found(first.store)
        first.shared.begin()
        first.run()
        for manager in self.managers[1:]:
            self.cluster.add(manager.member._url, learner=False)
            manager.member.start(FILES, [], new=False)
            manager.run()
        await self.clock.settle()
        return self

    @property
    def leaders(self) -> list[str]:
        return [manager.name for manager in self.managers if manager.shared.leading]


FILES = None  # type: ignore[var-annotated]


@pytest.fixture
async def swarm() -> AsyncIterator[Swarm]:
    made = await Swarm().begin()
    yield made
    await cancel(*(manager.running for manager in made.managers if manager.running))


async def test_what_the_leader_writes_the_others_know(swarm: Swarm) -> None:
    first, second, third = swarm.managers
    with second.store.watch(Secret) as watch:
        first.note("a")
        first.note("b")
        await swarm.clock.settle()
        assert [change.new.id for change in await watch.next()] == ["a", "b"]
    assert first.notes == second.notes == third.notes == {"a", "b"}
    assert first.store.index == third.store.index
    assert [commit.index for commit in third.store.history.after(1)] == [2, 3]
    with pytest.raises(OutOfRange):
        third.store.history.after(-1)
    assert second.shared.leader == Holder(node_id="m1", addr="10.7.0.1:2377", member_id=100)


async def test_a_follower_cannot_write(swarm: Swarm) -> None:
    with pytest.raises(NoLeader):
        swarm.managers[1].note("a")
    assert swarm.managers[1].notes == set()


async def test_rows_are_sealed_before_they_leave(swarm: Swarm) -> None:
    swarm.managers[0].note("quite secret")
    rows = [item.value for key, (item, _) in swarm.cluster.items.items() if key.startswith(ROWS)]
    assert len(rows) == 2 and not any(b"quite" in row for row in rows)


async def test_another_takes_the_place_of_a_leader_that_died_within_its_lease(swarm: Swarm) -> None:
    first, *others = swarm.managers
    first.note("a")
    await first.kill()
    await swarm.clock.advance(LEASE_SECONDS - 1.5)
    assert swarm.leaders == []
    await swarm.clock.advance(4)
    (leader,) = [manager for manager in others if manager.shared.leading]
    assert leader.steps == ["lead"]
    leader.note("b")
    await swarm.clock.settle()
    assert all(manager.notes == {"a", "b"} for manager in others)


async def test_a_leader_that_goes_in_order_is_replaced_at_once(swarm: Swarm) -> None:
    await swarm.managers[0].shared.resign()
    swarm.managers[0].shared._may_lead = lambda: False
    await swarm.clock.settle()
    assert len([manager for manager in swarm.managers[1:] if manager.shared.leading]) == 1


async def test_a_leader_that_slept_through_its_lease_writes_nothing(swarm: Swarm) -> None:
    """Its daemon hung, another one leads: the fence holds before it has noticed anything."""
    first = swarm.managers[0]
    swarm.cluster.end(first.shared._seat._lease)
    assert first.shared.leading  # as it believes
    with pytest.raises(NoLeader):
        first.note("late")
    with pytest.raises(NoLeader):
        first.note("later")  # at once: nobody is asked again
    await swarm.clock.advance(1)
    assert len(swarm.leaders) == 1
    assert first.steps[:2] == ["lead", "follow"]
    assert all(manager.notes == set() for manager in swarm.managers)


async def test_an_index_that_moved_on_is_a_fence_as_well(swarm: Swarm) -> None:
    first = swarm.managers[0]
    first.store.index -= 1
    with pytest.raises(NoLeader):
        first.note("a")
    assert swarm.cluster.items[INDEX][0].value == b"1"


async def test_without_a_majority_nothing_is_written_and_all_is_kept(swarm: Swarm) -> None:
    first, second, third = swarm.managers
    first.note("before")
    await swarm.clock.settle()
    swarm.cluster.running -= {second.member._url, third.member._url}
    with pytest.raises(NoLeader):
        first.note("lost")
    await swarm.clock.advance(2)
    assert swarm.leaders == [] and not first.shared.quorum
    assert "before" in first.notes  # what was read can be read
    swarm.cluster.running |= {second.member._url, third.member._url}
    await swarm.clock.advance(LEASE_SECONDS + 2)
    (leader,) = [manager for manager in swarm.managers if manager.shared.leading]
    leader.note("after")
    await swarm.clock.settle()
    assert all(manager.notes == {"before", "after"} for manager in swarm.managers)


async def test_a_leader_cut_off_from_the_others_steps_down(swarm: Swarm) -> None:
    first = swarm.managers[0]
    first.member.deaf = True
    await swarm.clock.advance(LEASE_SECONDS + 3)
    assert not first.shared.leading and first.steps == ["lead", "follow"]
    assert len(swarm.leaders) == 1
    first.member.deaf = False
    next(manager for manager in swarm.managers if manager.shared.leading).note("meanwhile")
    await swarm.clock.advance(2)
    assert first.notes == {"meanwhile"}
    assert len(swarm.leaders) == 1


async def test_raft_s_leadership_follows_the_swarm_s(swarm: Swarm) -> None:
    swarm.cluster.leader_url = swarm.managers[2].member._url
    await swarm.clock.advance(1.5)
    assert swarm.cluster.leader_url == swarm.managers[0].member._url


async def test_a_daemon_that_comes_back_clears_its_own_place(swarm: Swarm) -> None:
    """kill -9 and at once again: nobody waits for the lease of the life before."""
    first = swarm.managers[0]
    await first.kill()
    again = swarm.managers[0] = Manager(1, swarm.cluster)
    again.member.start(FILES, [], new=False)
    again.run()
    await swarm.clock.settle()
    assert len(swarm.leaders) == 1


async def test_who_is_to_be_a_worker_does_not_lead(swarm: Swarm) -> None:
    for manager in swarm.managers[:2]:
        manager.shared._may_lead = lambda: False
    swarm.managers[0].shared.step_down()
    await swarm.clock.advance(1)
    assert swarm.leaders == ["m3"]


async def test_until_waits_for_the_index_and_not_for_ever(swarm: Swarm) -> None:
    second = swarm.managers[1]
    waiting = asyncio.ensure_future(second.shared.until(2, 5.0))
    await swarm.clock.settle()
    assert not waiting.done()
    swarm.managers[0].note("a")
    await swarm.clock.settle()
    assert waiting.done()
    never = asyncio.ensure_future(second.shared.until(99, 1.0))
    await swarm.clock.advance(1.1)
    assert never.done()


async def test_a_changed_object_is_an_update_for_watchers_after_a_reload(swarm: Swarm) -> None:
    store = swarm.managers[1].store
    (cluster,) = store.all(Cluster)
    with store.watch(Cluster) as watch:
        store.become(7, [replace(cluster, subnet_size=20)])
        (change,) = watch.take()
        assert (change.old, change.new.subnet_size) == (cluster, 20)
        store.become(8, [])
        assert [change.new for change in watch.take()] == [None]
    assert store.index == 8
    assert LEADER not in ROWS
