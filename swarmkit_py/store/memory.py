"""Owns the tables, transactions and versions. Never awaits, never on the network.

All runs on one event loop and a transaction is a plain function, so nothing can interleave and there is no lock.
A transaction is written to the journal before it is visible: what a caller was told is on disk.
Counterpart: swarmkit/manager/state/store/memory.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar, cast

from msgspec.structs import replace

from swarmkit_py.clock import Clock
from swarmkit_py.errors import AlreadyExists, Internal, NotFound, OutOfSequence
from swarmkit_py.model.objects import Cluster, Config, Network, Node, Object, Secret, Service, StoreObject, Task
from swarmkit_py.model.states import Writer, may_move
from swarmkit_py.store.history import History
from swarmkit_py.store.table import Table, matches
from swarmkit_py.store.watch import Change, Watch

TABLES: tuple[type[Object], ...] = (Cluster, Node, Network, Secret, Config, Service, Task)
_INDEXED: dict[type[Object], tuple[str, ...]] = {Task: ("service_id", "node_id")}

O = TypeVar("O", bound=Object)  # noqa: E741 - the one letter every signature below needs
T = TypeVar("T")


class Journal(Protocol):
    """Durability: `append` returns only when the rows are safe, and raises (Unavailable) having changed nothing."""

    def append(self, index: int, writes: list[tuple[type[Object], str, StoreObject | None]]) -> None: ...

    def load(self) -> tuple[int, list[StoreObject]]:
        """The index and all objects as last written."""

    def close(self) -> None: ...


class Transaction:
    """Reads that see its own writes, and writes that all happen or none. Made by `Store.update`."""

    def __init__(self, store: Store, writer: Writer | None) -> None:
        self._store = store
        self._writer = writer
        self.index = store.index + 1
        """The version that everything written here will carry."""
        self._writes: dict[type[Object], dict[str, Any]] = {}

    @property
    def writes(self) -> dict[tuple[type[Object], str], Any]:
        """What was written so far, by (kind, id); None for a deletion."""
        return {(kind, oid): obj for kind, rows in self._writes.items() for oid, obj in rows.items()}

    def get(self, kind: type[O], object_id: str) -> O | None:
        mine = self._writes.get(kind)
        if mine is not None and object_id in mine:
            return cast("O | None", mine[object_id])
        return self._store.get(kind, object_id)

    def all(self, kind: type[O]) -> list[O]:
        return self._merge(kind, self._store.all(kind), lambda _: True)

    def find(self, kind: type[O], **fields: str) -> list[O]:
        """Objects whose fields have these values (fast where one of the fields is indexed)."""
        return self._merge(kind, self._store.find(kind, **fields), lambda obj: matches(obj, fields))

    def create(self, obj: O) -> O:
        if self.get(type(obj), obj.id) is not None:
            raise AlreadyExists(f"{_noun(type(obj))} {obj.id} already exists")
        now = self._store.clock.now()
        return self._put(replace(obj, index=self.index, created_at=now, updated_at=now))

    def update(self, obj: O, *, expect: int | None = None) -> O:
        """Replace the stored object; `expect` is the version the caller read (OutOfSequence if it moved on)."""
        old = self.get(type(obj), obj.id)
        if old is None:
            raise NotFound(f"{_noun(type(obj))} {obj.id} not found")
        if expect is not None and old.index != expect:
            raise OutOfSequence("update out of sequence", rpc=True)
        self._check_transition(old, obj)
        return self._put(replace(obj, index=self.index, created_at=old.created_at,
                                 updated_at=self._store.clock.now()))

    def delete(self, kind: type[O], object_id: str) -> None:
        if self.get(kind, object_id) is None:
            raise NotFound(f"{_noun(kind)} {object_id} not found")
        self._writes.setdefault(kind, {})[object_id] = None

    def _put(self, obj: O) -> O:
        self._writes.setdefault(type(obj), {})[obj.id] = obj
        return obj

    def _check_transition(self, old: Object, new: Object) -> None:
        if self._writer is None or not (isinstance(old, Task) and isinstance(new, Task)):
            return
        if not may_move(self._writer, old.status.state, new.status.state):
            step = f"{old.status.state.value} to {new.status.state.value}"
            raise Internal(f"{self._writer.value} may not move task {old.id} from {step}")

    def _merge(self, kind: type[O], stored: list[O], wanted: Callable[[O], bool]) -> list[O]:
        mine = self._writes.get(kind)
        if not mine:
            return stored
        kept = [mine.get(obj.id, obj) for obj in stored]
        known = {obj.id for obj in stored}
        return [obj for obj in (*kept, *(new for oid, new in mine.items() if oid not in known))
                if obj is not None and wanted(obj)]


class Store:
    """The tables. Reads are direct; writes go through `update(fn)`; `watch` tells of every commit."""

    def __init__(self, clock: Clock, journal: Journal | None = None) -> None:
        self.clock = clock
        self.index = 0
        self._journal = journal
        self._tables = {kind: Table(_INDEXED.get(kind, ())) for kind in TABLES}
        self._watches: dict[Watch, None] = {}
        self._open = False
        if journal is not None:
            self.index, objects = journal.load()
            for obj in objects:
                self._tables[type(obj)].put(obj)
        self.history = History(self.index)
        """The last commits, for those who follow the store from a version on."""

    def get(self, kind: type[O], object_id: str) -> O | None:
        return cast("O | None", self._tables[kind].rows.get(object_id))

    def all(self, kind: type[O]) -> list[O]:
        return list(self._tables[kind].rows.values())

    def everything(self) -> list[StoreObject]:
        """All objects of all kinds, each kind's in the order they were made."""
        return [obj for table in self._tables.values() for obj in table.rows.values()]

    def find(self, kind: type[O], **fields: str) -> list[O]:
        """Objects whose fields have these values (fast where one of the fields is indexed)."""
        return cast("list[O]", self._tables[kind].find(fields))

    def update(self, change: Callable[[Transaction], T], *, writer: Writer | None = None) -> T:
        """Run `change` as one transaction: journal first, then tables, then watchers. An exception writes nothing.

        `writer` names the component: its task state changes are checked against `model.states.TRANSITIONS`.
        Raises Internal for a transaction inside a transaction, Unavailable when the journal cannot be written."""
        if self._open:
            raise Internal("a store transaction was started inside another one")
        self._open = True
        try:
            tx = Transaction(self, writer)
            result = change(tx)
            changes = self._commit(tx)
        finally:
            self._open = False
        self._publish(changes)
        return result

    def watch(self, *kinds: type[Object]) -> Watch:
        """Changes from this moment on (of these kinds, or all). Read the tables right after: nothing is lost
        between, since nothing can interleave (SwarmKit's ViewAndWatch). Close it when done."""
        watch = Watch(kinds, on_close=lambda w: self._watches.pop(w, None))
        self._watches[watch] = None
        return watch

    def use(self, journal: Journal) -> None:
        """Write to this journal from now on; what is in the tables is in it already."""
        self._journal = journal

    def replay(self, index: int, writes: Iterable[tuple[type[Object], str, StoreObject | None]]) -> None:
        """Take in a transaction that another manager has made: tables, then watchers."""
        self.index = index
        self._publish(list(self._apply({(kind, oid): obj for kind, oid, obj in writes})))

    def become(self, index: int, objects: Iterable[StoreObject]) -> None:
        """Hold exactly these objects; watchers hear of what is different."""
        wanted: dict[tuple[type[Object], str], Any] = {(type(obj), obj.id): obj for obj in objects}
        gone = {(kind, oid): None for kind in TABLES for oid in self._tables[kind].rows if (kind, oid) not in wanted}
        news = {key: obj for key, obj in wanted.items() if self._tables[key[0]].rows.get(key[1]) != obj}
        if self.index == 0:
            self.history.begin(index - 1)  # another manager's past is not ours to tell
        self.index = index
        self._publish(list(self._apply(gone | news)))

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()

    def _publish(self, changes: list[Change]) -> None:
        if changes:
            self.history.record(self.index, changes)
        for watch in list(self._watches) if changes else ():
            watch.publish(changes)

    def _commit(self, tx: Transaction) -> list[Change]:
        writes = tx.writes
        if not writes:
            return []
        if self._journal is not None:
            self._journal.append(tx.index, [(kind, oid, obj) for (kind, oid), obj in writes.items()])
        self.index = tx.index
        return list(self._apply(writes))

    def _apply(self, writes: dict[tuple[type[Object], str], Any]) -> Iterator[Change]:
        for (kind, oid), obj in writes.items():
            table = self._tables[kind]
            old = table.rows.get(oid)
            if obj is None:
                table.drop(oid)
            else:
                table.put(obj)
            if old is not None or obj is not None:
                yield Change(kind=kind, old=old, new=obj)


def _noun(kind: type[Object]) -> str:
    return kind.__name__.lower()
