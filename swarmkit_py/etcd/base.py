"""Owns the small part of etcd that managers use, as a protocol. `gateway` speaks it to a real member, tests fake it.

Keys and values are bytes in etcd; keys are text here. Counterpart: swarmkit/manager/state/proposer.go (Proposer).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from swarmkit_py.errors import Unavailable

PREFIX = "swarm/"
ROWS = PREFIX + "rows/"
INDEX = PREFIX + "index"
LEADER = PREFIX + "leader"


class Silent(Unavailable):
    """The member did not answer in time or not at all, or too few members are there to agree: what was asked of it
    may or may not be done."""


class Refused(Unavailable):
    """The member said no: it was not done."""


class Compare(NamedTuple):
    """A condition of a transaction on one key: it was made at this revision (0: it is not there), or has this
    value."""

    key: str
    created: int | None = None
    value: bytes | None = None


class Put(NamedTuple):
    key: str
    value: bytes
    lease: int = 0
    """The key goes when this lease ends; 0: it stays."""


class Item(NamedTuple):
    key: str
    value: bytes
    created: int
    """The revision of the transaction that made the key."""


class Event(NamedTuple):
    """One key's change; `value` is None when it went."""

    key: str
    value: bytes | None
    created: int
    revision: int


class Done(NamedTuple):
    """A transaction's end: whether its conditions held, and the store's revision after it."""

    held: bool
    revision: int


class Member(NamedTuple):
    """`name` is its node's id, "" until it has started once. Ids are etcd's, and never used again."""

    id: int
    name: str
    peer_url: str
    learner: bool


class Status(NamedTuple):
    """As one member sees it: itself, and who leads Raft (0: nobody)."""

    member_id: int
    leader_id: int
    learner: bool


class Etcd(Protocol):
    """One member. All but `txn_now` are to be awaited, and raise Silent or Refused."""

    def txn_now(self, compares: Sequence[Compare], puts: Sequence[Put], deletes: Sequence[str]) -> Done:
        """A transaction, waited for without the event loop: the store's commits are plain functions."""

    async def txn(self, compares: Sequence[Compare], puts: Sequence[Put], deletes: Sequence[str]) -> Done: ...

    async def read(self, prefix: str) -> tuple[int, list[Item]]:
        """All keys that begin so, in the order they were made, as the majority has them, and the revision."""

    def watch(self, prefix: str, revision: int) -> AsyncIterator[list[Event]]:
        """Changes from this revision on; a transaction's are never parted. `aclose` it when done."""

    async def grant(self, seconds: int) -> int:
        """A new lease."""

    async def keep_alive(self, lease: int) -> bool:
        """False if it has ended."""

    async def revoke(self, lease: int) -> None: ...

    async def status(self) -> Status:
        """Answered by the member alone."""

    async def members(self) -> list[Member]: ...

    async def add_learner(self, peer_url: str) -> int:
        """A member that is told everything and has no vote yet; its id."""

    async def promote(self, member_id: int) -> None:
        """Give a learner its vote. Raises Refused while it is behind."""

    async def remove(self, member_id: int) -> None: ...

    async def move_leader(self, member_id: int) -> None:
        """Hand Raft's leadership to this member; only its leader can."""
