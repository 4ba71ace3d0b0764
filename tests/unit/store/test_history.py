"""The memory of recent commits."""

from __future__ import annotations

import asyncio

import pytest

from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import OutOfRange
from swarmkit_py.model.objects import Service
from swarmkit_py.store.history import History
from swarmkit_py.store.memory import Store
from swarmkit_py.store.watch import Change
from tests.builders import service
from tests.waiting import until


def change(number: int) -> Change:
    return Change(Service, None, service(f"s{number}"))


def test_it_goes_on_from_any_version_that_is_remembered() -> None:
    history = History(start=10)
    for index in (11, 12, 13):
        history.record(index, [change(index)])
    assert [commit.index for commit in history.after(10)] == [11, 12, 13]
    assert [commit.index for commit in history.after(12)] == [13]
    assert history.after(13) == []
    with pytest.raises(OutOfRange, match="forgotten"):
        history.after(9)
    with pytest.raises(OutOfRange, match="the last one is 13"):
        history.after(14)


def test_the_oldest_commits_are_forgotten_whole() -> None:
    history = History(kept=4)
    for index in (1, 2, 3):
        history.record(index, [change(index), change(index + 100)])
    with pytest.raises(OutOfRange, match="up to 1 are forgotten"):
        history.after(0)
    assert [(commit.index, len(commit.changes)) for commit in history.after(1)] == [(2, 2), (3, 2)]


async def test_a_reader_waits_for_the_next_commit_of_the_store() -> None:
    store = Store(ManualClock())
    place = store.history.last
    waiting = asyncio.ensure_future(store.history.wait(place))
    await asyncio.sleep(0)
    assert not waiting.done()
    store.update(lambda tx: [tx.create(service(name, id=name)) for name in "ab"])
    await until(waiting.done)
    commit, = store.history.after(place)
    assert (commit.index, len(commit.changes)) == (store.index, 2), "one transaction, one commit"
