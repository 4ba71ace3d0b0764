"""Owns the tables, their indexes, transactions and versions. Never awaits, never on the network.

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
from swarmkit_py.model.objects import Cluster, Network, Node, Object, Service, StoreObject, Task
from swarmkit_py.model.states import Writer, may_move
from swarmkit_py.store.watch import Change, Watch

TABLES: tuple[type[Object], ...] = (Cluster, Node, Network, Service, Task)
_INDEXED: dict[type[Object], tuple[str, ...]] = {Task: ("service_id", "node_id")}

O = TypeVar("O", bound=Object)  # noqa: E741 - the one letter every signature below needs
T = TypeVar("T")


class Journal(Protocol):
    """Durability: `append` returns only when the rows are safe."""

    def append(self, index: int, writes: list[tuple[type[Object], str, StoreObject | None]]) -> None: ...

    def load(self) -> tuple[int, list[StoreObject]]:
        """The index and all objects as last written."""

    def close(self) -> None: ...


class _Table:
    """Objects of one type by id, and the ids by each indexed field's value."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.rows: dict[str, Any] = {}
        self._fields = fields
        self._index: dict[tuple[str, str], dict[str, None]] = {}

    def put(self, obj: Any) -> None:
        self.drop(obj.id)
        self.rows[obj.id] = obj
        for name in self._fields:
            self._index.setdefault((name, getattr(obj, name)), {})[obj.id] = None

    def drop(self, object_id: str) -> None:
        old = self.rows.pop(object_id, None)
        if old is None:
            return
        for name in self._fields:
            key = (name, getattr(old, name))
            ids = self._index[key]
            del ids[object_id]
            if not ids:
                del self._index[key]

    def ids(self, field: str, value: str) -> Iterable[str]:
        return self._index.get((field, value), {})


class Transaction:
    """Reads that see its own writes, and writes that all happen or none. Made by `Store.update`."""

    def __init__(self, store: Store, writer: Writer | None) -> None:
        self._store = store
        self._writer = writer
        self.index = store.index + 1
        """The version that everything written here will carry."""
        self.writes: dict[tuple[type[Object], str], Any] = {}

    def get(self, kind: type[O], object_id: str) -> O | None:
        key = (kind, object_id)
        if key in self.writes:
            return cast("O | None", self.writes[key])
        return self._store.get(kind, object_id)

    def all(self, kind: type[O]) -> list[O]:
        return self._merge(kind, self._store.all(kind), lambda _: True)

    def find(self, kind: type[O], **fields: str) -> list[O]:
        """Objects whose (indexed) fields have these values."""
        return self._merge(kind, self._store.find(kind, **fields), lambda obj: _matches(obj, fields))

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
        self.writes[kind, object_id] = None

    def _put(self, obj: O) -> O:
        self.writes[type(obj), obj.id] = obj
        return obj

    def _check_transition(self, old: Object, new: Object) -> None:
        if self._writer is None or not (isinstance(old, Task) and isinstance(new, Task)):
            return
        if not may_move(self._writer, old.status.state, new.status.state):
            step = f"{old.status.state.value} to {new.status.state.value}"
            raise Internal(f"{self._writer.value} may not move task {old.id} from {step}")

    def _merge(self, kind: type[O], stored: list[O], wanted: Callable[[O], bool]) -> list[O]:
        mine = {oid: obj for (k, oid), obj in self.writes.items() if k is kind}
        if not mine:
            return stored
        kept = [obj for obj in stored if obj.id not in mine]
        return kept + [obj for obj in mine.values() if obj is not None and wanted(obj)]


class Store:
    """The tables. Reads are direct; writes go through `update(fn)`; `watch` tells of every commit."""

    def __init__(self, clock: Clock, journal: Journal | None = None) -> None:
        self.clock = clock
        self.index = 0
        self._journal = journal
        self._tables = {kind: _Table(_INDEXED.get(kind, ())) for kind in TABLES}
        self._watches: set[Watch] = set()
        if journal is not None:
            self.index, objects = journal.load()
            for obj in objects:
                self._tables[type(obj)].put(obj)

    def get(self, kind: type[O], object_id: str) -> O | None:
        return cast("O | None", self._tables[kind].rows.get(object_id))

    def all(self, kind: type[O]) -> list[O]:
        return list(self._tables[kind].rows.values())

    def find(self, kind: type[O], **fields: str) -> list[O]:
        """Objects whose fields have these values; the first field named must be an indexed one."""
        table = self._tables[kind]
        first = next(iter(fields))
        rows = (table.rows[oid] for oid in list(table.ids(first, fields[first])))
        return [obj for obj in rows if _matches(obj, fields)]

    def update(self, change: Callable[[Transaction], T], *, writer: Writer | None = None) -> T:
        """Run `change` as one transaction: journal first, then tables, then watchers. An exception writes nothing.

        `writer` names the component: its task state changes are checked against `model.states.TRANSITIONS`."""
        tx = Transaction(self, writer)
        result = change(tx)
        if tx.writes:
            self._commit(tx)
        return result

    def watch(self, *kinds: type[Object]) -> Watch:
        """Changes from this moment on (of these kinds, or all). Read the tables right after: nothing is lost
        between, since nothing can interleave (SwarmKit's ViewAndWatch). Close it when done."""
        watch = Watch(kinds, on_close=self._watches.discard)
        self._watches.add(watch)
        return watch

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()

    def _commit(self, tx: Transaction) -> None:
        if self._journal is not None:
            self._journal.append(tx.index, [(kind, oid, obj) for (kind, oid), obj in tx.writes.items()])
        self.index = tx.index
        changes = list(self._apply(tx))
        for watch in list(self._watches):
            watch.publish(changes)

    def _apply(self, tx: Transaction) -> Iterator[Change]:
        for (kind, oid), obj in tx.writes.items():
            table = self._tables[kind]
            old = table.rows.get(oid)
            if obj is None:
                table.drop(oid)
            else:
                table.put(obj)
            if old is not None or obj is not None:
                yield Change(kind=kind, old=old, new=obj)


def _matches(obj: Object, fields: dict[str, str]) -> bool:
    return all(getattr(obj, name) == value for name, value in fields.items())


def _noun(kind: type[Object]) -> str:
    return kind.__name__.lower()
