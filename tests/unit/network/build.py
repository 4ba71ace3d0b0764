"""Shorthand for what the network's tests start from."""

from __future__ import annotations

from swarmkit_py.model.assignment import NetworkAssignment, Peer, ServiceEndpoint
from swarmkit_py.network.records import SandboxRecord
from swarmkit_py.network.wanted import Inputs
from swarmkit_py.runtime.base import OverlayAddress, PortMapping, Sandbox

ME, OTHER = "192.168.50.1", "192.168.50.2"


def ingress(*peers: str, id_: str = "ing") -> NetworkAssignment:
    """The ingress network as node ME sees it; `peers` live on OTHER."""
    return NetworkAssignment(
        id=id_, name="ingress", vni=4096, subnet="10.0.0.0/24", gateway="10.0.0.1", ingress=True,
        node_address="10.0.0.2/24", peers=[Peer(address=address, node_address=OTHER) for address in peers],
    )


def overlay(vni: int = 4097) -> NetworkAssignment:
    return NetworkAssignment(id=f"net{vni}", name="backend", vni=vni, subnet="10.0.1.0/24", gateway="10.0.1.1")


def endpoint(port: int, *backends: str, protocol: str = "tcp", target: int = 80) -> ServiceEndpoint:
    return ServiceEndpoint(service_id="svc", service_name="web", protocol=protocol, published_port=port,
                           target_port=target, backends=list(backends))


def task(id_: str, address: str, *ports: PortMapping, gwbridge: str = "172.18.0.2/16") -> SandboxRecord:
    return SandboxRecord(mode="task", sandbox=Sandbox(
        id=id_, path=f"/run/netns/{id_}", bridge_address=gwbridge, bridge_gateway="172.18.0.1",
        overlays=[OverlayAddress(network_id="ing", address=address)], ports=list(ports),
    ))


def inputs(*networks: NetworkAssignment, endpoints: tuple[ServiceEndpoint, ...] = (),
           sandboxes: tuple[SandboxRecord, ...] = ()) -> Inputs:
    return Inputs(ME, {n.id: n for n in networks}, {e.key: e for e in endpoints},
                  {s.sandbox.id: s for s in sandboxes})
