"""Owns one node's networks: what was asked (networks, endpoints, sandboxes), and that the kernel agrees. Must not
know how a state is derived (`wanted`), compared (`reconcile`) or made (`apply`), nor anything of containers.

What is asked changes at once, on the event loop; then a worker thread makes the kernel agree with all that is asked
by then. So ten containers that end together cost one change, and the loop never waits for the kernel.
Counterpart: moby/libnetwork/controller.go, moby/libnetwork/agent.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from swarmkit_py import errors
from swarmkit_py.clock import Clock
from swarmkit_py.ids import Ids
from swarmkit_py.model.assignment import NetworkAssignment, ServiceEndpoint, ServiceRecord
from swarmkit_py.model.local import LocalNetwork
from swarmkit_py.model.specs import NetworkSpec
from swarmkit_py.network.answers import Scope
from swarmkit_py.network.directory import Directory
from swarmkit_py.network.kernel import Kernel, forget_idle
from swarmkit_py.network.local import find_network, plan_network, refuse_in_use
from swarmkit_py.network.namespaces import pinned
from swarmkit_py.network.netlink import local_addresses
from swarmkit_py.network.overlap import refuse_overlap
from swarmkit_py.network.placement import check_spec, place_sandbox
from swarmkit_py.network.ports import listens_here
from swarmkit_py.network.proxy import Port, Proxy
from swarmkit_py.network.reconcile import Operation
from swarmkit_py.network.records import Assigned, Records, SandboxRecord
from swarmkit_py.network.repairs import Listener, Repair, repairs
from swarmkit_py.network.resolver import Ears, Resolver, open_ears
from swarmkit_py.network.shelf import Shelf
from swarmkit_py.network.state import HOST, KernelState
from swarmkit_py.network.upstream import Upstream
from swarmkit_py.network.wanted import Inputs, answered_ports, wanted_state
from swarmkit_py.network.watch import Posts, Watch
from swarmkit_py.rpc.race import within
from swarmkit_py.runtime.base import Sandbox, SandboxSpec

REPAIR_INTERVAL = 10.0
SETTLE = 1.0
"""Seconds from a foreign change to the look at it: whoever makes one makes several."""
T = TypeVar("T")
log = logging.getLogger(__name__)


class NetworkController:
    """The data plane of the node whose network and mount namespace this process is in; its files live under
    `exec_root`, those of this machine's own networks in `keep`.
    `start` comes first and `stop` last; networks and sandboxes outlive `stop` and the process."""

    def __init__(
        self, exec_root: Path, clock: Clock, repair_interval: float = REPAIR_INTERVAL, *, keep: Path | None = None,
        ids: Ids | None = None,
    ) -> None:
        self._namespaces, self._networks = exec_root / "netns", exec_root / "networks"
        self._records = Records(exec_root)
        self._clock = clock
        self._interval = repair_interval
        self._assigned = Assigned()
        self._sandboxes: dict[str, SandboxRecord] = {}
        self._shelf, self._ids = Shelf(keep or exec_root / "bridges"), ids or Ids()
        self._bridges: dict[str, LocalNetwork] = {}
        self._worker = ThreadPoolExecutor(1, "network")
        self._kernel: Kernel | None = None
        self._timer: asyncio.Task[None] | None = None
        self._watch = Watch()
        self._resolver = Resolver(Upstream(clock))
        self._repaired: list[Listener] = []
        self._proxy = Proxy()

    async def start(self) -> None:
        """Find what an earlier run left, make docker0, begin to watch for foreign changes. Networks and published
        ports go on as they were until `configure` or `reset`. Raises errors.FailedPrecondition (no nft, a docker0
        that is not ours), errors.Internal."""
        self._bridges = await self._in_worker(self._shelf.load)
        self._kernel, self._assigned, self._sandboxes = await self._in_worker(self._recover)
        await self._agree()
        self._publish()
        for record in list(self._sandboxes.values()):
            await self._answer_again(record)
        self._timer = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Let go of the kernel; what was made stays. Idempotent."""
        if self._timer:
            self._timer.cancel()
            await asyncio.gather(self._timer, return_exceptions=True)
        self._watch.close()
        await self._resolver.close()
        await self._proxy.close()
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

    def take_left(self) -> dict[str, set[str]]:
        """See NodeNetwork."""
        return self._open().take_left()

    async def forget_idle(self, left: Mapping[str, Collection[str]]) -> None:
        """See NodeNetwork."""
        await self._in_worker(lambda: forget_idle(left))

    async def reset(self) -> None:
        """See NodeNetwork."""
        await self._assign(Assigned())

    async def create_sandbox(self, spec: SandboxSpec) -> Sandbox:
        """See SandboxNetwork. Raises errors.FailedPrecondition for an overlay this node does not carry."""
        if spec.id in self._sandboxes:
            await self._agree(spec.id)
            return self._sandboxes[spec.id].sandbox
        record = self._sandboxes[spec.id] = self._plan(spec)
        ears: list[Ears] = []

        def finish() -> None:
            if record.sandbox.resolver:
                ears.append(open_ears(record.sandbox.path))
            self._records.save(record)

        try:
            if spec.namespace:
                await self._in_worker(lambda: self._open().adopt(spec.namespace, Path(record.sandbox.path)))
            await self._agree(spec.id, finish)
            self._publish()
            if ears:
                await self._resolver.serve(spec.id, ears[0], self._scope(record))
        except BaseException:
            self._sandboxes.pop(spec.id, None)
            self._resolver.silence(spec.id)
            self._worker.submit(self._reach)  # also when we were cancelled: nothing may be left of it
            raise
        return record.sandbox

    async def change_sandbox(self, spec: SandboxSpec) -> Sandbox:
        """See SandboxNetwork."""
        old = self._sandboxes.get(spec.id)
        if old is None:
            raise errors.NotFound(f"no such sandbox: {spec.id}")
        record = self._sandboxes[spec.id] = self._plan(spec, old)
        ears: list[Ears] = []

        def finish() -> None:
            if record.sandbox.resolver and not old.sandbox.resolver:
                ears.append(open_ears(record.sandbox.path))
            self._records.save(record)

        try:
            await self._agree(spec.id, finish)
        except BaseException:
            self._sandboxes[spec.id] = old
            self._worker.submit(self._reach)
            raise
        self._publish()
        if ears:
            await self._resolver.serve(spec.id, ears[0], self._scope(record))
        self._resolver.rescope(spec.id, self._scope(record))
        return record.sandbox

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """See SandboxNetwork."""
        self._sandboxes.pop(sandbox_id, None)
        self._resolver.silence(sandbox_id)
        self._publish()
        await self._agree(then=lambda: self._records.forget(sandbox_id))

    def get_sandbox(self, sandbox_id: str) -> Sandbox | None:
        """See SandboxNetwork."""
        record = self._sandboxes.get(sandbox_id)
        return record.sandbox if record else None

    def sandboxes(self) -> list[Sandbox]:
        """All sandboxes, for `network inspect`."""
        return [record.sandbox for record in self._sandboxes.values()]

    def local_networks(self) -> list[LocalNetwork]:
        """See LocalNetworks."""
        return sorted(self._bridges.values(), key=lambda network: network.created)

    def listen(self, listener: Listener) -> None:
        """See LocalNetworks."""
        self._repaired.append(listener)

    async def create_local(self, spec: NetworkSpec) -> LocalNetwork:
        """See LocalNetworks."""
        here = await self._in_worker(local_addresses)
        network = plan_network(spec, self._ids.container_id(), self._clock.now(), self._bridges.values(), here)
        self._bridges[network.id] = network
        try:
            await self._agree(then=lambda: self._shelf.save(network))
        except BaseException:
            self._bridges.pop(network.id, None)
            self._worker.submit(self._reach)
            raise
        self._publish()
        return network

    async def remove_local(self, network_id: str) -> None:
        """See LocalNetworks."""
        network = find_network(self._bridges, network_id)
        refuse_in_use(network, (record.sandbox for record in self._sandboxes.values()))
        del self._bridges[network.id]
        self._publish()
        await self._agree(then=lambda: self._shelf.forget(network.id))

    async def verify(self) -> list[str]:
        """How the kernel differs from what is wanted, a sentence each; empty: it agrees."""
        def compare() -> list[str]:
            return [str(operation) for operation in self._open().differences(wanted_state(self._inputs()))]

        return await self._in_worker(compare)

    async def repair(self, visit: Collection[str] | None = None) -> list[str]:
        """Undo foreign changes to what is ours; `visit` are the sandboxes (their paths) to look into, None: all.
        Returns what was mended; the listeners hear of it. Raises the first failure."""

        def work() -> tuple[list[Operation], list[Repair], dict[str, errors.SwarmError]]:
            before, inputs = frozenset(self._watch.dirty), self._inputs()
            wanted = wanted_state(inputs)
            mended, failures = self._open().repair(wanted, visit)
            self._watch.calm(before)
            return mended, list(repairs(mended, inputs, wanted)), failures

        mended, told, failures = await self._in_worker(work)
        for repair in told:
            log.warning("repaired a foreign change: %s", repair.what)
            for listener in self._repaired:
                listener(repair)
        for failure in failures.values():
            raise failure
        return [str(operation) for operation in mended]

    def _plan(self, spec: SandboxSpec, old: SandboxRecord | None = None) -> SandboxRecord:
        check_spec(spec, self._assigned.networks)
        path = "" if spec.mode == "host" else str(self._namespaces / spec.id)
        assigned, others = self._assigned, [record for record in self._sandboxes.values() if record is not old]
        return place_sandbox(spec, path, others, assigned.networks, assigned.endpoints.values(), listens_here,
                             self._bridges, old.sandbox if old else None)

    def _inputs(self) -> Inputs:
        """A snapshot; called from the worker while the loop may change things."""
        assigned = self._assigned
        return Inputs(assigned.node_address, assigned.networks, assigned.endpoints, dict(self._sandboxes),
                      assigned.services, str(self._networks), dict(self._bridges))

    def _scope(self, record: SandboxRecord) -> Scope:
        sandbox = record.sandbox
        networks = (*(o.network_id for o in sandbox.overlays), *(place.network_id for place in sandbox.locals))
        return Scope(networks, bool(sandbox.outer_address),
                     tuple(sandbox.nameservers))

    def _publish(self) -> None:
        """Names follow what the kernel was just told: no name leads where nothing is yet."""
        plugged = [place for record in self._sandboxes.values() for place in record.sandbox.locals]
        self._resolver.directory = Directory(
            self._assigned.networks, self._assigned.services.values(), self._bridges.values(), plugged)

    async def _answer_again(self, record: SandboxRecord) -> None:
        """After a restart: the resolver of a container that is still there."""
        if record.sandbox.resolver:
            try:
                ears = await self._in_worker(lambda: open_ears(record.sandbox.path))
            except errors.SwarmError as error:
                log.warning("sandbox %s: %s", record.sandbox.id, error)
                return
            await self._resolver.serve(record.sandbox.id, ears, self._scope(record))

    async def _assign(self, assigned: Assigned) -> None:
        self._assigned = assigned
        try:
            await self._agree(then=lambda: self._records.save_assigned(assigned))
        finally:
            self._publish()

    async def _agree(self, sandbox_id: str = "", then: Callable[[], None] = lambda: None) -> None:
        """Make the kernel agree, then do `then`, in the worker. Raises what failed for all or for a network, with
        `sandbox_id` what failed for this sandbox or one of its networks (and `then` is not done); logs the rest."""

        def work() -> tuple[dict[str, errors.SwarmError], set[str], dict[str, Posts], set[str], list[Port]]:
            inputs = self._inputs()
            wanted = wanted_state(inputs)
            failures = self._reach(wanted)
            blamed = failures.keys() & ({"", sandbox_id} | self._paths(sandbox_id, wanted))
            if not blamed:
                then()
            places = {HOST, *wanted.networks.values(), *wanted.sandboxes.values()}
            return failures, blamed, self._watch.open_missing(places), places, answered_ports(inputs)

        failures, blamed, opened, places, ports = await self._in_worker(work)
        self._watch.follow(places, opened)
        self._proxy.serve(ports)
        for owner in sorted(blamed):
            raise failures[owner]
        for owner, failure in failures.items():
            log.warning("sandbox %s: %s", owner, failure)

    def _paths(self, sandbox_id: str, wanted: KernelState) -> set[str]:
        """The networks whose failure concerns this sandbox ("": any)."""
        record = self._sandboxes.get(sandbox_id)
        ids = wanted.networks if record is None else (overlay.network_id for overlay in record.sandbox.overlays)
        return {wanted.networks[id_] for id_ in ids if id_ in wanted.networks}

    def _reach(self, wanted: KernelState | None = None) -> dict[str, errors.SwarmError]:
        before = frozenset(self._watch.dirty)
        failures = self._open().reach(wanted or wanted_state(self._inputs()))
        self._watch.calm(before)
        return failures

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
        return Kernel(self._namespaces, self._networks), self._records.load_assigned(), records

    async def _keep(self) -> None:
        """Look soon after somebody else's change, and every so often anyway."""
        while True:
            try:
                await within(self._clock, self._interval, self._watch.changed.wait())
                await self._clock.sleep(SETTLE)
            except TimeoutError:
                pass
            await self._mend()

    async def _mend(self) -> None:
        try:
            await self.repair(self._watch.take())
        except errors.SwarmError as error:
            log.warning("network repair: %s", error)

    async def _in_worker(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)
