"""Owns what a node's kernel should carry: one pure function from the node's assignments and its sandboxes to a
`KernelState`. Must not know what the kernel carries now (`observe`) nor how to get there (`reconcile`).

Counterpart: what moby spreads over libnetwork/drivers/{bridge,overlay}, libnetwork/osl and service_linux.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain

from swarmkit_py.model.assignment import NetworkAssignment, ServiceEndpoint, ServiceRecord, mac_of
from swarmkit_py.network.ingress import Forward, GatewayBridge, OverlayBridge, ruleset
from swarmkit_py.network.names import DOCKER0, GWBRIDGE, Gateway, bridge_of, host_end, vxlan_of
from swarmkit_py.network.records import SandboxRecord
from swarmkit_py.network.state import (
    ALIAS_PREFIX,
    HOST,
    AddressKey,
    FdbKey,
    KernelState,
    Link,
    LinkKey,
    NeighbourKey,
    Plug,
    SettingKey,
)

OVERLAY_MTU = 1450
"""1500 of the underlay less VXLAN's envelope of 50 bytes (moby drivers/overlay/overlay.go vxlanEncap)."""
BRIDGE_MTU = 1500

Wire = tuple[LinkKey, Link, Plug]
"""A veth pair: its name and what is seen of it here, and its inside."""

_mac = lru_cache(maxsize=4096)(mac_of)


@dataclass(frozen=True)
class Inputs:
    """All that the wanted state is a function of."""

    node_address: str = ""
    networks: Mapping[str, NetworkAssignment] = field(default_factory=dict)
    endpoints: Mapping[str, ServiceEndpoint] = field(default_factory=dict)
    sandboxes: Mapping[str, SandboxRecord] = field(default_factory=dict)
    services: Mapping[str, ServiceRecord] = field(default_factory=dict)


def wanted_state(inputs: Inputs) -> KernelState:
    """What the kernel should carry, all of it."""
    gateways = [DOCKER0, *([GWBRIDGE] if needs_gwbridge(inputs) else [])]
    networks = sorted(inputs.networks.values(), key=lambda network: network.vni)
    plugs = list(chain.from_iterable(_plugs(record, inputs.networks) for record in inputs.sandboxes.values()))
    return KernelState(
        sandboxes={id_: record.sandbox.path for id_, record in inputs.sandboxes.items() if record.sandbox.path},
        links=dict(chain(
            map(_gateway_link, gateways),
            chain.from_iterable(_overlay_links(network, inputs.node_address) for network in networks),
            ((key, link) for key, link, _ in plugs),
        )),
        plugs={key: plug for key, _, plug in plugs},
        addresses=frozenset(chain(
            (AddressKey(HOST, gateway.name, gateway.address) for gateway in gateways),
            (AddressKey(HOST, bridge_of(n), n.node_address) for n in networks if n.node_address),
        )),
        fdb=dict(chain(_peer_fdb(networks, inputs.node_address), _port_fdb(plugs))),
        neighbours=dict(_neighbours(networks, inputs.node_address)),
        settings=dict(_settings(gateways, networks)),
        ruleset=ruleset(
            forwards(inputs),
            [GatewayBridge(gateway.name, gateway.subnet) for gateway in gateways],
            [OverlayBridge(bridge_of(n), host_part(n.node_address)) for n in networks],
            [network.data_path_port for network in networks],
        ),
    )


def needs_gwbridge(inputs: Inputs) -> bool:
    """Docker makes docker_gwbridge when a node joins a swarm, and for the first task."""
    return bool(inputs.networks) or any(record.mode == "task" for record in inputs.sandboxes.values())


def host_part(address: str) -> str:
    """`10.0.0.2/24` → `10.0.0.2`."""
    return address.partition("/")[0]


def forwards(inputs: Inputs) -> list[Forward]:
    """Every port of this machine that leads somewhere. A host-mode port wins over a mesh port of the same number,
    since its container already has it."""
    taken: dict[tuple[str, int], Forward] = {}
    for record in inputs.sandboxes.values():
        address = host_part(record.sandbox.bridge_address)
        for port in record.sandbox.ports if address else ():
            key = (port.protocol, port.published_port)
            taken.setdefault(key, Forward(*key, ((address, port.target_port),)))
    for endpoint in inputs.endpoints.values():
        key = (endpoint.protocol, endpoint.published_port)
        backends = tuple((address, endpoint.target_port) for address in map(host_part, endpoint.backends))
        taken.setdefault(key, Forward(*key, backends))
    return [taken[key] for key in sorted(taken)]


