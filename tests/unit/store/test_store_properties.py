"""What holds for every sequence of transactions, failed ones among them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import SwarmError
from swarmkit_py.model.objects import Node, Object, Service, Task
from swarmkit_py.store.journal import SqliteJournal
from swarmkit_py.store.memory import TABLES, Store, Transaction
from swarmkit_py.store.watch import Watch
from tests.builders import node, service, task

Step = tuple[str, str, str]
_IDS = st.sampled_from(["1", "2", "3", "4"])
_STEPS = st.lists(st.tuples(st.sampled_from(["create", "update", "delete", "fail"]), _IDS, _IDS), max_size=6)
_HISTORIES = st.lists(_STEPS, max_size=12)


class Boom(Exception):
    """A transaction's own failure."""


def _do(tx: Transaction, steps: list[Step]) -> None:
    """Random writes to tasks, nodes and services; errors of the store are the caller's."""
    for action, oid, other in steps:
        if action == "create":
            tx.create(task(id=oid, node_id=f"n{other}"))
            tx.create(node(other, id=other))
        elif action == "update":
            old = tx.get(Task, oid)
            tx.update(replace(old or task(id=oid), node_id=f"n{other}", service_id=f"s{other}"))
        elif action == "delete":
            tx.delete(Task, oid)
            tx.create(service(other))
        else:
            raise Boom


def _play(store: Store, history: list[list[Step]], after: Callable[[], None] = lambda: None) -> None:
    for steps in history:
        before = (_tables(store), store.index)
        try:
            store.update(lambda tx, steps=steps: _do(tx, steps))  # type: ignore[misc]
        except (SwarmError, Boom):
            assert (_tables(store), store.index) == before, "a failed transaction changed something"
        after()


def _tables(store: Store) -> dict[type[Object], dict[str, Object]]:
    return {kind: {obj.id: obj for obj in store.all(kind)} for kind in TABLES}


def _replay(watch: Watch, tables: dict[type[Object], dict[str, Object]]) -> None:
    for change in watch.take():
        table = tables[change.kind]
        assert table.get(change.object.id) == change.old, "the change does not start from what was there"
        if change.new is None:
            del table[change.object.id]
        else:
            table[change.object.id] = change.new


@given(_HISTORIES, st.integers(0, 12))
def test_watch_events_replayed_give_the_tables(history: list[list[Step]], start: int) -> None:
    store = Store(ManualClock())
    _play(store, history[:start])
    watch, copy = store.watch(), _tables(store)
    _play(store, history[start:])
    _replay(watch, copy)
    assert copy == _tables(store)


@given(_HISTORIES)
def test_indexes_agree_with_a_scan(history: list[list[Step]]) -> None:
    store = Store(ManualClock())

    def agree() -> None:
        for field in ("node_id", "service_id"):
            values = {getattr(t, field) for t in store.all(Task)} | {"n1", "s1"}
            for value in values:
                found = {t.id for t in store.find(Task, **{field: value})}
                assert found == {t.id for t in store.all(Task) if getattr(t, field) == value}

    _play(store, history, agree)


@given(_HISTORIES)
def test_versions_only_rise_and_name_the_last_change(history: list[list[Step]]) -> None:
    store = Store(ManualClock())
    seen = [0]

    def risen() -> None:
        assert store.index >= seen[-1]
        seen.append(store.index)
        newest = [obj.index for kind in TABLES for obj in store.all(kind)]
        assert max(newest, default=0) <= store.index

    _play(store, history, risen)


@settings(max_examples=25, deadline=None)
@given(_HISTORIES)
def test_a_journal_gives_back_what_was_stored(history: list[list[Step]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        store = Store(ManualClock(), SqliteJournal(path, KEY))
        _play(store, history)
        store.close()
        again = Store(ManualClock(), SqliteJournal(path, KEY))
        assert (_tables(again), again.index) == (_tables(store), store.index)
        assert [t.id for t in again.all(Task)] == [t.id for t in store.all(Task)]
        again.close()


KEY = bytes(range(32))
_TEXT = st.text(max_size=20)


@given(_TEXT, st.dictionaries(_TEXT, _TEXT, max_size=3), st.one_of(st.none(), st.integers(0, 2**40)))
def test_objects_survive_their_json(name: str, labels: dict[str, str], replicas: int | None) -> None:
    original = service("x", replicas=replicas)
    original = replace(original, spec=replace(original.spec, name=name, labels=labels))
    assert msgspec.json.decode(msgspec.json.encode(original), type=Service) == original
    host = replace(node("n"), spec=replace(node("n").spec, labels=labels))
    assert msgspec.json.decode(msgspec.json.encode(host), type=Node) == host
