"""Owns the names of the links we make and the two gateway bridges' subnets. Pure.

Counterpart: docker0 and docker_gwbridge as Docker calls and numbers them (moby libnetwork/drivers/bridge).
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass

from swarmkit_py.model.assignment import NetworkAssignment


@dataclass(frozen=True)
class Gateway:
    """A bridge that is its containers' way out; `address` (with prefix) is the bridge's own."""

    name: str
    address: str
    internal: bool = False
    """No way out."""
    mtu: int = 1500
    masquerade: bool = True
    """Its containers leave with the machine's address."""

    @property
    def subnet(self) -> str:
        return str(ipaddress.ip_interface(self.address).network)

    @property
    def gateway(self) -> str:
        return self.address.partition("/")[0]


DOCKER0 = Gateway("docker0", "172.17.0.1/16")
GWBRIDGE = Gateway("docker_gwbridge", "172.18.0.1/16")


def bridge_of(network: NetworkAssignment) -> str:
    """The bridge that a network's local tasks and its VXLAN device are ports of."""
    return "br-ingress" if network.ingress else f"br-{network.vni}"


def namespace_of(network: NetworkAssignment, directory: str) -> str:
    """The namespace that the network's bridge and VXLAN device live in, as a key of the kernel state: its own, pinned
    in `directory`; the machine's own for ingress, whose ports are the machine's."""
    return "" if network.ingress else f"{directory}/{network.id}"


def vxlan_of(network: NetworkAssignment) -> str:
    """The network's VXLAN device."""
    return f"vx-{network.vni}"


def host_end(sandbox_id: str, interface: str) -> str:
    """The name of the host's end of a sandbox's interface: `veth` and 10 hex digits (a name has 15 bytes at most)."""
    return "veth" + hashlib.sha256(f"{sandbox_id}/{interface}".encode()).hexdigest()[:10]
