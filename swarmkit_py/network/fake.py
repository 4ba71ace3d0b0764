"""Owns a data plane in memory, for tests and simulation: hands out the same addresses and ports as the real one and
remembers what it was told. Touches no kernel. Counterpart: `network.controller`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timezone
from types import MappingProxyType

from swarmkit_py.model.assignment import NetworkAssignment, ServiceEndpoint, ServiceRecord
from swarmkit_py.model.local import LocalNetwork
from swarmkit_py.model.specs import NetworkSpec
from swarmkit_py.network.local import find_network, plan_network, refuse_in_use
from swarmkit_py.network.placement import check_spec, place_sandbox
from swarmkit_py.network.records import SandboxRecord
from swarmkit_py.network.wanted import Inputs, wanted_state
from swarmkit_py.runtime.base import Sandbox, SandboxSpec


class FakeNetwork:
    """Implements NodeNetwork. `node_address`, `networks`, `endpoints` and `configured` (how many times) are for a
    test to look at; `fail_next` makes the next `create_sandbox` raise."""

    def __init__(self) -> None:
        self.node_address = ""
        self.networks: dict[str, NetworkAssignment] = {}
        self.endpoints: dict[str, ServiceEndpoint] = {}
        self.services: dict[str, ServiceRecord] = {}
        self.configured = 0
        self.fail_next: Exception | None = None
        self._records: dict[str, SandboxRecord] = {}
        self._bridges: dict[str, LocalNetwork] = {}

    async def configure(
        self,
        node_address: str,
        networks: Mapping[str, NetworkAssignment],
        endpoints: Mapping[str, ServiceEndpoint],
        services: Mapping[str, ServiceRecord] = MappingProxyType({}),
    ) -> None:
        """See NodeNetwork."""
        self.node_address, self.networks = node_address, dict(networks)
        self.endpoints, self.services = dict(endpoints), dict(services)
        self.configured += 1
        wanted_state(self.inputs())  # what the real one could not derive must not pass here

    def take_left(self) -> dict[str, set[str]]:
        """It has no connections."""
        return {}

    async def forget_idle(self, left: Mapping[str, Collection[str]]) -> None:
        """See NodeNetwork."""

    async def reset(self) -> None:
        """See NodeNetwork."""
        self.node_address, self.networks, self.endpoints, self.services = "", {}, {}, {}

    async def verify(self) -> list[str]:
        """It has no kernel that could differ."""
        return []

    async def create_sandbox(self, spec: SandboxSpec) -> Sandbox:
        """See SandboxNetwork; the same errors as the real one."""
        if failure := self.fail_next:
            self.fail_next = None
            raise failure
        if spec.id not in self._records:
            check_spec(spec, self.networks)
            path = "" if spec.mode == "host" else f"/fake/netns/{spec.id}"
            self._records[spec.id] = place_sandbox(
                spec, path, self._records.values(), self.networks, self.endpoints.values(), lambda _: False,
                self._bridges,
            )
        return self._records[spec.id].sandbox

    async def change_sandbox(self, spec: SandboxSpec) -> Sandbox:
        """See SandboxNetwork; the same errors as the real one."""
        old = self._records[spec.id]
        check_spec(spec, self.networks)
        others = [record for record in self._records.values() if record is not old]
        self._records[spec.id] = place_sandbox(
            spec, old.sandbox.path, others, self.networks, self.endpoints.values(), lambda _: False, self._bridges,
            old.sandbox)
        return self._records[spec.id].sandbox

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """See SandboxNetwork."""
        self._records.pop(sandbox_id, None)

    def get_sandbox(self, sandbox_id: str) -> Sandbox | None:
        """See SandboxNetwork."""
        record = self._records.get(sandbox_id)
        return record.sandbox if record else None

    def sandboxes(self) -> list[Sandbox]:
        """All sandboxes."""
        return [record.sandbox for record in self._records.values()]

    def listen(self, listener: object) -> None:
        """It has no kernel that somebody else could change."""

    def local_networks(self) -> list[LocalNetwork]:
        """See LocalNetworks."""
        return list(self._bridges.values())

    async def create_local(self, spec: NetworkSpec) -> LocalNetwork:
        """See LocalNetworks; ids count up, and all are made at the same moment."""
        made = datetime(2024, 1, 1, tzinfo=timezone.utc)
        network = plan_network(spec, f"{len(self._bridges) + 1:012x}" + 52 * "0", made, self._bridges.values(), ())
        self._bridges[network.id] = network
        return network

    async def remove_local(self, network_id: str) -> None:
        """See LocalNetworks."""
        network = find_network(self._bridges, network_id)
        refuse_in_use(network, self.sandboxes())
        del self._bridges[network.id]

    def inputs(self) -> Inputs:
        """What a real controller would derive its wanted state from."""
        return Inputs(self.node_address, self.networks, self.endpoints, dict(self._records), self.services,
                      bridges=self._bridges)
