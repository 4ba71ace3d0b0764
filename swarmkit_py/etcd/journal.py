"""Owns the journal of several managers: a store's transactions as transactions of etcd, fenced by the leader's key.

Every one of them holds only if the leader's key is still the one this manager made, and if the index is the one it
counts on from: a manager that was replaced while it slept writes nothing. What has failed once ends all that follows,
since nobody knows whether it was done: the store must be read again first.
Counterpart: ProposeValue in swarmkit/manager/state/raft/raft.go.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from swarmkit_py.errors import Internal, NoLeader, Unavailable
from swarmkit_py.etcd.base import INDEX, LEADER, ROWS, Compare, Etcd, Event, Item, Put
from swarmkit_py.model.objects import Object, StoreObject
from swarmkit_py.store.rows import KINDS, NAMES, BrokenRow, Rows

log = logging.getLogger(__name__)

Write = tuple[type[Object], str, "StoreObject | None"]
PORTION = 500
"""Objects of one transaction while a store moves in."""


class EtcdJournal:
    """A `store.memory.Journal`. Closed to writes until `open`; `lost` is called when it has closed itself."""

    def __init__(self, etcd: Etcd, rows: Rows, lost: Callable[[], None]) -> None:
        self._etcd, self._rows, self._lost = etcd, rows, lost
        self._term = 0

    def open(self, term: int) -> None:
        """From now on writes hold for as long as the leader's key is the one of this revision (0: none do)."""
        self._term = term

    def append(self, index: int, writes: list[Write]) -> None:
        """See Journal. Raises NoLeader; nobody knows then whether the last one was written."""
        if not self._term:
            raise NoLeader
        puts = [Put(_key(kind, oid), self._rows.close(obj)) for kind, oid, obj in writes if obj is not None]
        deletes = [_key(kind, oid) for kind, oid, obj in writes if obj is None]
        fence = [Compare(LEADER, created=self._term), Compare(INDEX, value=b"%d" % (index - 1))]
        try:
            held = self._etcd.txn_now(fence, [*puts, Put(INDEX, b"%d" % index)], deletes).held
        except Unavailable as error:
            log.warning("a commit failed: %s", error)
            held = False
        if not held:
            self._term = 0
            self._lost()
            raise NoLeader

    def fill(self, index: int, objects: Sequence[StoreObject]) -> None:
        """Move a whole store in, oldest objects first. Raises Unavailable."""
        for start in range(0, len(objects), PORTION):
            portion = objects[start:start + PORTION]
            self._etcd.txn_now((), [Put(_key(type(obj), obj.id), self._rows.close(obj)) for obj in portion], ())
        self._etcd.txn_now((), [Put(INDEX, b"%d" % index)], ())

    def load(self) -> tuple[int, list[StoreObject]]:
        """What is in etcd is read with `read`, which waits: nothing here."""
        return 0, []

    def close(self) -> None:
        """Let nothing more be written."""
        self._term = 0

    def read(self, items: Iterable[Item]) -> tuple[int, list[StoreObject]]:
        """The index and the objects among etcd's keys. Raises Internal for what is damaged."""
        index, found = 0, []
        for item in items:
            if item.key == INDEX:
                index = int(item.value)
            elif item.key.startswith(ROWS):
                found.append(self._object(item.key, item.value))
        return index, found

    def writes(self, events: Iterable[Event]) -> list[Write]:
        """The transaction that these events are of. Raises Internal for what is damaged."""
        found: list[Write] = []
        for event in events:
            if event.key.startswith(ROWS):
                name, _, object_id = event.key[len(ROWS):].partition("/")
                if name in KINDS:
                    obj = None if event.value is None else self._object(event.key, event.value)
                    found.append((KINDS[name], object_id, obj))
        return found

    def _object(self, key: str, value: bytes) -> StoreObject:
        name, _, object_id = key[len(ROWS):].partition("/")
        try:
            return self._rows.open(name, object_id, value)
        except BrokenRow as error:
            raise Internal(f"what etcd holds is damaged, or sealed with another key: {error.message}") from None


def _key(kind: type[Object], object_id: str) -> str:
    return f"{ROWS}{NAMES[kind]}/{object_id}"
