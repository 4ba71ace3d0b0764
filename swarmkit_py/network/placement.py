"""Owns what a new sandbox will be: which addresses and ports it gets. Pure (whether a program listens is a question
that the caller passes in). Must not know how a sandbox is made.

Counterpart: moby/libnetwork/ipam and libnetwork/portallocator, as the bridge driver calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from types import MappingProxyType

from msgspec.structs import replace

from swarmkit_py import errors
from swarmkit_py.model.assignment import NetworkAssignment, ServiceEndpoint
from swarmkit_py.model.local import HOST_BINDING, LocalAddress, LocalNetwork
from swarmkit_py.network import local
from swarmkit_py.network.names import DOCKER0, GWBRIDGE, Gateway
from swarmkit_py.network.ports import PortKey, lowest_free, place_ports
from swarmkit_py.network.records import SandboxRecord
from swarmkit_py.network.redirect import RESOLVER
from swarmkit_py.runtime.base import OverlayAddress, PortMapping, Sandbox, SandboxSpec

MODES = ("task", "bridge", "unplugged", "none", "host")
DEFAULT_BRIDGE = "bridge"


def check_spec(spec: SandboxSpec, networks: Mapping[str, NetworkAssignment]) -> None:
    """Raises errors.InvalidArgument for a bad mode or id, errors.FailedPrecondition for an overlay this node does
    not carry."""
    if spec.mode not in MODES:
        raise errors.InvalidArgument(f"no such network mode: {spec.mode} (there are {', '.join(MODES)})")
    if not spec.id or "/" in spec.id or spec.id.startswith("."):
        raise errors.InvalidArgument(f"not a sandbox id: {spec.id!r}")
    missing = [overlay.network_id for overlay in spec.overlays if overlay.network_id not in networks]
    if missing and spec.mode in ("task", "bridge"):
        raise errors.FailedPrecondition(f"network {missing[0]} is not on this node (yet)")


def place_sandbox(
    spec: SandboxSpec,
    path: str,
    others: Iterable[SandboxRecord],
    networks: Mapping[str, NetworkAssignment],
    endpoints: Iterable[ServiceEndpoint],
    listens: Callable[[PortKey], bool],
    bridges: Mapping[str, LocalNetwork] = MappingProxyType({}),
    before: Sandbox | None = None,
) -> SandboxRecord:
    """The sandbox that `spec` asks for, at `path`, beside `others`; what it has in common with what it was `before`
    stays. Raises errors.Conflict for a taken port, errors.Unavailable when the gateway bridge is full, what
    `local.place` raises."""
    if spec.mode in ("host", "none"):
        return SandboxRecord(mode=spec.mode, sandbox=Sandbox(id=spec.id, path=path))
    sandboxes = [record.sandbox for record in others]
    before = before or Sandbox(id=spec.id)
    free = _interfaces(before)
    overlays = [_overlay(wanted, before, free) if spec.mode == "bridge" else wanted
                for wanted in _with_ipv6(spec.overlays, networks)]
    places = _places(spec, sandboxes, bridges, before, free)
    bridge = _gateway(spec, networks, places)
    kept = before if bridge and before.bridge_gateway == bridge.gateway else Sandbox(id=spec.id)
    outward = bridge is not None or any(place.gateway for place in places)
    named = spec.mode == "task" or bool(places or overlays) or bool(before.resolver)
    neighbours = [other.bridge_address for other in sandboxes if bridge and other.bridge_gateway == bridge.gateway]
    return SandboxRecord(mode=spec.mode, sandbox=Sandbox(
        id=spec.id, path=path, resolver=RESOLVER if named else "", nameservers=spec.nameservers,
        bridge_address=kept.bridge_address or (lowest_free(bridge.address, neighbours) if bridge else ""),
        bridge_gateway=bridge.gateway if bridge else "",
        bridge_interface=kept.bridge_interface or (next(free) if bridge and spec.mode == "bridge" else ""),
        overlays=overlays, locals=places, keeps_source=spec.keeps_source,
        ports=before.ports or (
            place_ports(spec.id, _bound(spec, places, bridges), _taken(sandboxes, endpoints), listens)
            if outward else []),
    ))


def _bound(
    spec: SandboxSpec, places: list[LocalAddress], bridges: Mapping[str, LocalNetwork]
) -> list[PortMapping]:
    """Where no address of the machine was said, the network's own default counts."""
    first = next((bridges[place.network_id] for place in places if place.gateway), None)
    host = first.options.get(HOST_BINDING, "") if first else ""
    return [port if port.host or host in ("", "0.0.0.0") else replace(port, host=host) for port in spec.ports]


def _taken(sandboxes: Iterable[Sandbox], endpoints: Iterable[ServiceEndpoint]) -> set[PortKey]:
    taken = {(port.protocol, port.published_port) for sandbox in sandboxes for port in sandbox.ports}
    return taken | {(endpoint.protocol, endpoint.published_port) for endpoint in endpoints}


def _gateway(
    spec: SandboxSpec, networks: Mapping[str, NetworkAssignment], places: Iterable[LocalAddress]
) -> Gateway | None:
    """The bridge every machine has that the sandbox needs: docker0 if it is asked for, docker_gwbridge as the way
    out where no other network is one."""
    if spec.mode == "bridge" and (
            any(place.network == DEFAULT_BRIDGE for place in spec.locals) or not (spec.locals or spec.overlays)):
        return DOCKER0
    if spec.mode == "unplugged" or is_closed(spec, networks) or any(place.gateway for place in places):
        return None
    return GWBRIDGE if spec.mode == "task" or spec.overlays else None


def _interfaces(before: Sandbox) -> Iterator[str]:
    """Names that no interface of the sandbox has."""
    taken = {before.bridge_interface, *(o.interface for o in before.overlays), *(p.interface for p in before.locals)}
    return (name for n in count() if (name := f"eth{n}") not in taken)


def _with_ipv6(
    overlays: Iterable[OverlayAddress], networks: Mapping[str, NetworkAssignment]
) -> Iterator[OverlayAddress]:
    for place in overlays:
        network = networks.get(place.network_id)
        yield replace(place, address6=network.twin(place.address)) if network and network.subnet6 else place


def _overlay(wanted: OverlayAddress, before: Sandbox, free: Iterator[str]) -> OverlayAddress:
    kept = next((place for place in before.overlays if place.attachment == wanted.attachment), None)
    return kept or replace(wanted, interface=next(free))


def _places(
    spec: SandboxSpec, others: list[Sandbox], bridges: Mapping[str, LocalNetwork], before: Sandbox,
    free: Iterator[str],
) -> list[LocalAddress]:
    taken = [place for sandbox in others for place in sandbox.locals]
    kept = {key: place for place in before.locals for key in (place.network, place.network_id)}
    return [kept.get(wanted.network) or local.place(wanted, spec.names, next(free), bridges, taken)
            for wanted in spec.locals if wanted.network != DEFAULT_BRIDGE]


def is_closed(spec: SandboxSpec, networks: Mapping[str, NetworkAssignment]) -> bool:
    """True on internal overlays only: no gateway bridge, so no way out and no published ports."""
    if not spec.overlays:
        return False
    return all(network.internal for o in spec.overlays if (network := networks.get(o.network_id)))
