"""A cluster of etcd in one process, on a clock moved by hand: what managers ask of it, with majorities and leases,
and members that fall silent. No Raft: what a majority would agree on is one table."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence

from swarmkit_py.clock import Clock
from swarmkit_py.etcd.base import Compare, Done, Event, Item, Member, Put, Refused, Silent, Status
from swarmkit_py.etcd.member import PeerFiles, Place


class FakeCluster:
    """The table, the leases and the members by peer URL."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.revision = 1
        self.items: dict[str, tuple[Item, int]] = {}
        self.events: list[Event] = []
        self.leases: dict[int, tuple[float, float]] = {}
        self.members: dict[str, Member] = {}
        self.running: set[str] = set()
        self.leader_url = ""
        self.ids = itertools.count(100)
        self.changed = asyncio.Event()
        self.used_ids: list[int] = []

    def add(self, url: str, name: str = "", *, learner: bool) -> Member:
        member = Member(next(self.ids), name, url, learner)
        self.used_ids.append(member.id)
        self.members[url] = member
        return member

    def quorum(self) -> bool:
        """True if more than half of those who vote run; sees to it that one of them leads."""
        voters = [url for url, member in self.members.items() if not member.learner]
        up = [url for url in voters if url in self.running]
        whole = 2 * len(up) > len(voters)
        if self.leader_url not in up or not whole:
            self.leader_url = up[0] if whole else ""
        return whole

    def expire(self) -> None:
        """Leases end, and keys with them, while there is a majority to say so."""
        now = self.clock.monotonic()
        for lease in [lease for lease, (until, _) in self.leases.items() if until <= now]:
            self.end(lease)

    def end(self, lease: int) -> None:
        self.leases.pop(lease, None)
        gone = [key for key, (_, of) in self.items.items() if of == lease]
        if gone:
            self.write((), gone)

    def write(self, puts: Sequence[Put], deletes: Sequence[str]) -> None:
        self.revision += 1
        for put in puts:
            old = self.items.get(put.key)
            item = Item(put.key, put.value, old[0].created if old else self.revision)
            self.items[put.key] = item, put.lease
            self.events.append(Event(put.key, put.value, item.created, self.revision))
        for key in deletes:
            if self.items.pop(key, None) is not None:
                self.events.append(Event(key, None, 0, self.revision))
        self.changed.set()
        self.changed = asyncio.Event()

    def holds(self, compare: Compare) -> bool:
        item = self.items[compare.key][0] if compare.key in self.items else None
        if compare.created is not None:
            return (item.created if item else 0) == compare.created
        return item is not None and item.value == compare.value


class FakeMember:
    """One member as its manager meets it: process and client in one."""

    def __init__(self, cluster: FakeCluster, place: Place, name: str, peer_addr: str) -> None:
        self.cluster, self._name, self._url = cluster, name, f"https://{peer_addr}"
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.deaf = False
        """It runs, and reaches nobody."""

    def start(self, files: PeerFiles, cluster: Sequence[tuple[str, str]], *, new: bool, alone: bool = False) -> None:
        self._ended = asyncio.get_running_loop().create_future()
        if new:
            self.cluster.add(self._url, self._name, learner=False)
        if alone:
            self.cluster.members = {self._url: self.cluster.members[self._url]}
        if self._url in self.cluster.members:
            self.cluster.members[self._url] = self.cluster.members[self._url]._replace(name=self._name)
            self.cluster.running.add(self._url)
        else:
            self._ended.set_result(0)

    async def ended(self) -> int:
        return await asyncio.shield(self._ended)

    async def stop(self) -> None:
        self.cluster.running.discard(self._url)

    def wipe(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def txn_now(self, compares: Sequence[Compare], puts: Sequence[Put], deletes: Sequence[str]) -> Done:
        self._agreed()
        held = all(self.cluster.holds(compare) for compare in compares)
        if held:
            self.cluster.write(puts, deletes)
        return Done(held, self.cluster.revision)

    async def txn(self, compares: Sequence[Compare], puts: Sequence[Put], deletes: Sequence[str]) -> Done:
        return self.txn_now(compares, puts, deletes)

    async def read(self, prefix: str) -> tuple[int, list[Item]]:
        self._agreed()
        found = [item for key, (item, _) in self.cluster.items.items() if key.startswith(prefix)]
        return self.cluster.revision, sorted(found, key=lambda item: item.created)

    async def watch(self, prefix: str, revision: int) -> AsyncIterator[list[Event]]:
        while True:
            changed = self.cluster.changed
            self._answer()
            news = [e for e in self.cluster.events if e.revision >= revision and e.key.startswith(prefix)]
            if news and not self.deaf:
                revision = news[-1].revision + 1
                yield news
            await changed.wait()

    async def grant(self, seconds: int) -> int:
        self._agreed()
        lease = next(self.cluster.ids)
        self.cluster.leases[lease] = self.cluster.clock.monotonic() + seconds, seconds
        return lease

    async def keep_alive(self, lease: int) -> bool:
        self._agreed()
        if lease in self.cluster.leases:
            seconds = self.cluster.leases[lease][1]
            self.cluster.leases[lease] = self.cluster.clock.monotonic() + seconds, seconds
        return lease in self.cluster.leases

    async def revoke(self, lease: int) -> None:
        self._agreed()
        self.cluster.end(lease)

    async def status(self) -> Status:
        self._answer()
        me, whole = self.cluster.members[self._url], self.cluster.quorum()
        leader = self.cluster.members.get(self.cluster.leader_url)
        seen = leader.id if leader and whole and not self.deaf else 0
        if seen:
            self.cluster.expire()
        return Status(me.id, seen, me.learner)

    async def members(self) -> list[Member]:
        self._answer()
        return list(self.cluster.members.values())

    async def add_learner(self, peer_url: str) -> int:
        self._agreed()
        return self.cluster.add(peer_url, learner=True).id

    async def promote(self, member_id: int) -> None:
        self._agreed()
        member = self._find(member_id)
        if not member.name:
            raise Refused("not in sync")
        self.cluster.members[member.peer_url] = member._replace(learner=False)

    async def remove(self, member_id: int) -> None:
        self._agreed()
        url = self._find(member_id).peer_url
        del self.cluster.members[url]
        self.cluster.running.discard(url)

    async def move_leader(self, member_id: int) -> None:
        self._agreed()
        self.cluster.leader_url = self._find(member_id).peer_url

    def _find(self, member_id: int) -> Member:
        return next(member for member in self.cluster.members.values() if member.id == member_id)

    def _answer(self) -> None:
        if self._url not in self.cluster.members and not self._ended.done():
            self._ended.set_result(0)
        if self._url not in self.cluster.running:
            raise Silent("the member is not there")

    def _agreed(self) -> None:
        self._answer()
        if self.deaf or not self.cluster.quorum():
            raise Silent("no majority")
        if self.cluster.members[self._url].learner:
            raise Refused("not for learners")
        self.cluster.expire()


def launcher(cluster: FakeCluster) -> Callable[[Place, str, str], tuple[FakeMember, FakeMember]]:
    """For `node.raft_member.RaftMember`."""

    def launch(place: Place, name: str, peer_addr: str) -> tuple[FakeMember, FakeMember]:
        member = FakeMember(cluster, place, name, peer_addr)
        return member, member

    return launch
