"""Owns what a node's kernel should carry: one pure function from the node's assignments and its sandboxes to a
`KernelState`. Must not know what the kernel carries now (`observe`) nor how to get there (`reconcile`).

Counterpart: what moby spreads over libnetwork/drivers/{bridge,overlay}, libnetwork/osl and service_linux.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from swarmkit_py.model.assignment import NetworkAssignment, ServiceEndpoint, ServiceRecord, mac_of
from swarmkit_py.model.local import ICC, MASQUERADE, LocalNetwork
from swarmkit_py.network.balance import balancer, virtual_addresses
from swarmkit_py.network.ingress import Forward, GatewayBridge, OverlayBridge, ruleset
from swarmkit_py.network.names import DOCKER0, GWBRIDGE, Gateway, bridge_of, host_end, namespace_of, vxlan_of
from swarmkit_py.network.records import SandboxRecord
from swarmkit_py.network.redirect import redirection
from swarmkit_py.network.rules import Ruleset
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
    ReturnKey,
    SettingKey,
)

OVERLAY_MTU = 1450
"""1500 of the underlay less VXLAN's envelope of 50 bytes (moby drivers/overlay/overlay.go vxlanEncap)."""
BRIDGE_MTU = 1500
MTU_OPTION, MINIMUM_MTU = "com.docker.network.driver.mtu", 68
BRIDGED_MEET_RULES = "net/bridge/bridge-nf-call-iptables"

Wire = tuple[LinkKey, Link, Plug]
"""A veth pair: its name and what is seen of it here, and its inside."""

Place = tuple[str, NetworkAssignment]
"""A network and the namespace it lives in."""

_mac = lru_cache(maxsize=4096)(mac_of)


@dataclass(frozen=True)
class Inputs:
    """All that the wanted state is a function of. `directory` is where networks' namespaces are pinned."""

    node_address: str = ""
    networks: Mapping[str, NetworkAssignment] = field(default_factory=dict)
    endpoints: Mapping[str, ServiceEndpoint] = field(default_factory=dict)
    sandboxes: Mapping[str, SandboxRecord] = field(default_factory=dict)
    services: Mapping[str, ServiceRecord] = field(default_factory=dict)
    directory: str = "/run/networks"
    bridges: Mapping[str, LocalNetwork] = field(default_factory=dict)

    def namespace(self, network: NetworkAssignment) -> str:
        """Where a network lives, as in every key of the state."""
        return namespace_of(network, self.directory)


def wanted_state(inputs: Inputs) -> KernelState:
    """What the kernel should carry, all of it."""
    gateways = [DOCKER0, *([GWBRIDGE] if needs_gwbridge(inputs) else []), *map(_gateway_of, inputs.bridges.values())]
    networks = sorted(inputs.networks.values(), key=lambda network: network.vni)
    places = [(inputs.namespace(network), network) for network in networks]
    plugs = list(chain.from_iterable(_plugs(record, inputs) for record in inputs.sandboxes.values()))
    services = _by_network(inputs.services.values())
    return KernelState(
        sandboxes={id_: record.sandbox.path for id_, record in inputs.sandboxes.items() if record.sandbox.path},
        networks={network.id: namespace for namespace, network in places if namespace},
        links=dict(chain(
            map(_gateway_link, gateways),
            chain.from_iterable(_overlay_links(*place, inputs.node_address) for place in places),
            ((key, link) for key, link, _ in plugs),
        )),
        plugs={key: plug for key, _, plug in plugs},
        addresses=frozenset(chain(
            (AddressKey(HOST, gateway.name, gateway.address) for gateway in gateways),
            (AddressKey(place, bridge_of(n), n.node_address) for place, n in places if n.node_address),
            (AddressKey(place, bridge_of(n), f"{vip}/32") for place, n in places if place
             for vip in virtual_addresses(services.get(n.id, ()))),
            (AddressKey(place, bridge_of(n), n.twin(n.node_address)) for place, n in places
             if n.node_address and n.subnet6),
            (AddressKey(place, bridge_of(n), f"{n.twin(vip)}/128") for place, n in places if place and n.subnet6
             for vip in virtual_addresses(services.get(n.id, ()))),
        )),
        fdb=dict(chain(_peer_fdb(places, inputs.node_address), _port_fdb(plugs))),
        neighbours=dict(_neighbours(places, inputs.node_address)),
        settings=dict(chain(
            _settings(gateways, [network for place, network in places if not place]),
            chain.from_iterable(_own_settings(*place) for place in places if place[0]),
        )),
        returns=frozenset(chain.from_iterable(_returns(record, inputs) for record in inputs.sandboxes.values())),
        rulesets=_rulesets(inputs, gateways, places, services),
    )