def _gateway_link(gateway: Gateway) -> tuple[LinkKey, Link]:
    return LinkKey(HOST, gateway.name), Link(
        kind="bridge", alias=f"{ALIAS_PREFIX}bridge", mtu=BRIDGE_MTU, mac=_mac(host_part(gateway.address)),
    )


def _overlay_links(network: NetworkAssignment, node_address: str) -> Iterator[tuple[LinkKey, Link]]:
    alias = f"{ALIAS_PREFIX}network/{network.id}"
    own = host_part(network.node_address or network.gateway)
    bridge = bridge_of(network)
    yield LinkKey(HOST, bridge), Link(kind="bridge", alias=alias, mtu=OVERLAY_MTU, mac=_mac(own))
    yield LinkKey(HOST, vxlan_of(network)), Link(
        kind="vxlan", alias=alias, mtu=OVERLAY_MTU, master=bridge, vni=network.vni, local=node_address,
        port=network.data_path_port,
    )


def _plugs(record: SandboxRecord, networks: Mapping[str, NetworkAssignment]) -> tuple[Wire, ...]:
    """The sandbox's interfaces: one per overlay it is on, then the gateway bridge, which has the default route."""
    sandbox = record.sandbox
    if not sandbox.path:
        return ()
    places = [
        (f"eth{n}", bridge_of(networks[o.network_id]), o.address, "", OVERLAY_MTU)
        for n, o in enumerate(sandbox.overlays) if o.network_id in networks
    ]
    if sandbox.bridge_address:
        bridge = GWBRIDGE.name if record.mode == "task" else DOCKER0.name
        name = f"eth{len(sandbox.overlays)}"
        places.append((name, bridge, sandbox.bridge_address, sandbox.bridge_gateway, BRIDGE_MTU))
    return _wires(sandbox.id, sandbox.path, tuple(places))


@lru_cache(maxsize=1024)
def _wires(id_: str, path: str, places: tuple[tuple[str, str, str, str, int], ...]) -> tuple[Wire, ...]:
    """One wire a place. Remembered, since each change asks again for all sandboxes."""
    return tuple(
        (
            LinkKey(HOST, host_end(id_, name)),
            Link(kind="veth", alias=f"{ALIAS_PREFIX}sandbox/{id_}/{name}", mtu=mtu, master=bridge,
                 isolated=bridge == GWBRIDGE.name),
            Plug(id_, path, name, _mac(host_part(address)), mtu, address, gateway),
        )
        for name, bridge, address, gateway, mtu in places
    )


def _peer_fdb(networks: list[NetworkAssignment], node_address: str) -> Iterator[tuple[FdbKey, str]]:
    """Twice for each peer: the bridge sends its MAC to the VXLAN port, the VXLAN device sends it to the node."""
    for network in networks:
        for peer in network.peers:
            if peer.node_address != node_address:
                mac = _mac(host_part(peer.address))
                yield FdbKey(HOST, vxlan_of(network), mac, "vxlan"), peer.node_address
                yield FdbKey(HOST, vxlan_of(network), mac, "bridge"), ""


def _port_fdb(plugs: list[Wire]) -> Iterator[tuple[FdbKey, str]]:
    """A port's MAC is told to the bridge, not learned: an address that moved here is reachable at once."""
    for key, _, plug in plugs:
        yield FdbKey(key.namespace, key.name, plug.mac, "bridge"), ""


def _neighbours(networks: list[NetworkAssignment], node_address: str) -> Iterator[tuple[NeighbourKey, str]]:
    """What the VXLAN device answers ARP from, so that no broadcast crosses the underlay."""
    for network in networks:
        for peer in network.peers:
            if peer.node_address != node_address:
                address = host_part(peer.address)
                yield NeighbourKey(HOST, vxlan_of(network), address), _mac(address)


def _settings(gateways: list[Gateway], networks: list[NetworkAssignment]) -> Iterator[tuple[SettingKey, str]]:
    yield SettingKey(HOST, "net/ipv4/ip_forward"), "1"
    # With br_netfilter loaded, a port of a container that another one on the same bridge asks for would be answered
    # on the bridge, past its gateway, and every bridged packet would meet all rules.
    yield SettingKey(HOST, "net/bridge/bridge-nf-call-iptables", optional=True), "0"
    # A connection from this machine to 127.0.0.1:published leaves by one of these, and its answers come in there.
    entries = [gateway.name for gateway in gateways] + [bridge_of(n) for n in networks if n.node_address]
    for name in entries:
        yield SettingKey(HOST, f"net/ipv4/conf/{name}/route_localnet"), "1"
