"""Owns one node's networks: what was asked (networks, endpoints, sandboxes), and that the kernel agrees. Must not
know how a state is derived (`wanted`), compared (`reconcile`) or made (`apply`), nor anything of containers.

What is asked changes at once, on the event loop; then a worker thread makes the kernel agree with all that is asked
by then. So ten containers that end together cost one change, and the loop never waits for the kernel.
Counterpart: moby/libnetwork/controller.go, moby/libnetwork/agent.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from swarmkit_py import errors
from swarmkit_py.clock import Clock
from swarmkit_py.model.assignment import NetworkAssignment, ServiceEndpoint, ServiceRecord
from swarmkit_py.network.kernel import Kernel
from swarmkit_py.network.namespaces import pinned
from swarmkit_py.network.overlap import refuse_overlap
from swarmkit_py.network.placement import check_spec, place_sandbox
from swarmkit_py.network.ports import listens_here
from swarmkit_py.network.records import Assigned, Records, SandboxRecord
from swarmkit_py.network.wanted import Inputs, wanted_state
from swarmkit_py.runtime.base import Sandbox, SandboxSpec

REPAIR_INTERVAL = 10.0
T = TypeVar("T")
log = logging.getLogger(__name__)


class NetworkController:
    """The data plane of the node whose network and mount namespace this process is in; its files live under
    `exec_root`. `start` comes first and `stop` last; networks and sandboxes outlive `stop` and the process."""

    def __init__(self, exec_root: Path, clock: Clock, repair_interval: float = REPAIR_INTERVAL) -> None:
        self._namespaces = exec_root / "netns"
        self._records = Records(exec_root)
        self._clock = clock
        self._interval = repair_interval
        self._assigned = Assigned()
        self._sandboxes: dict[str, SandboxRecord] = {}
        self._worker = ThreadPoolExecutor(1, "network")
        self._kernel: Kernel | None = None
        self._timer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Find what an earlier run left, make docker0, begin to watch for foreign changes. Networks and published
        ports go on as they were until `configure` or `reset`. Raises errors.FailedPrecondition (no nft, a docker0
        that is not ours), errors.Internal."""
        self._kernel, self._assigned, self._sandboxes = await self._in_worker(self._recover)
        await self._agree()
        self._timer = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Let go of the kernel; what was made stays. Idempotent."""
        if self._timer:
            self._timer.cancel()
            await asyncio.gather(self._timer, return_exceptions=True)
        kernel, self._kernel = self._kernel, None
        if kernel:
            await self._in_worker(kernel.close)
        self._worker.shutdown()

    async def configure(
        self,
        node_address: str,
        networks: Mapping[str, NetworkAssignment],
        endpoints: Mapping[str, ServiceEndpoint],
        services: Mapping[str, ServiceRecord] = MappingProxyType({}),
    ) -> None:
        """See NodeNetwork. Raises errors.FailedPrecondition if an overlay's subnet is the underlay's too."""
        known = self._assigned.networks
        new = [n for id_, n in networks.items() if id_ not in known or known[id_].subnet != n.subnet]
        await self._in_worker(lambda: refuse_overlap(new))
        await self._assign(Assigned(
            node_address=node_address, networks=dict(networks), endpoints=dict(endpoints), services=dict(services)))

    async def reset(self) -> None:
        """See NodeNetwork."""
        await self._assign(Assigned())

    async def create_sandbox(self, spec: SandboxSpec) -> Sandbox:
        """See SandboxNetwork. Raises errors.FailedPrecondition for an overlay this node does not carry."""
        if spec.id in self._sandboxes:
            await self._agree(spec.id)
            return self._sandboxes[spec.id].sandbox
        record = self._sandboxes[spec.id] = self._plan(spec)
        try:
            if spec.namespace:
                await self._in_worker(lambda: self._open().adopt(spec.namespace, Path(record.sandbox.path)))
            await self._agree(spec.id, lambda: self._records.save(record))
        except BaseException:
            self._sandboxes.pop(spec.id, None)
            self._worker.submit(self._reach)  # also when we were cancelled: nothing may be left of it
            raise
        return record.sandbox

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """See SandboxNetwork."""
        self._sandboxes.pop(sandbox_id, None)
        await self._agree(then=lambda: self._records.forget(sandbox_id))

    def get_sandbox(self, sandbox_id: str) -> Sandbox | None:
        """See SandboxNetwork."""
        record = self._sandboxes.get(sandbox_id)
        return record.sandbox if record else None

    def sandboxes(self) -> list[Sandbox]:
        """All sandboxes, for `network inspect`."""
        return [record.sandbox for record in self._sandboxes.values()]

    async def verify(self) -> list[str]:
        """How the kernel differs from what is wanted, a sentence each; empty: it agrees."""
        def compare() -> list[str]:
            return [str(operation) for operation in self._open().differences(wanted_state(self._inputs()))]

        return await self._in_worker(compare)

    async def repair(self) -> list[str]:
        """Undo foreign changes to what is ours. Returns what was mended. Raises the first failure."""
        mended, failures = await self._in_worker(lambda: self._open().repair(wanted_state(self._inputs())))
        for failure in failures.values():
            raise failure
        return [str(operation) for operation in mended]

    def _plan(self, spec: SandboxSpec) -> SandboxRecord:
        check_spec(spec, self._assigned.networks)
        path = "" if spec.mode == "host" else str(self._namespaces / spec.id)
        return place_sandbox(
            spec, path, self._sandboxes.values(), self._assigned.endpoints.values(), listens_here
        )

    def _inputs(self) -> Inputs:
        """A snapshot; called from the worker while the loop may change things."""
        assigned = self._assigned
        return Inputs(assigned.node_address, assigned.networks, assigned.endpoints, dict(self._sandboxes),
                      assigned.services)

    async def _assign(self, assigned: Assigned) -> None:
        self._assigned = assigned
        await self._agree(then=lambda: self._records.save_assigned(assigned))

    async def _agree(self, sandbox_id: str = "", then: Callable[[], None] = lambda: None) -> None:
        """Make the kernel agree, then do `then`, in the worker. Raises what failed for all, or for this sandbox (and
        `then` is not done); logs the rest."""

        def work() -> dict[str, errors.SwarmError]:
            failures = self._reach()
            if not failures.keys() & {"", sandbox_id}:
                then()
            return failures

        failures = await self._in_worker(work)
        for owner, failure in failures.items():
            if owner in ("", sandbox_id):
                raise failure
            log.warning("sandbox %s: %s", owner, failure)

    def _reach(self) -> dict[str, errors.SwarmError]:
        return self._open().reach(wanted_state(self._inputs()))

    def _open(self) -> Kernel:
        if self._kernel is None:
            raise errors.Unavailable("the network is not started")
        return self._kernel

    def _recover(self) -> tuple[Kernel, Assigned, dict[str, SandboxRecord]]:
        records = self._records.load()
        for id_, record in list(records.items()):
            if record.sandbox.path and not pinned(Path(record.sandbox.path)):
                self._records.forget(id_)  # the machine was started anew: the container is gone as well
                del records[id_]
        return Kernel(self._namespaces), self._records.load_assigned(), records

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(self._interval)
            try:
                mended = await self.repair()
            except errors.SwarmError as error:
                log.warning("network repair: %s", error)
                continue
            for sentence in mended:
                log.warning("repaired a foreign change: %s", sentence)

    async def _in_worker(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)
