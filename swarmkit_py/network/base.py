"""Owns the protocol of the data plane as the agent sees it. The controller implements it; `fake` in tests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Protocol

from swarmkit_py.model.assignment import NetworkAssignment, ServiceEndpoint, ServiceRecord
from swarmkit_py.model.local import LocalNetwork
from swarmkit_py.model.specs import NetworkSpec
from swarmkit_py.runtime.base import SandboxNetwork


class NodeNetwork(SandboxNetwork, Protocol):
    """One node's networks. The wanted state is what was last given to `configure` plus the sandboxes that exist."""

    async def configure(
        self,
        node_address: str,
        networks: Mapping[str, NetworkAssignment],
        endpoints: Mapping[str, ServiceEndpoint],
        services: Mapping[str, ServiceRecord] = MappingProxyType({}),
    ) -> None:
        """Make the kernel carry exactly these networks and published ports. `node_address` is this node's
        underlay address (the local VXLAN end). Idempotent; returns when the kernel agrees."""

    def take_left(self) -> dict[str, set[str]]:
        """Who serves no more since the last call: by place, addresses. For `forget_idle` a little later."""

    async def forget_idle(self, left: Mapping[str, Collection[str]]) -> None:
        """Forget connections to those that were never answered, or are over: the next try, and the next connection
        from the same port, is balanced anew. Never fails."""

    async def verify(self) -> list[str]:
        """How the kernel differs from what is wanted, a sentence each; empty: it agrees. Changes nothing."""

    async def reset(self) -> None:
        """Forget all networks and endpoints (the node left the swarm)."""


class Mended(Protocol):
    """A foreign change that was mended: `what` in words, and the network it was on ("" if it is no network's own)."""

    @property
    def network_id(self) -> str: ...

    @property
    def network(self) -> str: ...

    @property
    def driver(self) -> str: ...

    @property
    def what(self) -> str: ...


class LocalNetworks(Protocol):
    """The networks that this machine has for itself (driver bridge), beside docker0. They are kept over a restart."""

    def listen(self, listener: Callable[[Mended], None]) -> None:
        """Hear of each foreign change to this machine's networks that was mended."""

    def local_networks(self) -> list[LocalNetwork]:
        """In the order they were made."""

    async def create_local(self, spec: NetworkSpec) -> LocalNetwork:
        """Raises errors.InvalidArgument, errors.AlreadyExists, errors.PermissionDenied (overlapping subnets),
        errors.Unimplemented."""

    async def remove_local(self, network_id: str) -> None:
        """Every trace of it. Raises errors.NotFound, errors.PermissionDenied while a container is on it."""
