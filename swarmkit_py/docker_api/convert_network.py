"""Owns networks in Docker's JSON: as swarm objects (inside tasks) and as the network calls show them, which is a
different shape. Counterpart: moby/daemon/cluster/convert/network.go, api/server/router/network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from swarmkit_py.docker_api.convert import Json, meta, plain
from swarmkit_py.model.assignment import NetworkAssignment, mac_of
from swarmkit_py.model.local import LocalNetwork
from swarmkit_py.model.objects import Network, Node
from swarmkit_py.runtime.base import Container

VNI_OPTION = "com.docker.network.driver.overlay.vxlanid_list"
_BRIDGE = "com.docker.network.bridge."


def network_object_json(network: Network) -> Json:
    """The network as a swarm object, as tasks carry it."""
    spec: Json = {"Name": network.spec.name, "Labels": dict(network.spec.labels), "DriverConfiguration": {}}
    for key, on in (("Internal", network.spec.internal), ("Attachable", network.spec.attachable),
                    ("Ingress", network.spec.ingress)):
        if on:
            spec[key] = True
    spec["IPAMOptions"] = _asked_ipam(network)
    spec["Scope"] = "swarm"
    answer = meta(network)
    answer["Spec"] = spec
    answer["DriverState"] = {"Name": network.spec.driver, "Options": _options(network.vni, network)}
    driver = {"Name": "default", **_ipam_options(network)}
    answer["IPAMOptions"] = {"Driver": driver, "Configs": _swarm_subnets(network)}
    return answer


def _swarm_subnets(network: Network) -> list[Json]:
    """What the network has, or, before the allocator has seen it, what was asked for."""
    asked = network.spec.ipam4
    found = _subnets(network.subnet or asked.subnet, network.gateway or asked.gateway or "")
    for config in found if asked.ip_range else ():
        config["IPRange"] = asked.ip_range
    for config in found if asked.auxiliary_addresses else ():
        config["AuxiliaryAddresses"] = dict(asked.auxiliary_addresses or {})
    if network.spec.subnet6:
        found += _subnets(network.spec.subnet6, network.twin(network.gateway))
    return found


def _asked_ipam(network: Network) -> Json:
    """The IPAM part of the spec, as it was asked for."""
    asked: Json = {"Driver": _ipam_options(network)}
    if network.spec.ipam:
        asked["Configs"] = [plain(config) for config in network.spec.ipam]
    return asked


def _ipam_options(network: Network) -> Json:
    return {"Options": dict(network.spec.ipam_options)} if network.spec.ipam_options else {}


def _options(vni: int, network: Network | None = None) -> dict[str, str]:
    given = (network.spec.driver_options if network is not None else None) or {}
    return {**given, VNI_OPTION: str(vni)} if vni else dict(given)


def _subnets(subnet: str, gateway: str) -> list[Json]:
    return [{"Subnet": subnet, "Gateway": gateway}] if subnet else []


def _network_json(
    name: str, network_id: str, created: datetime, scope: str, driver: str, subnets: list[Json], *,
    options: dict[str, str], ingress: bool = False, attachable: bool = False, internal: bool = False,
    labels: dict[str, str] | None = None, containers: Json | None = None, ipv6: bool = False,
) -> Json:
    return {
        "Name": name, "Id": network_id, "Created": created, "Scope": scope, "Driver": driver, "EnableIPv6": ipv6,
        "IPAM": {"Driver": "default", "Options": None, "Config": subnets},
        "Internal": internal, "Attachable": attachable, "Ingress": ingress,
        "ConfigFrom": {"Network": ""}, "ConfigOnly": False,
        "Containers": containers, "Options": options, "Labels": labels,
    }


def swarm_network_json(network: Network, containers: Json | None = None, peers: list[Json] | None = None) -> Json:
    """A network of the swarm as a manager shows it; with `containers` (of this machine) and `peers` on inspect."""
    spec = network.spec
    answer = _network_json(
        spec.name, network.id, network.created_at, "swarm", spec.driver, _swarm_subnets(network), ipv6=spec.ipv6,
        options=_options(network.vni, network), ingress=spec.ingress, attachable=spec.attachable,
        internal=spec.internal, labels=dict(spec.labels), containers=containers)
    answer["IPAM"]["Options"] = spec.ipam_options
    if peers:
        answer["Peers"] = peers
    return answer


def carried_network_json(
    network: NetworkAssignment, created: datetime, containers: Json | None, node_addr: str,
) -> Json:
    """A network of the swarm as a worker shows it, from what its manager told it."""
    answer = _network_json(
        network.name, network.id, created, "swarm", "overlay",
        [*_subnets(network.subnet, network.gateway), *_subnets(network.subnet6, network.twin(network.gateway))],
        ipv6=bool(network.subnet6),
        options={**(network.driver_options or {}), **_options(network.vni)}, ingress=network.ingress,
        attachable=network.attachable, internal=network.internal, labels={}, containers=containers)
    addresses = sorted({peer.node_address for peer in network.peers} | ({node_addr} if node_addr else set()))
    answer["Peers"] = [{"Name": local_id("peer", address)[:12], "IP": address} for address in addresses]
    return answer


def peers_of(network_id: str, nodes: Iterable[Node]) -> list[Json]:
    """The nodes that have an address of their own on the network, with their underlay addresses."""
    return [{"Name": node.id[:12], "IP": node.status.addr} for node in nodes
            if any(attachment.network_id == network_id for attachment in node.attachments)]


def endpoint_json(name: str, key: str, address: str, address6: str = "") -> Json:
    """One entry of a network's Containers; addresses with prefix."""
    return {"Name": name, "EndpointID": local_id("endpoint", key, address),
            "MacAddress": mac_of(address.partition("/")[0]), "IPv4Address": address, "IPv6Address": address6}


