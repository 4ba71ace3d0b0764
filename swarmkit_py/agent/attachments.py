"""Owns containers of one's own on overlays: asks the manager for a place on a network, and gives it back by the
status of the task that stands for it there. Must not know sessions (it is handed a `Link`), nor the kernel.

The node names the task, so that a request asked twice is one. A place is given back by saying that its task is over:
statuses are repeated until they arrive, and a daemon that was killed finds on its disk which tasks it has, and in its
containers which of them still have their place. Nothing can be forgotten on the way.
Counterpart: moby/daemon/cluster/networks.go (AttachNetwork), moby/daemon/cluster/executor/container/attachment.go,
swarmkit/manager/resourceapi.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

from msgspec.structs import replace

from swarmkit_py.clock import Clock
from swarmkit_py.errors import BY_CODE, Internal, NotFound, SwarmError, Unavailable
from swarmkit_py.ids import Ids
from swarmkit_py.model.local import LocalPlace
from swarmkit_py.model.objects import Task, TaskStatus
from swarmkit_py.model.states import TaskState
from swarmkit_py.network.base import LocalNetworks
from swarmkit_py.rpc.messages import AttachAnswer, AttachRequest
from swarmkit_py.rpc.race import within
from swarmkit_py.runtime.base import Container, OverlayAddress, Sandbox, SandboxNetwork, SandboxSpec

PATIENCE = 20.0
"""Seconds for the manager's answer, as Docker's swarmConnectTimeout."""
ASK_AGAIN = 1.0
DOCKER0 = "bridge"


class Link(Protocol):
    """The way to the manager while this node is in a swarm."""

    def ask(self, request: AttachRequest) -> None:
        """Nothing happens while there is no session: it is asked again."""

    async def until_carried(self, network_ids: Collection[str]) -> None:
        """Wait until the node carries these. Raises Unavailable."""


class Attachments:
    """Which attachment tasks this node wants, and which containers have their place by now."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self._clock, self._ids = clock, ids
        self._plugged: dict[str, bool] = {}
        self._answers: dict[str, asyncio.Future[AttachAnswer]] = {}
        self._news: set[asyncio.Event] = set()
        self.link: Link | None = None
        self.member = False
        """True while this node is in a swarm, also before its agent runs."""

    def restore(self, containers: Iterable[Container]) -> None:
        """What containers that outlived a daemon have."""
        for container in containers:
            for place in container.sandbox.overlays if container.running and container.sandbox is not None else ():
                if place.attachment:
                    self._plugged[place.attachment] = True
        self._tell()

    def leave(self) -> None:
        """The node is in no swarm any more."""
        self.member, self.link = False, None
        self.detach(list(self._plugged))

    async def attach(self, container_id: str, place: LocalPlace, names: Sequence[str]) -> OverlayAddress:
        """A place on an overlay, which the node carries by then. Raises NotFound (Docker's text) if there is no such
        network, Internal (Docker's status) with the manager's reason, Unavailable."""
        if not self.member:
            raise NotFound(f"network {place.network} not found")
        task_id = self._ids.object_id()
        self._plugged[task_id] = False
        try:
            request = AttachRequest(attachment=task_id, container_id=container_id, network=place.network,
                                    address=place.address, names=list(dict.fromkeys([*names, *place.aliases])))
            answer = await self._ask(request)
            link = self.link
            if link is None:
                raise Unavailable("this node has left its swarm")
            await link.until_carried([answer.network_id])
        except BaseException:
            self.detach([task_id])
            raise
        return OverlayAddress(network_id=answer.network_id, address=answer.address, network=answer.network,
                              attachment=task_id)

    def plugged(self, task_ids: Iterable[str]) -> None:
        """The containers have these places now."""
        for task_id in task_ids:
            if task_id in self._plugged:
                self._plugged[task_id] = True
        self._tell()

    def detach(self, task_ids: Iterable[str]) -> None:
        """These places are not needed any more."""
        for task_id in task_ids:
            self._plugged.pop(task_id, None)
        self._tell()

    def answered(self, answer: AttachAnswer) -> None:
        """The manager's word; one that nobody waits for any more is nothing."""
        waiting = self._answers.get(answer.attachment)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    async def until_plugged(self, task_id: str) -> bool:
        """True once the container has its place; False if it will not have it (any more)."""
        await self._until(lambda: self._plugged.get(task_id, True))
        return task_id in self._plugged

    async def until_detached(self, task_id: str) -> None:
        await self._until(lambda: task_id not in self._plugged)

    async def _ask(self, request: AttachRequest) -> AttachAnswer:
        waiting: asyncio.Future[AttachAnswer] = asyncio.get_running_loop().create_future()
        self._answers[request.attachment] = waiting
        try:
            answer = await within(self._clock, PATIENCE, self._insist(request, waiting))
        except TimeoutError:
            raise Unavailable(
                f"Could not attach to network {request.network}: no manager of the swarm answers") from None
        finally:
            del self._answers[request.attachment]
        if answer.error:
            raise _refusal(request.network, answer)
        return answer

    async def _insist(self, request: AttachRequest, waiting: asyncio.Future[AttachAnswer]) -> AttachAnswer:
        while True:
            if self.link is not None:
                self.link.ask(request)
            try:
                return await within(self._clock, ASK_AGAIN, asyncio.shield(waiting))
            except TimeoutError:
                continue

    def _tell(self) -> None:
        for news in self._news:
            news.set()

    async def _until(self, reached: Callable[[], bool]) -> None:
        news = asyncio.Event()
        self._news.add(news)
        try:
            while not reached():
                await news.wait()
                news.clear()
        finally:
            self._news.discard(news)


