"""When a task takes connections, and when it has finished them; what is read of its sockets."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from swarmkit_py.agent import sockets
from swarmkit_py.agent.serving import DRAIN_LIMIT, FINISH_LIMIT, LISTEN_LIMIT, until_finished, until_listening
from swarmkit_py.agent.sockets import CLOSE_WAIT, ESTABLISHED, LISTEN, connections, listening, read_table
from swarmkit_py.clock import ManualClock
from swarmkit_py.model.objects import Attachment, Endpoint, Task
from swarmkit_py.runtime.base import Container, ContainerConfig, Sandbox
from tests.builders import port, service, task

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0700000A:0050 0200000A:D431 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 0700000A:0050 0200000A:D432 08 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0
"""


def test_the_kernel_s_table_is_read() -> None:
    assert list(read_table(TABLE)) == [(80, LISTEN), (80, ESTABLISHED), (80, CLOSE_WAIT)]
    assert list(read_table("")) == []


def mine(path: str = "/proc/self/ns/net", pid: int = 0) -> Container:
    """This very process, as if it were a container."""
    config = ContainerConfig(image="x", name="x")
    return Container(id="c", name="x", config=config, image_id="", status="running", pid=pid or os.getpid(),
                     sandbox=Sandbox(id="s", path=path))


def test_only_connections_to_its_own_ports_count(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        assert number in (listening(mine()) or set())
        with socket.create_connection(("127.0.0.1", number)) as client:
            ends, look = {number, client.getsockname()[1]}, sockets._sockets
            # This machine's other connections come and go.
            monkeypatch.setattr(sockets, "_sockets", lambda c: [s for s in look(c) or [] if s[0] in ends])
            accepted, _ = server.accept()
            with accepted:
                assert connections(mine()) == 1, "one end: the other one is not at a port it listens on"


def test_what_is_not_its_namespace_is_not_looked_at(tmp_path: Path) -> None:
    other = tmp_path / "netns"
    other.touch()
    for container in (mine(str(other)), mine("/nonexistent"), mine(""), mine(pid=2**22 + 1)):
        assert (listening(container), connections(container)) == (None, 0)


def published(*more: Attachment) -> Task:
    return task(service("web", endpoint=Endpoint(ports=[port(8080), port(53, 53, protocol="udp")])),
                networks=[Attachment(network_id="n"), *more])


async def test_a_task_counts_when_it_listens_on_what_it_publishes() -> None:
    clock, found = ManualClock(), set[int]()
    waiting = asyncio.create_task(until_listening(clock, published(), lambda: found))
    await clock.advance(LISTEN_LIMIT / 2)
    assert not waiting.done()
    found.add(80)
    await clock.advance(0.05)
    assert waiting.done()


async def test_a_task_that_never_listens_counts_all_the_same() -> None:
    clock = ManualClock()
    waiting = asyncio.create_task(until_listening(clock, published(), lambda: {81}))
    await clock.advance(LISTEN_LIMIT + 0.05)
    assert waiting.done()


async def test_nobody_waits_for_what_is_not_published_or_cannot_be_seen() -> None:
    clock = ManualClock()
    await until_listening(clock, task(service("web", ports=[port(80, mode="host")])), lambda: set())
    await until_listening(clock, published(), lambda: None)


async def test_open_connections_have_their_time() -> None:
    clock, drained, count = ManualClock(), asyncio.Event(), [2]
    drained.set()
    waiting = asyncio.create_task(until_finished(clock, published(), drained, lambda: count[0]))
    await clock.advance(FINISH_LIMIT / 2)
    assert not waiting.done()
    count[0] = 0
    await clock.advance(0.05)
    assert waiting.done()
    forever = asyncio.create_task(until_finished(clock, published(), drained, lambda: 1))
    await clock.advance(FINISH_LIMIT + 0.05)
    assert forever.done()


async def test_nobody_waits_longer_than_the_limit_for_the_manager() -> None:
    clock = ManualClock()
    waiting = asyncio.create_task(until_finished(clock, published(), asyncio.Event(), lambda: 0))
    await clock.advance(DRAIN_LIMIT - 0.01)
    assert not waiting.done()
    await clock.advance(0.02)
    assert waiting.done()


async def test_a_task_on_no_network_has_nothing_to_finish() -> None:
    await until_finished(ManualClock(), task(), asyncio.Event(), lambda: 1)