def _returns(record: SandboxRecord, inputs: Inputs) -> list[ReturnKey]:
    """Ways back to every node that clients may come in by, for a task that sees their own addresses."""
    sandbox = record.sandbox
    if not (sandbox.keeps_source and sandbox.path):
        return []
    return [ReturnKey(sandbox.path, o.interface or f"eth{n}", entry)
            for n, o in enumerate(sandbox.overlays)
            if (network := inputs.networks.get(o.network_id)) and network.ingress for entry in network.entries]


def _by_network(records: Iterable[ServiceRecord]) -> dict[str, list[ServiceRecord]]:
    found: dict[str, list[ServiceRecord]] = {}
    for record in records:
        found.setdefault(record.network_id, []).append(record)
    return found


def _rulesets(
    inputs: Inputs, gateways: list[Gateway], places: list[Place], services: Mapping[str, list[ServiceRecord]]
) -> dict[str, Ruleset]:
    """The machine's table, each network's, and each sandbox's that has a resolver."""
    kept = sorted({host_part(address) for endpoint in inputs.endpoints.values() for address in endpoint.kept})
    return {
        HOST: ruleset(
            forwards(inputs),
            [GatewayBridge(gateway.name, gateway.subnet, internal=gateway.internal, masquerade=gateway.masquerade)
             for gateway in gateways],
            [OverlayBridge(bridge_of(n), host_part(n.node_address)) for place, n in places if not place],
            [network.data_path_port for _, network in places],
            kept,
        ),
        **{place: balancer(services.get(n.id, ()), host_part(n.node_address), n.twin)
           for place, n in places if place},
        **{record.sandbox.path: redirection(_returns(record, inputs)) for record in inputs.sandboxes.values()
           if record.sandbox.path and record.sandbox.resolver},
    }


def needs_gwbridge(inputs: Inputs) -> bool:
    """Docker makes docker_gwbridge when a node joins a swarm, and for the first task."""
    return bool(inputs.networks) or any(
        record.mode == "task" or record.sandbox.bridge_gateway == GWBRIDGE.gateway
        for record in inputs.sandboxes.values())


def host_part(address: str) -> str:
    """`10.0.0.2/24` → `10.0.0.2`."""
    return address.partition("/")[0]


def forwards(inputs: Inputs) -> list[Forward]:
    """Every port of this machine that leads somewhere. A host-mode port wins over a mesh port of the same number,
    since its container already has it."""
    taken: dict[tuple[str, int], Forward] = {}
    for record in inputs.sandboxes.values():
        address = host_part(record.sandbox.outer_address)
        for port in record.sandbox.ports if address else ():
            key = (port.protocol, port.published_port)
            taken.setdefault(key, Forward(*key, ((address, port.target_port),), port.host))
    for endpoint in inputs.endpoints.values():
        key = (endpoint.protocol, endpoint.published_port)
        backends = tuple((address, endpoint.target_port) for address in map(host_part, endpoint.backends))
        taken.setdefault(key, Forward(*key, backends))
    return [taken[key] for key in sorted(taken)]


def answered_ports(inputs: Inputs) -> list[tuple[str, int]]:
    """Those that somebody serves on every address of this machine: protocol and number."""
    return [(forward.protocol, forward.port) for forward in forwards(inputs)
            if forward.backends and not forward.host and forward.protocol in ("tcp", "udp")]


