"""What the simulation stands on: its time, its network, its shrinking, its command."""

from __future__ import annotations

import asyncio
import random

import pytest
from typer.testing import CliRunner

from labs.kit.cli import build_app
from swarmkit_py.rpc.channel import Channel, ChannelClosed
from swarmkit_py.rpc.messages import Heartbeat, HeartbeatAck, StatusReport
from swarmkit_py.sim.loop import LoopClock, Stuck, VirtualLoop, owned_by
from swarmkit_py.sim.network import Connection, Route, SimWire
from swarmkit_py.sim.shrink import shrink
from swarmkit_py.sim.story import tell


def test_an_hour_passes_at_once() -> None:
    loop = VirtualLoop()
    clock = LoopClock(loop)
    loop.run_until_complete(clock.sleep(3600))
    assert clock.monotonic() == loop.time() == 3600
    assert clock.now().hour == 1
    loop.close()


def test_who_waits_for_nothing_is_told() -> None:
    loop = VirtualLoop()
    with pytest.raises(Stuck):
        loop.run_until_complete(loop.create_future())
    loop.close()


def test_an_owner_ends_with_all_that_it_started() -> None:
    loop = VirtualLoop()
    ended: list[str] = []

    async def sleeper(name: str) -> None:
        try:
            await asyncio.sleep(10)
        finally:
            ended.append(name)

    async def parent() -> None:
        asyncio.ensure_future(sleeper("child"))  # noqa: RUF006
        await sleeper("parent")

    async def story() -> None:
        owned_by("n1", lambda: asyncio.ensure_future(parent()))
        owned_by("n2", lambda: asyncio.ensure_future(sleeper("other")))
        await asyncio.sleep(1)
        await loop.end("n1")
        assert ended == ["parent", "child"] and loop.time() == 1
        await loop.end("n2")

    loop.run_until_complete(story())
    loop.close()


class Wires:
    """A connection and what each side reads."""

    def __init__(self, duplicates: float = 0.0) -> None:
        self.route = Route("n1", random.Random(1), 0.01)
        self.route.duplicates = duplicates
        self.connection = Connection(self.route, lambda *_: None)
        self.node = Channel(SimWire(self.connection, "up", "down"))
        self.manager = Channel(SimWire(self.connection, "down", "up"))


def in_virtual_time(story: object) -> None:
    loop = VirtualLoop()
    loop.run_until_complete(story())  # type: ignore[operator]
    owned_by("closing", lambda: loop.run_until_complete(loop.end("world")))
    loop.close()


def test_frames_are_late_and_in_order() -> None:
    async def story() -> None:
        wires = Wires()
        for period in range(20):
            wires.manager.send(HeartbeatAck(period=period))
        got = [await wires.node.receive() for _ in range(20)]
        assert got == [HeartbeatAck(period=period) for period in range(20)]
        assert asyncio.get_running_loop().time() > 0

    in_virtual_time(story)


def test_a_cut_direction_stalls_and_heals() -> None:
    async def story() -> None:
        wires = Wires()
        wires.route.cut(up=True, down=False)
        wires.node.send(Heartbeat())
        wires.manager.send(HeartbeatAck(period=1))
        assert await wires.node.receive() == HeartbeatAck(period=1)
        late = asyncio.ensure_future(wires.manager.receive())
        await asyncio.sleep(30)
        assert not late.done()
        wires.route.heal()
        assert await late == Heartbeat()

    in_virtual_time(story)


def test_a_reset_loses_what_is_on_its_way_and_ends_both_sides() -> None:
    async def story() -> None:
        wires = Wires()
        wires.node.send(Heartbeat())
        await asyncio.sleep(0)
        wires.route.reset()
        for side in (wires.node, wires.manager):
            with pytest.raises(ChannelClosed):
                await side.receive()

    in_virtual_time(story)


def test_only_reports_come_twice() -> None:
    async def story() -> None:
        wires = Wires(duplicates=1.0)
        wires.node.send(StatusReport(sequence=1, statuses={}))
        wires.node.send(Heartbeat())
        got = [type(await wires.manager.receive()) for _ in range(3)]
        assert sorted(kind.__name__ for kind in got) == ["Heartbeat", "StatusReport", "StatusReport"]

    in_virtual_time(story)


def test_shrinking_leaves_only_what_is_needed() -> None:
    runs = []

    def fails(steps: object) -> bool:
        runs.append(steps)
        return {3, 17, 18} <= set(steps)  # type: ignore[call-overload]

    assert shrink(range(26), fails) == [3, 17, 18]
    assert len(runs) < 80
    assert shrink(range(26), lambda steps: True) == []
    assert shrink([], lambda steps: True) == []


def test_stories_differ_and_are_the_same_again() -> None:
    assert tell(5) == tell(5) != tell(6)


def test_the_command() -> None:
    run = CliRunner()
    alone = run.invoke(build_app(), ["sim", "--seed", "3"])
    assert alone.exit_code == 0 and "seed 3: all rules hold" in alone.output
    some = run.invoke(build_app(), ["sim", "--seeds", "4"])
    assert some.exit_code == 0 and "4 of 4 seeds hold" in some.output
    story = run.invoke(build_app(), ["sim", "--seed", "3", "--keep", "0,1", "--story"])
    assert story.exit_code == 0 and story.output.count(" step ") == 2
    assert run.invoke(build_app(), ["sim", "--seeds", "0"]).exit_code == 2
    assert run.invoke(build_app(), ["sim", "--seeds", "2", "--story"]).exception is not None
