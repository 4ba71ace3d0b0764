"""A node's side of containers of one's own on overlays: asking, and giving back by the task's status."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from swarmkit_py.agent.attachments import AttachingNetwork, AttachmentRunner, Attachments
from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import Internal, NotFound, Unavailable
from swarmkit_py.ids import Ids
from swarmkit_py.model.assignment import NetworkAssignment
from swarmkit_py.model.local import LocalPlace
from swarmkit_py.model.objects import Task, TaskStatus
from swarmkit_py.model.specs import NetworkAttachmentSpec, NetworkSpec, TaskSpec
from swarmkit_py.model.states import TaskState
from swarmkit_py.network.fake import FakeNetwork
from swarmkit_py.rpc.messages import AttachAnswer, AttachRequest
from swarmkit_py.runtime.base import SandboxSpec

OPEN = NetworkAssignment(id="n1", name="open", vni=4097, subnet="10.50.0.0/24", gateway="10.50.0.1",
                         node_address="10.50.0.2/24")
SPEC = SandboxSpec(id="c1", names=["guest"], locals=[LocalPlace(network="open", aliases=["www"])])


class Manager:
    """Answers every request; `code` refuses, `silent` says nothing."""

    def __init__(self, attachments: Attachments) -> None:
        self.attachments = attachments
        self.asked: list[AttachRequest] = []
        self.code, self.silent = "", False

    def ask(self, request: AttachRequest) -> None:
        self.asked.append(request)
        if not self.silent:
            self.attachments.answered(AttachAnswer(
                attachment=request.attachment, network_id="n1", network="open", address="10.50.0.7/24",
                code=self.code, error="not manually attachable" if self.code else ""))

    async def until_carried(self, network_ids: Collection[str]) -> None:
        assert list(network_ids) == ["n1"]


class Rig:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.attachments = Attachments(self.clock, Ids(1))
        self.attachments.member = True
        self.manager = self.attachments.link = Manager(self.attachments)
        self.inner = FakeNetwork()
        self.inner.networks = {"n1": OPEN}
        self.network = AttachingNetwork(self.inner, self.inner, self.attachments)
        self.reported: list[TaskState] = []

    async def runner(self, task_id: str) -> asyncio.Task[None]:
        task = Task(id=task_id, spec=TaskSpec(network_attachment_spec=NetworkAttachmentSpec(container_id="c1")))
        runner = AttachmentRunner(task, TaskStatus(state=TaskState.ASSIGNED), self.attachments, self.clock,
                                  lambda _, status: self.reported.append(status.state))
        running = asyncio.ensure_future(runner.run())
        await self.clock.settle()
        return running


async def test_the_task_runs_while_the_container_has_its_place() -> None:
    rig = Rig()
    sandbox = await rig.network.create_sandbox(SPEC)
    [place] = sandbox.overlays
    assert (place.address, place.network, place.interface) == ("10.50.0.7/24", "open", "eth0")
    assert sandbox.bridge_gateway == "172.18.0.1" and sandbox.bridge_interface == "eth1", "its way out"
    assert rig.manager.asked[0].names == ["guest", "www"]
    running = await rig.runner(place.attachment)
    assert rig.reported == [TaskState.RUNNING]
    await rig.network.remove_sandbox("c1")
    await running
    assert rig.reported == [TaskState.RUNNING, TaskState.COMPLETE]


async def test_disconnecting_gives_one_place_back_and_keeps_the_other() -> None:
    rig = Rig()
    await rig.inner.create_local(NetworkSpec(name="mine", driver="bridge"))
    both = SandboxSpec(id="c1", locals=[LocalPlace(network="mine"), *SPEC.locals])
    before = await rig.network.create_sandbox(both)
    running = await rig.runner(before.overlays[0].attachment)
    assert await rig.network.change_sandbox(both) == before, "nothing to do"
    after = await rig.network.change_sandbox(SandboxSpec(id="c1", locals=both.locals[:1]))
    assert (after.overlays, after.locals) == ([], before.locals)
    await running
    assert len(rig.manager.asked) == 1 and rig.reported[-1] is TaskState.COMPLETE


@pytest.mark.parametrize(("code", "error"), [("PermissionDenied", Internal), ("NotFound", NotFound)])
async def test_a_refusal_leaves_nothing_and_a_task_that_came_all_the_same_is_over(
    code: str, error: type[Exception]
) -> None:
    rig = Rig()
    rig.manager.code = code
    with pytest.raises(error):
        await rig.network.create_sandbox(SPEC)
    await (await rig.runner(rig.manager.asked[0].attachment))
    assert rig.reported == [TaskState.COMPLETE] and rig.inner.sandboxes() == []


async def test_without_an_answer_it_is_asked_again_and_then_given_up() -> None:
    rig = Rig()
    rig.manager.silent = True
    asking = asyncio.ensure_future(rig.network.create_sandbox(SPEC))
    for _ in range(25):
        await rig.clock.advance(1.0)
    with pytest.raises(Unavailable, match="no manager of the swarm answers"):
        await asking
    assert len(rig.manager.asked) >= 15 and len({request.attachment for request in rig.manager.asked}) == 1


async def test_outside_of_a_swarm_there_is_no_such_network() -> None:
    rig = Rig()
    rig.attachments.leave()
    with pytest.raises(NotFound, match="network open not found"):
        await rig.network.create_sandbox(SPEC)