def _gateway_of(network: LocalNetwork) -> Gateway:
    return Gateway(network.bridge, network.address, internal=network.internal, mtu=bridge_mtu(network),
                   masquerade=network.options.get(MASQUERADE, "true") == "true")


def bridge_mtu(network: LocalNetwork) -> int:
    """As asked for, or the wire's."""
    return int(network.options.get(MTU_OPTION, BRIDGE_MTU))


def _gateway_link(gateway: Gateway) -> tuple[LinkKey, Link]:
    return LinkKey(HOST, gateway.name), Link(
        kind="bridge", alias=f"{ALIAS_PREFIX}bridge", mtu=gateway.mtu, mac=_mac(host_part(gateway.address)),
    )


def _overlay_links(namespace: str, network: NetworkAssignment, node_address: str) -> Iterator[tuple[LinkKey, Link]]:
    alias = f"{ALIAS_PREFIX}network/{network.id}"
    own = host_part(network.node_address or network.gateway)
    bridge, mtu = bridge_of(network), overlay_mtu(network)
    yield LinkKey(namespace, bridge), Link(kind="bridge", alias=alias, mtu=mtu, mac=_mac(own))
    yield LinkKey(namespace, vxlan_of(network)), Link(
        kind="vxlan", alias=alias, mtu=mtu, master=bridge, vni=network.vni, local=node_address,
        port=network.data_path_port,
    )


def overlay_mtu(network: NetworkAssignment) -> int:
    """What fits into a packet of 1500 bytes, or less if the network asks for less."""
    asked = (network.driver_options or {}).get(MTU_OPTION, "")
    return min(OVERLAY_MTU, max(MINIMUM_MTU, int(asked))) if asked.isdecimal() else OVERLAY_MTU


def _plugs(record: SandboxRecord, inputs: Inputs) -> tuple[Wire, ...]:
    """The sandbox's interfaces: one per overlay it is on, then the gateway bridge, which has the default route."""
    sandbox, networks = record.sandbox, inputs.networks
    if not sandbox.path:
        return ()
    sockets = [
        Socket(o.interface or f"eth{n}", inputs.namespace(network), bridge_of(network), o.address, "",
               overlay_mtu(network), network.twin(o.address))
        for n, o in enumerate(sandbox.overlays) if (network := networks.get(o.network_id))
    ]
    if sandbox.bridge_address:
        bridge = GWBRIDGE.name if sandbox.bridge_gateway == GWBRIDGE.gateway else DOCKER0.name
        name = sandbox.bridge_interface or f"eth{len(sandbox.overlays)}"
        sockets.append(Socket(name, HOST, bridge, sandbox.bridge_address, sandbox.bridge_gateway, BRIDGE_MTU))
    return _wires(sandbox.id, sandbox.path, (*sockets, *_local_sockets(record, inputs)))


def _local_sockets(record: SandboxRecord, inputs: Inputs) -> Iterator[Socket]:
    """One a network of this machine; the first that has a way out has the default route."""
    routed = bool(record.sandbox.bridge_address)
    for place in record.sandbox.locals:
        if network := inputs.bridges.get(place.network_id):
            gateway = "" if routed else place.gateway
            routed = routed or bool(gateway)
            yield Socket(place.interface, HOST, network.bridge, place.address, gateway, bridge_mtu(network),
                         isolated=network.options.get(ICC, "true") != "true")


class Socket(NamedTuple):
    """Where one interface of a sandbox is plugged in, and what it carries."""

    interface: str
    namespace: str
    bridge: str
    address: str
    gateway: str
    mtu: int
    address6: str = ""
    isolated: bool = False
    """It reaches the bridge itself, and none of its other ports that are so."""


