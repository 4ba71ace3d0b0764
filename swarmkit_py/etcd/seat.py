"""Owns who leads: one key in etcd that lasts as long as its holder's lease. Whoever makes it leads until it goes.

The lease is kept alive from the daemon's own event loop, so a daemon that hangs loses its place as one that died.
Counterpart: leadership in swarmkit/manager/state/raft/raft.go, and WedgeTimeout.
"""

from __future__ import annotations

import logging

import msgspec

from swarmkit_py.clock import Clock
from swarmkit_py.errors import Unavailable
from swarmkit_py.etcd.base import LEADER, Compare, Etcd, Put
from swarmkit_py.model.base import Model

log = logging.getLogger(__name__)

LEASE_SECONDS = 5
"""A leader that is silent for so long has lost its place. Etcd counts from the election of its own leader on."""
RENEW_SECONDS = 1.0


class Holder(Model, frozen=True, kw_only=True):
    """Who leads: node id, `host:port` of its port 2377, and the id of its member."""

    node_id: str
    addr: str
    member_id: int = 0


class Seat:
    """The key, and this manager's lease on it."""

    def __init__(self, etcd: Etcd, clock: Clock, me: Holder) -> None:
        self._etcd, self._clock, self.me = etcd, clock, me
        self._lease = 0
        self._until = 0.0
        self.term = 0
        """The revision of this manager's key; 0 while it has none."""

    async def take(self) -> bool:
        """Try to lead. Raises Unavailable."""
        lease = await self._etcd.grant(LEASE_SECONDS)
        self._until = self._clock.monotonic() + LEASE_SECONDS
        done = await self._etcd.txn([Compare(LEADER, created=0)], [Put(LEADER, _text(self.me), lease)], [])
        if not done.held:
            await self._etcd.revoke(lease)
            return False
        self._lease, self.term = lease, done.revision
        return True

    async def clear(self, created: int) -> None:
        """Remove the key that an earlier life of this daemon has left. Raises Unavailable."""
        await self._etcd.txn([Compare(LEADER, created=created)], [], [LEADER])

    async def keep(self) -> None:
        """Renew the lease; come back when it is lost, or could not be renewed for as long as it lasts."""
        while True:
            await self._clock.sleep(RENEW_SECONDS)
            asked = self._clock.monotonic()
            try:
                if not await self._etcd.keep_alive(self._lease):
                    log.warning("the lease on the leader's place has ended")
                    return
                self._until = asked + LEASE_SECONDS
            except Unavailable as error:
                log.warning("the lease on the leader's place is not renewed: %s", error)
            if self._clock.monotonic() >= self._until:
                return

    async def leave(self) -> None:
        """Give the place up, if it can be told to anybody."""
        lease, self._lease, self.term = self._lease, 0, 0
        try:
            if lease:
                await self._etcd.revoke(lease)
        except Unavailable as error:
            log.info("the leader's place was not given up: %s", error)


def _text(holder: Holder) -> bytes:
    return msgspec.json.encode(holder)


def holder_of(value: bytes) -> Holder:
    """Who a leader's key names."""
    return msgspec.json.decode(value, type=Holder)
