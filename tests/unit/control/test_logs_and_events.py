"""`docker service logs` asks the right tasks, also those that come later; `docker events` hears every commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from swarmkit_py.errors import NotFound
from swarmkit_py.model.objects import Service
from swarmkit_py.runtime.base import LogOptions
from tests.builders import node, service, task
from tests.unit.control.rig import Rig

WEB = service("web")


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.store.update(lambda tx: [
        tx.create(WEB),
        tx.create(task(WEB, id="t1", node_id="n1")),
        tx.create(task(WEB, id="t2", node_id="n2")),
        tx.create(task(WEB, id="waits")),
        tx.create(task(service("db"), id="other", node_id="n1")),
    ])
    return rig


async def heard(lines: AsyncIterator[Any]) -> list[str]:
    return [of.id async for of, _ in lines]


async def test_a_service_s_logs_are_those_of_its_tasks_that_have_a_node(rig: Rig) -> None:
    assert await heard(rig.control.service_logs("web", LogOptions(tail=3))) == ["t1", "t2"]
    assert rig.logs.asked == [(["t1", "t2"], LogOptions(tail=3))]


async def test_the_logs_of_one_task(rig: Rig) -> None:
    assert await heard(rig.control.service_logs("other", LogOptions())) == ["other"]


def test_the_logs_of_nothing_are_refused_at_once(rig: Rig) -> None:
    with pytest.raises(NotFound, match="task nosuch not found"):
        rig.control.service_logs("nosuch", LogOptions())


async def test_following_goes_on_to_tasks_that_come_later(rig: Rig) -> None:
    lines: Any = rig.control.service_logs("web", LogOptions(follow=True, tail=0))
    assert [(await anext(lines))[0].id for _ in range(2)] == ["t1", "t2"]
    waits = next(t for t in rig.control.list_tasks() if t.id == "waits")
    rig.store.update(lambda tx: tx.update(replace(waits, node_id="n1")))
    assert (await asyncio.wait_for(anext(lines), 5))[0].id == "waits"
    assert rig.logs.asked[-1] == (["waits"], LogOptions(follow=True, tail=-1))
    await lines.aclose()


async def test_a_subscriber_hears_from_the_moment_it_asked(rig: Rig) -> None:
    changes: Any = rig.control.subscribe()
    rig.store.update(lambda tx: tx.create(node("a")))
    assert [c.object.id for c in await anext(changes)] == ["node-a"]
    await changes.aclose()
    rig.store.update(lambda tx: tx.delete(Service, WEB.id))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(anext(changes), 0.01)
