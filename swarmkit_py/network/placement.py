"""Owns what a new sandbox will be: which addresses and ports it gets. Pure (whether a program listens is a question
that the caller passes in). Must not know how a sandbox is made.

Counterpart: moby/libnetwork/ipam and libnetwork/portallocator, as the bridge driver calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from swarmkit_py import errors
from swarmkit_py.model.assignment import NetworkAssignment, ServiceEndpoint
from swarmkit_py.model.local import LocalAddress, LocalNetwork
from swarmkit_py.network import local
from swarmkit_py.network.names import DOCKER0, GWBRIDGE
from swarmkit_py.network.ports import PortKey, lowest_free, place_ports
from swarmkit_py.network.records import SandboxRecord
from swarmkit_py.network.redirect import RESOLVER
from swarmkit_py.runtime.base import Sandbox, SandboxSpec

MODES = ("task", "bridge", "none", "host")


def check_spec(spec: SandboxSpec, networks: Mapping[str, NetworkAssignment]) -> None:
    """Raises errors.InvalidArgument for a bad mode or id, errors.FailedPrecondition for an overlay this node does
    not carry."""
    if spec.mode not in MODES:
        raise errors.InvalidArgument(f"no such network mode: {spec.mode} (there are {', '.join(MODES)})")
    if not spec.id or "/" in spec.id or spec.id.startswith("."):
        raise errors.InvalidArgument(f"not a sandbox id: {spec.id!r}")
    missing = [overlay.network_id for overlay in spec.overlays if overlay.network_id not in networks]
    if missing and spec.mode == "task":
        raise errors.FailedPrecondition(f"network {missing[0]} is not on this node (yet)")


def place_sandbox(
    spec: SandboxSpec,
    path: str,
    others: Iterable[SandboxRecord],
    networks: Mapping[str, NetworkAssignment],
    endpoints: Iterable[ServiceEndpoint],
    listens: Callable[[PortKey], bool],
    bridges: Mapping[str, LocalNetwork] = MappingProxyType({}),
) -> SandboxRecord:
    """The sandbox that `spec` asks for, at `path`, beside `others`. Raises errors.Conflict for a taken port,
    errors.Unavailable when the gateway bridge is full, what `local.place` raises."""
    if spec.mode in ("host", "none"):
        return SandboxRecord(mode=spec.mode, sandbox=Sandbox(id=spec.id, path=path))
    if is_closed(spec, networks):
        return SandboxRecord(mode=spec.mode, sandbox=Sandbox(
            id=spec.id, path=path, resolver=RESOLVER, overlays=spec.overlays, nameservers=spec.nameservers))
    bridge = GWBRIDGE if spec.mode == "task" else DOCKER0
    sandboxes = [record.sandbox for record in others]
    taken = {(port.protocol, port.published_port) for sandbox in sandboxes for port in sandbox.ports}
    taken |= {(endpoint.protocol, endpoint.published_port) for endpoint in endpoints}
    if spec.mode == "bridge" and spec.locals:
        places = _places(spec, sandboxes, bridges)
        outward = any(place.gateway for place in places)
        return SandboxRecord(mode=spec.mode, sandbox=Sandbox(
            id=spec.id, path=path, resolver=RESOLVER, nameservers=spec.nameservers, locals=places,
            ports=place_ports(spec.id, spec.ports, taken, listens) if outward else []))
    neighbours = [sandbox.bridge_address for sandbox in sandboxes if sandbox.bridge_gateway == bridge.gateway]
    return SandboxRecord(mode=spec.mode, sandbox=Sandbox(
        id=spec.id, path=path, resolver=RESOLVER if spec.mode == "task" else "", nameservers=spec.nameservers,
        bridge_address=lowest_free(bridge.address, neighbours), bridge_gateway=bridge.gateway,
        overlays=spec.overlays if spec.mode == "task" else [],
        ports=place_ports(spec.id, spec.ports, taken, listens),
    ))


def _places(spec: SandboxSpec, others: list[Sandbox], bridges: Mapping[str, LocalNetwork]) -> list[LocalAddress]:
    taken = [place for sandbox in others for place in sandbox.locals]
    return [local.place(wanted, spec.names, f"eth{n}", bridges, taken) for n, wanted in enumerate(spec.locals)]


def is_closed(spec: SandboxSpec, networks: Mapping[str, NetworkAssignment]) -> bool:
    """True for a task on internal networks only: it gets no gateway bridge, so no way out and no published ports."""
    if spec.mode != "task" or not spec.overlays:
        return False
    return all(network.internal for o in spec.overlays if (network := networks.get(o.network_id)))
