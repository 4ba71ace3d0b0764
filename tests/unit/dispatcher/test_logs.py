"""Logs of tasks on other nodes: gathered, bounded, and honest about what is missing."""

from __future__ import annotations

import asyncio

import pytest

from swarmkit_py.errors import Unavailable
from swarmkit_py.model.objects import Task
from swarmkit_py.model.states import TaskState
from swarmkit_py.rpc.messages import LOG_WINDOW, LogCredit, LogLineMessage, LogLines, LogSubscribe, LogUnsubscribe
from swarmkit_py.runtime.base import LogOptions
from tests.builders import task
from tests.unit.dispatcher.rig import NOW, Swarm


def line(of: Task, text: str) -> LogLineMessage:
    return LogLineMessage(task_id=of.id, time=NOW, stream="stdout", data=text.encode())


async def test_logs_come_from_every_node_that_has_tasks(swarm: Swarm) -> None:
    one, two = await swarm.connect("one"), await swarm.connect("two")
    tasks = [task(node_id=f"node-{n}", state=TaskState.RUNNING) for n in ("one", "one", "two")]
    got: list[tuple[Task, bytes]] = []

    async def read() -> None:
        async for of, message in swarm.dispatcher.broker.subscribe(tasks, LogOptions(tail=5)):
            got.append((of, message.data))

    reading = asyncio.create_task(read())
    await swarm.clock.settle()
    (asked,) = one.got(LogSubscribe)
    assert (asked.task_ids, asked.tail, asked.follow) == ([tasks[0].id, tasks[1].id], 5, False)
    await one.send(LogLines(subscription=asked.subscription, lines=[line(tasks[0], "a"), line(tasks[2], "forged?")]))
    await one.send(LogLines(subscription=asked.subscription, done=True))
    assert not reading.done()
    await two.send(LogLines(subscription=asked.subscription, lines=[line(tasks[2], "b")], done=True))
    await reading
    assert (tasks[0], b"a") in got
    assert (tasks[2], b"b") in got
    assert one.got(LogCredit)


async def test_logs_end_with_a_word_when_a_node_is_missing_or_goes(swarm: Swarm) -> None:
    here = await swarm.connect("one")
    tasks = [task(node_id=f"node-{n}", state=TaskState.RUNNING) for n in ("one", "two")]

    async def read() -> None:
        async for _ in swarm.dispatcher.broker.subscribe(tasks, LogOptions(follow=True)):
            pass

    reading = asyncio.create_task(read())
    await swarm.clock.settle()
    await here.channel.close()
    with pytest.raises(Unavailable, match="incomplete log stream: node node-two is not available; node node-one"):
        await reading


async def test_closing_a_log_reader_unsubscribes(swarm: Swarm) -> None:
    here = await swarm.connect("one")
    mine = task(node_id="node-one", state=TaskState.RUNNING)
    lines = swarm.dispatcher.broker.subscribe([mine], LogOptions(follow=True))
    first = asyncio.ensure_future(anext(lines))
    await swarm.clock.settle()
    subscription = here.got(LogSubscribe)[0].subscription
    await here.send(LogLines(subscription=subscription, lines=[line(mine, "x")]))
    assert (await first)[1].data == b"x"
    await lines.aclose()  # type: ignore[attr-defined]
    await swarm.clock.settle()
    assert here.got(LogUnsubscribe) == [LogUnsubscribe(subscription=subscription)]


async def test_a_node_that_ignores_its_window_cannot_fill_the_manager(swarm: Swarm) -> None:
    here = await swarm.connect("one")
    mine = task(node_id="node-one", state=TaskState.RUNNING)
    lines = swarm.dispatcher.broker.subscribe([mine], LogOptions(follow=True))
    first = asyncio.ensure_future(anext(lines))
    await swarm.clock.settle()
    subscription = here.got(LogSubscribe)[0].subscription
    for number in range(100):
        await here.send(LogLines(subscription=subscription, lines=[line(mine, str(number))]))
    await here.send(LogLines(subscription=subscription, done=True))
    await first
    count = 1
    with pytest.raises(Unavailable, match="more than it was asked for"):
        async for _ in lines:
            count += 1
    assert LOG_WINDOW <= count <= 2 * LOG_WINDOW + 4
