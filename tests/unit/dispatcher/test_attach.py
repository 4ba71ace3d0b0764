"""Places on attachable networks for containers that are no service's: a node asks, and is answered once
they are had."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from swarmkit_py.manager.allocator.loop import Allocator
from swarmkit_py.manager.dispatcher.assignments import assignment_for, take_survey
from swarmkit_py.manager.dispatcher.attach import attach
from swarmkit_py.manager.loop import follow
from swarmkit_py.manager.orchestrator.reaper import reapable
from swarmkit_py.manager.scheduler.loop import Scheduler
from swarmkit_py.model.objects import Network, Task
from swarmkit_py.model.specs import IPAMConfig
from swarmkit_py.model.states import Availability, NodeState, TaskState
from swarmkit_py.rpc.messages import AttachAnswer, AttachRequest, StatusReport
from swarmkit_py.rpc.race import cancel
from tests.builders import network, node
from tests.unit.dispatcher.rig import Swarm
from tests.waiting import until


def request(attachment: str = "t1", **more: object) -> AttachRequest:
    return AttachRequest(**{"attachment": attachment, "container_id": "c1", "network": "open",  # type: ignore[arg-type]
                            "names": ["guest", "www"], **more})


def overlay(tx_id: str, *, attachable: bool) -> Network:
    made = network()
    spec = replace(made.spec, name=tx_id, ingress=False, attachable=attachable,
                   ipam=[IPAMConfig(subnet="10.50.0.0/24")])
    return replace(made, id=f"id-{tx_id}", spec=spec, subnet="10.50.0.0/24", gateway="10.50.0.1", vni=4097)


@pytest.fixture
def swarm() -> Swarm:
    """With an attachable network and a closed one; node two is drained, which is no matter to a container."""
    swarm = Swarm()
    drained = node("two", state=NodeState.READY)
    swarm.put(overlay("open", attachable=True), overlay("closed", attachable=False),
              replace(drained, spec=replace(drained.spec, availability=Availability.DRAIN)))
    return swarm


async def answered(swarm: Swarm, asked: AttachRequest, node_id: str = "node-two") -> AttachAnswer:
    """The answer, while the allocator and the scheduler run."""
    loops = [asyncio.ensure_future(follow(part, swarm.store, swarm.clock))
             for part in (Allocator(swarm.store, swarm.clock), Scheduler(swarm.store, swarm.clock))]
    asking = asyncio.ensure_future(attach(swarm.store, swarm.clock, node_id, asked))
    try:
        while not asking.done():
            await swarm.clock.settle()
            await swarm.clock.advance(0.01)
        return asking.result()
    finally:
        await cancel(*loops)


async def test_an_address_a_name_and_the_network_on_its_node(swarm: Swarm) -> None:
    first = await answered(swarm, request())
    assert (first.network_id, first.network, first.error) == ("id-open", "open", "")
    assert await answered(swarm, request()) == first, "asked again, it is the same one"
    assert (await answered(swarm, request("t2", address="10.50.0.9", container_id="c2"))).address == "10.50.0.9/24"
    task = swarm.store.get(Task, "t1")
    assert task is not None and task.status.state is TaskState.ASSIGNED
    swarm.store.update(lambda tx: tx.update(replace(task, status=replace(task.status, state=TaskState.RUNNING))))
    told = assignment_for(take_survey(swarm.store), "node-two")
    assert "id-open" in told.networks and "t1" in told.tasks
    record = told.services["id-open/t1"]
    assert (record.mode, record.service_name, record.aliases) == ("attached", "guest", ["www"])
    assert [backend.address for backend in record.backends] == [first.address.partition("/")[0]]


@pytest.mark.parametrize(("asked", "code", "text"), [
    (request(network="closed"), "PermissionDenied", "network closed not manually attachable"),
    (request(network="nowhere"), "NotFound", "network nowhere not found"),
    (request(address="10.50.0.1"), "Unavailable", "10.50.0.1 is already in use"),
    (request(address="10.51.0.9"), "Unavailable", "10.51.0.9 is already in use, or no container's"),
])
async def test_what_cannot_be_had_leaves_nothing(swarm: Swarm, asked: AttachRequest, code: str, text: str) -> None:
    answer = await answered(swarm, asked)
    assert (answer.code, text in answer.error) == (code, True), answer
    assert swarm.store.all(Task) == []


async def test_another_node_s_place_is_not_given_away(swarm: Swarm) -> None:
    await answered(swarm, request())
    assert (await answered(swarm, request(), "node-one")).code == "PermissionDenied"
    assert swarm.store.get(Task, "t1") is not None


async def test_over_a_session_and_over_when_its_node_says_so(swarm: Swarm) -> None:
    await swarm.start()
    one = await swarm.connect()
    await one.send(request(network="closed"))
    await until(lambda: one.got(AttachAnswer), what="an answer")
    assert one.got(AttachAnswer)[-1].code == "PermissionDenied"
    await answered(swarm, request(), "node-one")
    task = swarm.store.get(Task, "t1")
    assert task is not None
    over = replace(task.status, state=TaskState.COMPLETE)
    await one.send(StatusReport(sequence=1, statuses={"t1": over}))
    ended = swarm.store.get(Task, "t1")
    assert ended is not None
    assert reapable([ended], 5) == ["t1"], "it has no history"
