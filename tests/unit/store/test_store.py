"""The tables, transactions and watches, one rule a test."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import AlreadyExists, Internal, NotFound, OutOfSequence, Unavailable
from swarmkit_py.model.objects import Network, Node, Object, Service, StoreObject, Task
from swarmkit_py.model.states import TaskState, Writer
from swarmkit_py.store import watch as watch_module
from swarmkit_py.store.memory import Store, Transaction
from tests.builders import in_state, network, node, service, task


@pytest.fixture
def store() -> Store:
    return Store(ManualClock())


def test_a_commit_stamps_the_version_and_the_time(store: Store) -> None:
    made = store.update(lambda tx: tx.create(node("a")))
    again = store.update(lambda tx: tx.update(replace(made, index=0)))
    assert (made.index, again.index, store.index) == (1, 2, 2)
    assert made.created_at == store.clock.now() == again.created_at


async def test_an_update_keeps_the_time_of_creation() -> None:
    clock = ManualClock()
    store = Store(clock)
    made = store.update(lambda tx: tx.create(node("a")))
    await clock.advance(5)
    changed = store.update(lambda tx: tx.update(made))
    assert (changed.updated_at - changed.created_at).total_seconds() == 5


def test_a_stale_version_is_refused_in_docker_s_words(store: Store) -> None:
    made = store.update(lambda tx: tx.create(node("a")))
    store.update(lambda tx: tx.update(made))
    with pytest.raises(OutOfSequence) as caught:
        store.update(lambda tx: tx.update(made, expect=made.index))
    assert caught.value.wire_text() == "rpc error: code = Unknown desc = update out of sequence"
    assert caught.value.status == 500


def test_what_is_there_cannot_be_created_and_what_is_not_cannot_change(store: Store) -> None:
    store.update(lambda tx: tx.create(node("a")))
    with pytest.raises(AlreadyExists):
        store.update(lambda tx: tx.create(node("a")))
    with pytest.raises(NotFound):
        store.update(lambda tx: tx.update(node("b")))
    with pytest.raises(NotFound):
        store.update(lambda tx: tx.delete(Node, "node-b"))


def test_a_transaction_sees_its_own_writes(store: Store) -> None:
    store.update(lambda tx: [tx.create(task(id="1", node_id="n1")), tx.create(task(id="2", node_id="n1"))])

    def change(tx: Transaction) -> list[str]:
        tx.create(task(id="3", node_id="n1"))
        tx.delete(Task, "1")
        two = tx.get(Task, "2")
        assert two is not None
        tx.update(replace(two, node_id="n2"))
        assert tx.get(Task, "1") is None
        assert [t.id for t in tx.all(Task)] == ["2", "3"]
        return [t.id for t in tx.find(Task, node_id="n1")]

    assert store.update(change) == ["3"]
    assert [t.id for t in store.find(Task, node_id="n1")] == ["3"]


def test_find_works_with_and_without_an_index(store: Store) -> None:
    web, db = service("web"), service("db")
    store.update(lambda tx: [tx.create(task(web, id="1")), tx.create(task(db, id="2"))])
    assert [t.id for t in store.find(Task, service_name="db")] == ["2"]
    assert [t.id for t in store.find(Task, service_name="web", service_id=web.id)] == ["1"]
    assert store.find(Task, service_id=db.id, service_name="web") == []


def test_objects_keep_the_order_of_their_creation(store: Store) -> None:
    store.update(lambda tx: [tx.create(node(name)) for name in "abc"])
    store.update(lambda tx: tx.update(node("a")))
    assert [n.id for n in store.all(Node)] == ["node-a", "node-b", "node-c"]


@pytest.mark.parametrize(("writer", "target", "allowed"), [
    (Writer.ALLOCATOR, TaskState.PENDING, True),
    (Writer.SCHEDULER, TaskState.PENDING, False),
    (Writer.AGENT, TaskState.RUNNING, False),
    (Writer.ALLOCATOR, TaskState.ASSIGNED, False),
    (Writer.ORCHESTRATOR, TaskState.NEW, True),
])
def test_each_step_of_a_task_has_one_writer(store: Store, writer: Writer, target: TaskState, allowed: bool) -> None:
    made = store.update(lambda tx: tx.create(task()))
    moved = in_state(made, target)
    if allowed:
        assert store.update(lambda tx: tx.update(moved), writer=writer).status.state is target
    else:
        with pytest.raises(Internal, match=f"{writer.value} may not move task"):
            store.update(lambda tx: tx.update(moved), writer=writer)
        assert store.get(Task, made.id) == made


def test_a_transaction_inside_another_is_refused(store: Store) -> None:
    def outer(tx: Transaction) -> None:
        tx.create(node("a"))
        store.update(lambda inner: inner.create(node("b")))

    with pytest.raises(Internal, match="inside another"):
        store.update(outer)
    assert store.all(Node) == []
    store.update(lambda tx: tx.create(node("c")))
    assert len(store.all(Node)) == 1


def test_a_watch_hears_only_its_kinds_and_nothing_after_close(store: Store) -> None:
    with store.watch(Node) as watch:
        store.update(lambda tx: [tx.create(node("a")), tx.create(network())])
        assert [c.kind for c in watch.take()] == [Node]
        assert watch.take() == []
    store.update(lambda tx: tx.create(node("b")))
    assert watch.take() == []


def test_created_and_deleted_in_one_transaction_is_no_change(store: Store) -> None:
    watch = store.watch()

    def change(tx: Transaction) -> None:
        tx.create(node("a"))
        tx.delete(Node, "node-a")

    store.update(change)
    assert watch.take() == []
    assert store.all(Node) == []


async def test_a_watcher_that_fell_behind_is_told_to_read_again(
    store: Store, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch_module, "BACKLOG_LIMIT", 3)
    watch = store.watch()
    store.update(lambda tx: [tx.create(node(str(number))) for number in range(4)])
    assert await watch.next() == []
    assert watch.acknowledge_resync()
    assert not watch.acknowledge_resync()
    store.update(lambda tx: tx.create(network()))
    assert [c.kind for c in await watch.next()] == [Network]


class BrokenJournal:
    """A journal on a disk that fills up."""

    full = False

    def append(self, index: int, writes: list[tuple[type[Object], str, StoreObject | None]]) -> None:
        if self.full:
            raise Unavailable("disk full")

    def load(self) -> tuple[int, list[StoreObject]]:
        return 7, [node("old")]

    def close(self) -> None: ...


def test_what_the_journal_refuses_has_not_happened() -> None:
    journal = BrokenJournal()
    store = Store(ManualClock(), journal)
    watch = store.watch()
    journal.full = True

    def change(tx: Transaction) -> None:
        tx.create(service("web"))
        tx.delete(Node, "node-old")

    with pytest.raises(Unavailable):
        store.update(change)
    assert (store.index, store.all(Service), [n.id for n in store.all(Node)]) == (7, [], ["node-old"])
    assert watch.take() == []
    journal.full = False
    assert store.update(lambda tx: tx.create(service("web"))).index == 8
