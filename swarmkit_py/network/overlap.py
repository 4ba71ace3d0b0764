"""Owns one check: an overlay must not take the addresses that the nodes reach each other by. Changes nothing.

Counterpart: moby/libnetwork/netutils/utils_linux.go, CheckRouteOverlaps.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from swarmkit_py import errors
from swarmkit_py.model.assignment import NetworkAssignment
from swarmkit_py.network.names import bridge_of
from swarmkit_py.network.netlink import local_addresses


def refuse_overlap(networks: Sequence[NetworkAssignment]) -> None:
    """Raises errors.FailedPrecondition naming network, subnet and interface. Only a network whose bridge is in
    this namespace, with an address, makes a route; others have namespaces of their own: nothing to clash with."""
    routed = [network for network in networks if network.ingress and network.node_address]
    here = local_addresses() if routed else []
    for network in routed:
        subnet = ipaddress.ip_network(network.subnet, strict=False)
        for name, address in here:
            if name != bridge_of(network) and subnet.overlaps(ipaddress.ip_interface(address).network):
                raise errors.FailedPrecondition(
                    f"network {network.name} ({subnet}) overlaps with {address} on {name}: give the machines other "
                    "addresses, or the swarm another pool (docker swarm init --default-addr-pool)"
                )