def _refusal(network: str, answer: AttachAnswer) -> SwarmError:
    if answer.code == NotFound.code:
        return NotFound(f"network {network} not found")
    error = BY_CODE.get(answer.code, SwarmError)(answer.error, rpc=True)
    return Internal(f"Could not attach to network {network}: {error.wire_text()}")


class AttachingNetwork:
    """SandboxNetwork whose sandboxes may also be on overlays of the swarm: what of `SandboxSpec.locals` is no network
    of this machine."""

    def __init__(self, inner: SandboxNetwork, bridges: LocalNetworks, attachments: Attachments) -> None:
        self._inner, self._bridges, self._attachments = inner, bridges, attachments

    async def create_sandbox(self, spec: SandboxSpec) -> Sandbox:
        """See SandboxNetwork."""
        new: list[OverlayAddress] = []
        try:
            sandbox = await self._inner.create_sandbox(await self._attached(spec, [], new))
        except BaseException:
            self._attachments.detach(place.attachment for place in new)
            raise
        self._attachments.plugged(place.attachment for place in new)
        return sandbox

    async def change_sandbox(self, spec: SandboxSpec) -> Sandbox:
        """See SandboxNetwork."""
        now = self._inner.get_sandbox(spec.id)
        old = list(now.overlays) if now is not None else []
        new: list[OverlayAddress] = []
        try:
            sandbox = await self._inner.change_sandbox(await self._attached(spec, old, new))
        except BaseException:
            self._attachments.detach(place.attachment for place in new)
            raise
        self._attachments.plugged(place.attachment for place in new)
        kept = {place.attachment for place in sandbox.overlays}
        self._attachments.detach(place.attachment for place in old if place.attachment not in kept)
        return sandbox

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """See SandboxNetwork. Addresses are given back once nothing has them any more."""
        now = self._inner.get_sandbox(sandbox_id)
        await self._inner.remove_sandbox(sandbox_id)
        self._attachments.detach(place.attachment for place in (now.overlays if now is not None else ()))

    def get_sandbox(self, sandbox_id: str) -> Sandbox | None:
        """See SandboxNetwork."""
        return self._inner.get_sandbox(sandbox_id)

    async def _attached(
        self, spec: SandboxSpec, old: list[OverlayAddress], new: list[OverlayAddress]
    ) -> SandboxSpec:
        """The spec with its overlays as such; those it is not on yet are put into `new` as they are had."""
        here = {DOCKER0} | {key for network in self._bridges.local_networks() for key in (network.name, network.id)}
        places, overlays = [], list(spec.overlays)
        for place in spec.locals:
            if place.network in here:
                places.append(place)
                continue
            found = next((one for one in old if place.network in (one.network, one.network_id)), None)
            if found is None:
                found = await self._attachments.attach(spec.id, place, spec.names)
                new.append(found)
            overlays.append(found)
        return replace(spec, locals=places, overlays=overlays)


class AttachmentRunner:
    """One attachment task, from its arrival to its end (as `TaskRunner` does it for tasks with a container of
    theirs): it runs while a container has its place."""

    def __init__(
        self, task: Task, status: TaskStatus, attachments: Attachments, clock: Clock,
        report: Callable[[str, TaskStatus], None],
    ) -> None:
        self.task, self.status = task, status
        self._attachments, self._clock, self._report = attachments, clock, report
        self._released = False

    def update(self, task: Task) -> None:
        """Nothing is ever wanted of it but that it is there."""
        self.task = task

    def release(self) -> None:
        """The task is no longer this node's."""
        self._released = True
        self._attachments.detach([self.task.id])

    def drained(self) -> None:
        """Nobody waits for it."""

    async def run(self) -> None:
        if not self.status.state.terminal and await self._attachments.until_plugged(self.task.id):
            self._move(TaskState.RUNNING, "started")
            await self._attachments.until_detached(self.task.id)
        if not self._released and not self.status.state.terminal:
            self._move(TaskState.COMPLETE, "finished")

    def _move(self, state: TaskState, message: str) -> None:
        if state.rank > self.status.state.rank:
            self.status = replace(self.status, timestamp=self._clock.now(), state=state, message=message, err="")
            self._report(self.task.id, self.status)