@lru_cache(maxsize=1024)
def _wires(id_: str, path: str, sockets: tuple[Socket, ...]) -> tuple[Wire, ...]:
    """One wire a socket. Remembered, since each change asks again for all sandboxes."""
    return tuple(
        (
            LinkKey(s.namespace, host_end(id_, s.interface)),
            Link(kind="veth", alias=f"{ALIAS_PREFIX}sandbox/{id_}/{s.interface}", mtu=s.mtu, master=s.bridge,
                 isolated=s.isolated or s.bridge == GWBRIDGE.name),
            Plug(id_, path, s.interface, _mac(host_part(s.address)), s.mtu, s.address, s.gateway,
                 s.address6),
        )
        for s in sockets
    )


def _peer_fdb(places: list[Place], node_address: str) -> Iterator[tuple[FdbKey, str]]:
    """Twice for each peer: the bridge sends its MAC to the VXLAN port, the VXLAN device sends it to the node."""
    for namespace, network in places:
        for peer in network.peers:
            if peer.node_address != node_address:
                mac = _mac(host_part(peer.address))
                yield FdbKey(namespace, vxlan_of(network), mac, "vxlan"), peer.node_address
                yield FdbKey(namespace, vxlan_of(network), mac, "bridge"), ""


def _port_fdb(plugs: list[Wire]) -> Iterator[tuple[FdbKey, str]]:
    """A port's MAC is told to the bridge, not learned: an address that moved here is reachable at once."""
    for key, _, plug in plugs:
        yield FdbKey(key.namespace, key.name, plug.mac, "bridge"), ""


def _neighbours(places: list[Place], node_address: str) -> Iterator[tuple[NeighbourKey, str]]:
    """What the VXLAN device answers ARP from, so that no broadcast crosses the underlay."""
    for namespace, network in places:
        for peer in network.peers:
            if peer.node_address != node_address:
                address = host_part(peer.address)
                yield NeighbourKey(namespace, vxlan_of(network), address), _mac(address)
                if network.subnet6:
                    yield NeighbourKey(namespace, vxlan_of(network), network.twin(address)), _mac(address)


def _settings(gateways: list[Gateway], networks: list[NetworkAssignment]) -> Iterator[tuple[SettingKey, str]]:
    """Those of the machine itself; `networks` live there."""
    yield SettingKey(HOST, "net/ipv4/ip_forward"), "1"
    # With br_netfilter loaded, a port of a container that another one on the same bridge asks for would be answered
    # on the bridge, past its gateway, and every bridged packet would meet all rules.
    yield SettingKey(HOST, BRIDGED_MEET_RULES, optional=True), "0"
    # A connection from this machine to 127.0.0.1:published leaves by one of these, and its answers come in there.
    entries = [gateway.name for gateway in gateways] + [bridge_of(n) for n in networks if n.node_address]
    for name in entries:
        yield SettingKey(HOST, f"net/ipv4/conf/{name}/route_localnet"), "1"


def _own_settings(namespace: str, network: NetworkAssignment) -> Iterator[tuple[SettingKey, str]]:
    """Those of a network's namespace, which forwards from virtual addresses to tasks and does nothing else."""
    yield SettingKey(namespace, "net/ipv4/ip_forward"), "1"
    yield SettingKey(namespace, BRIDGED_MEET_RULES, optional=True), "0"
    # What is forwarded leaves by where it came in: without these, tasks would be told to take the direct way.
    yield SettingKey(namespace, "net/ipv4/conf/all/send_redirects"), "0"
    yield SettingKey(namespace, f"net/ipv4/conf/{bridge_of(network)}/send_redirects"), "0"
    # Every refusal is told, not one a second.
    yield SettingKey(namespace, "net/ipv4/icmp_ratelimit"), "0"
    if network.subnet6:
        yield SettingKey(namespace, "net/ipv6/conf/all/forwarding"), "1"
        yield SettingKey(namespace, "net/bridge/bridge-nf-call-ip6tables", optional=True), "0"
        for name in (bridge_of(network), vxlan_of(network)):
            yield SettingKey(namespace, f"net/ipv6/conf/{name}/disable_ipv6"), "0"
