"""Owns a manager's life with a shared store: follow the leader's commits, take its place when it is empty, lead, and
follow again.

Following, the tables are what etcd's watch tells. Leading, they are this manager's own, and nobody else writes. In
between they are read anew, so that what is not known to be done is known before anything is built on it.
Must not know what a leader does. Counterpart: Run in swarmkit/manager/state/raft/raft.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import groupby

from swarmkit_py.clock import Clock
from swarmkit_py.errors import Unavailable
from swarmkit_py.etcd.base import INDEX, LEADER, PREFIX, Etcd, Event, Item
from swarmkit_py.etcd.journal import EtcdJournal
from swarmkit_py.etcd.seat import Holder, Seat, holder_of
from swarmkit_py.rpc.race import cancel, until_first_ends
from swarmkit_py.store.memory import Store
from swarmkit_py.store.rows import Rows

log = logging.getLogger(__name__)

PULSE_SECONDS = 1.0
RETRY_SECONDS = 0.25
Step = Callable[[], Awaitable[None]]


class SharedStore:
    """`run` until cancelled. `lead` begins what only a leader does, `follow` ends it; neither may fail."""

    def __init__(
        self, etcd: Etcd, store: Store, rows: Rows, clock: Clock, me: Holder, lead: Step, follow: Step,
        may_lead: Callable[[], bool] = lambda: True,
    ) -> None:
        self._etcd, self._store, self._clock = etcd, store, clock
        self._lead_step, self._follow_step, self._may_lead = lead, follow, may_lead
        self._seat = Seat(etcd, clock, me)
        self._lost = asyncio.Event()
        self._vacant = asyncio.Event()
        self._moved = asyncio.Event()
        self.journal = EtcdJournal(etcd, rows, self._lost.set)
        self.leading = False
        self.loaded = False
        """True once the tables have been read."""
        self.leader: Holder | None = None
        """Who leads, as far as this manager knows."""
        self.quorum = False
        """False if this manager's member knows no leader of Raft's."""
        self._leader_created = 0

    async def found(self, store: Store) -> None:
        """Take the leader's place, then move a store in; the last is done without waiting, so that what is in it then
        is what is there when this returns. Raises Unavailable."""
        await self._know_oneself()
        if not await self._seat.take():
            raise Unavailable("a fresh etcd has a leader already")
        self.journal.fill(store.index, store.everything())

    def begin(self) -> None:
        """After `found`: writes go to etcd from this moment on."""
        self.journal.open(self._seat.term)
        self._store.use(self.journal)
        self.leader, self.loaded, self.quorum, self.leading = self._seat.me, True, True, True

    async def run(self) -> None:
        """Follow and lead by turns."""
        self._store.use(self.journal)
        try:
            if self.leading:
                await self._hold()
            while True:
                try:
                    await self._follow()
                    await self._lead()
                except Unavailable as error:
                    log.info("the shared store: %s", error)
                    self.quorum = False
                    await self._clock.sleep(RETRY_SECONDS)
        finally:
            self.journal.close()
            self.leading = False

    async def resign(self) -> None:
        """Give the leader's place up at once, for a daemon that ends."""
        self.journal.close()
        await self._seat.leave()

    def step_down(self) -> None:
        """Let another manager lead; `run` goes on as a follower."""
        self.journal.close()
        self._lost.set()

    async def until(self, index: int, seconds: float) -> None:
        """Wait until the tables hold what this transaction wrote, but not for long."""
        deadline = self._clock.monotonic() + seconds
        while self._store.index < index and self._clock.monotonic() < deadline:
            self._moved.clear()
            alarm = asyncio.ensure_future(self._clock.sleep(max(deadline - self._clock.monotonic(), 0)))
            news = asyncio.ensure_future(self._moved.wait())
            await asyncio.wait({alarm, news}, return_when=asyncio.FIRST_COMPLETED)
            await cancel(alarm, news)

    async def _follow(self) -> None:
        """Until this manager holds the leader's place. Raises Unavailable."""
        revision = await self._load()
        await self._know_oneself()
        if self.leader is not None and self.leader.node_id == self._seat.me.node_id:
            await self._seat.clear(self._leader_created)
        await until_first_ends(self._watch(revision + 1), self._pulse(), self._campaign())

    async def _know_oneself(self) -> None:
        me = self._seat.me
        status = await self._etcd.status()
        self._seat.me = Holder(node_id=me.node_id, addr=me.addr, member_id=status.member_id)

    async def _campaign(self) -> None:
        while True:
            await self._vacant.wait()
            if self._may_lead() and await self._seat.take():
                return
            self._vacant.clear()
            # Somebody was faster, and the watch is about to say so; or was, and is gone again.
            await self._clock.sleep(RETRY_SECONDS)
            if self.leader is None:
                self._vacant.set()

    async def _lead(self) -> None:
        try:
            await self._load()
        except BaseException:
            await self._seat.leave()
            raise
        self.journal.open(self._seat.term)
        self.leader, self.leading = self._seat.me, True
        await self._hold()

    async def _hold(self) -> None:
        """Lead until the place is lost."""
        self._lost.clear()
        log.warning("this manager leads the swarm now")
        try:
            await self._lead_step()
            await until_first_ends(self._seat.keep(), self._wait(self._lost))
        finally:
            self.leading, self.leader = False, None
            self.journal.close()
            log.warning("this manager leads the swarm no more")
            await self._follow_step()
            await self._seat.leave()

    async def _wait(self, event: asyncio.Event) -> None:
        await event.wait()

    async def _load(self) -> int:
        """Read everything as the majority has it; the revision it is of. Raises Unavailable."""
        revision, items = await self._etcd.read(PREFIX)
        index, objects = self.journal.read(items)
        self._store.become(index, sorted(objects, key=lambda obj: obj.created_at))
        self.loaded = self.quorum = True
        self._moved.set()
        self._see_leader(next((item for item in items if item.key == LEADER), None))
        return revision

    def _see_leader(self, item: Item | None) -> None:
        self.leader = holder_of(item.value) if item is not None else None
        self._leader_created = item.created if item is not None else 0
        self._vacant.set() if item is None else self._vacant.clear()

    async def _watch(self, revision: int) -> None:
        changes: AsyncIterator[list[Event]] = self._etcd.watch(PREFIX, revision)
        try:
            async for events in changes:
                for _, group in groupby(events, key=lambda event: event.revision):
                    self._take_in(list(group))
        finally:
            close = getattr(changes, "aclose", None)
            if close is not None:
                await close()

    def _take_in(self, events: list[Event]) -> None:
        """One transaction of the leader's, or a change of the leader."""
        for event in events:
            if event.key == LEADER:
                self._see_leader(None if event.value is None else Item(event.key, event.value, event.created))
        index = next((int(event.value) for event in events if event.key == INDEX and event.value), None)
        if index is not None:
            self._store.replay(index, self.journal.writes(events))
            self._moved.set()

    async def _pulse(self) -> None:
        """Look at the own member now and then. Raft's leader is to be where the swarm's is: a commit then waits for
        nobody's election when another manager dies."""
        while True:
            status = await self._etcd.status()
            self.quorum = bool(status.leader_id)
            leader = self.leader
            if leader and status.leader_id == status.member_id and leader.member_id not in (0, status.member_id):
                try:
                    await self._etcd.move_leader(leader.member_id)
                except Unavailable as error:
                    log.info("Raft's leadership was not handed on: %s", error)
            await self._clock.sleep(PULSE_SECONDS)
