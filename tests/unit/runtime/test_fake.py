"""The engine that only takes time keeps the engine's contract."""

from __future__ import annotations

import asyncio

import pytest

from swarmkit_py import errors
from swarmkit_py.clock import ManualClock
from swarmkit_py.ids import Ids
from swarmkit_py.runtime.base import ContainerConfig, ExecConfig, LogOptions, SandboxSpec
from swarmkit_py.runtime.fake import FakeEngine, Outcome


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def engine(clock: ManualClock) -> FakeEngine:
    return FakeEngine(clock, Ids(1), unknown_images=("missing",), outcomes={
        "job": Outcome(exit_code=3, after=5), "broken": Outcome(start_error="no such program"),
        "stubborn": Outcome(ignores_stop=True)})


async def run(engine: FakeEngine, image: str = "web", **config: object) -> str:
    made = await engine.create(ContainerConfig(image=image, **config))  # type: ignore[arg-type]
    return (await engine.start(made.id)).id


async def test_it_takes_the_time_it_was_told(clock: ManualClock) -> None:
    engine = FakeEngine(clock, Ids(1), prepare_seconds=2, start_seconds=3)
    task = asyncio.ensure_future(run(engine, name="one"))
    await clock.advance(1.9)
    assert engine.all() == []
    await clock.advance(0.2)
    assert engine.get("one").status == "created"
    await clock.advance(3)
    assert engine.get(await task).running


async def test_ends_by_itself_or_when_told(engine: FakeEngine, clock: ManualClock) -> None:
    job, web = await run(engine, "job"), await run(engine)
    waiting = asyncio.ensure_future(engine.wait(job))
    await clock.advance(5)
    assert await waiting == 3 and engine.get(web).running
    await engine.exit(web, 7)
    assert (engine.get(web).status, engine.get(web).exit_code, await engine.wait(web)) == ("exited", 7, 7)


async def test_an_old_end_does_not_end_a_new_run(engine: FakeEngine, clock: ManualClock) -> None:
    job = await run(engine, "job")
    await engine.exit(job, 0)
    await clock.advance(4)
    await engine.start(job)
    await clock.advance(2)
    assert engine.get(job).running
    await clock.advance(3)
    assert engine.get(job).exit_code == 3


async def test_stop_waits_for_the_grace_of_one_that_ignores_it(engine: FakeEngine, clock: ManualClock) -> None:
    stubborn = await run(engine, "stubborn", stop_grace=4.0)
    stopping = asyncio.ensure_future(engine.stop(stubborn))
    await clock.advance(3.9)
    assert engine.get(stubborn).running
    await clock.advance(0.2)
    await stopping
    assert engine.get(stubborn).exit_code == 137


async def test_refusals(engine: FakeEngine) -> None:
    with pytest.raises(errors.NotFound, match="^No such image: missing:latest$"):
        await engine.create(ContainerConfig(image="missing"))
    with pytest.raises(errors.InvalidArgument, match="no such program"):
        await run(engine, "broken", name="bad")
    assert engine.get("bad").status == "created" and engine.get("bad").error == "no such program"
    web = await run(engine)
    with pytest.raises(errors.Conflict, match="cannot remove a running container"):
        await engine.remove(web)
    await engine.remove(web, force=True)
    with pytest.raises(errors.NotFound):
        engine.get(web)
    with pytest.raises(errors.Conflict, match="is not running"):
        await engine.kill("bad")


async def test_waiting_for_removal(engine: FakeEngine, clock: ManualClock) -> None:
    web = await run(engine, auto_remove=True)
    waiting = asyncio.ensure_future(engine.wait(web, "removed"))
    await clock.settle()
    await engine.kill(web, "TERM")
    assert await waiting == 143 and engine.all() == []


async def test_next_exit_waits_also_for_one_not_yet_started(engine: FakeEngine, clock: ManualClock) -> None:
    made = await engine.create(ContainerConfig(image="job"))
    waiting = asyncio.ensure_future(engine.wait(made.id, "next-exit"))
    await clock.settle()
    await engine.start(made.id)
    assert not waiting.done()
    await clock.advance(5)
    assert await waiting == 3


async def test_events_logs_and_attach(engine: FakeEngine) -> None:
    events = engine.subscribe()
    made = await engine.create(ContainerConfig(image="web"))
    attached = await engine.attach(made.id)
    await engine.start(made.id)
    await engine.write(made.id, b"hello\n")
    await engine.exit(made.id)
    assert [piece async for piece in attached.output()] == [("stdout", b"hello\n")]
    assert [line.data async for line in engine.logs(made.id, LogOptions(follow=True))] == [b"hello\n"]
    assert [(await anext(events)).action for _ in range(3)] == ["create", "start", "die"]


async def test_sandbox_has_the_containers_id(engine: FakeEngine) -> None:
    web = await run(engine, sandbox=SandboxSpec(id="ignored", mode="task"))
    sandbox = engine.get(web).sandbox
    assert sandbox is not None and sandbox.id == web


async def test_exec(engine: FakeEngine) -> None:
    made = engine.exec_create(await run(engine), ExecConfig(args=["true"]))
    attached = await engine.exec_start(made.id)
    assert [piece async for piece in attached.output()] == []
    assert engine.exec_get(made.id).exit_code == 0