def containers_on(
    network: Network | NetworkAssignment, name: str, containers: Iterable[Container], node_address: str
) -> Json | None:
    """What runs on this machine and has an address on the network, and the machine's own place on it; None where the
    machine has neither."""
    found: Json = {}
    for container in containers:
        overlays = container.sandbox.overlays if container.running and container.sandbox is not None else []
        for place in overlays:
            if place.network_id == network.id:
                found[container.id] = endpoint_json(
                    container.name, container.id, place.address, network.twin(place.address))
    if node_address:
        key = "ingress-sbox" if name == "ingress" else f"lb-{name}"
        found[key] = endpoint_json(balancer_name(name), key, node_address, network.twin(node_address))
    return found or None


def balancer_name(network: str) -> str:
    """What Docker calls a node's own place on a network."""
    return f"{network}-endpoint"


def local_id(*parts: str) -> str:
    """64 hex digits that stay the same as long as what they name (local networks and endpoints are not stored)."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def bridge_network_json(network: LocalNetwork, containers: Iterable[Container]) -> Json:
    """A network of this machine alone; `containers`: those to look for on it."""
    here: Json = {
        container.id: endpoint_json(container.name, container.id, place.address)
        for container in containers if container.running and container.sandbox is not None
        for place in container.sandbox.locals if place.network_id == network.id}
    subnets = _subnets(network.subnet, network.gateway)
    for config in subnets if network.ip_range else ():
        config["IPRange"] = network.ip_range
    for config in subnets if network.reserved else ():
        config["AuxiliaryAddresses"] = dict(network.reserved)
    answer = _network_json(
        network.name, network.id, network.created, "local", "bridge", subnets, options=dict(network.options),
        attachable=network.attachable, internal=network.internal, labels=dict(network.labels), containers=here)
    answer["IPAM"]["Options"] = dict(network.ipam_options)
    return answer


def local_networks(daemon_id: str, created: datetime, bridged: Json, in_swarm: bool) -> list[Json]:
    """The networks that every machine has: bridge, host, none, and docker_gwbridge once it is in a swarm."""
    bridge = {
        _BRIDGE + "default_bridge": "true", _BRIDGE + "enable_icc": "true", _BRIDGE + "enable_ip_masquerade": "true",
        _BRIDGE + "host_binding_ipv4": "0.0.0.0", _BRIDGE + "name": "docker0",
        "com.docker.network.driver.mtu": "1500",
    }
    gateway = {
        _BRIDGE + "enable_icc": "false", _BRIDGE + "enable_ip_masquerade": "true",
        _BRIDGE + "name": "docker_gwbridge",
    }

    def one(name: str, driver: str, subnets: list[Json], options: dict[str, str], containers: Json) -> Json:
        return _network_json(name, local_id(daemon_id, name), created, "local", driver, subnets, options=options,
                             labels={}, containers=containers)

    found = [one("bridge", "bridge", [{"Subnet": "172.17.0.0/16"}], bridge, bridged)]
    if in_swarm:
        subnet = [{"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}]
        found.append(one("docker_gwbridge", "bridge", subnet, gateway, {}))
    return [*found, one("host", "host", [], {}, {}), one("none", "null", [], {}, {})]
