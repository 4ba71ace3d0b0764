"""Owns which networks a service may be on: names become ids, and what cannot be together is refused.

Counterpart: validateNetworks in swarmkit/manager/controlapi/service.go, moby/daemon/cluster/services.go
(populateNetworkID).
"""

from __future__ import annotations

import ipaddress
import re
from itertools import combinations

from msgspec.structs import replace

from swarmkit_py.errors import FailedPrecondition, InvalidArgument
from swarmkit_py.manager.control import lookup
from swarmkit_py.manager.control.networks import publishes
from swarmkit_py.model.objects import Network
from swarmkit_py.model.specs import NODE_LOCAL_NETWORKS, NetworkAttachmentConfig, ServiceSpec
from swarmkit_py.store.memory import Transaction

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_ALIAS = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)


def with_networks(tx: Transaction, spec: ServiceSpec) -> ServiceSpec:
    """A (normalised) spec with the ids of its networks in place of names. Raises NotFound, InvalidArgument,
    FailedPrecondition (no ingress network)."""
    ingress = next((network for network in tx.all(Network) if network.spec.ingress), None)
    if publishes(spec) and ingress is None:
        raise FailedPrecondition("service needs ingress network, but no ingress network is present", rpc=True)
    asked = spec.task_template.networks
    if not asked:
        return spec
    _check_node_local(spec, [config.target for config in asked])
    asked = [config for config in asked if config.target not in NODE_LOCAL_NETWORKS]
    networks = [_find(tx, config) for config in asked]
    _refuse_clash([*networks, ingress] if publishes(spec) and ingress else networks)
    own = [config for config in spec.task_template.networks or () if config.target in NODE_LOCAL_NETWORKS]
    resolved = own + [replace(config, target=network.id) for config, network in zip(asked, networks, strict=True)]
    return replace(spec, task_template=replace(spec.task_template, networks=resolved))


def _check_node_local(spec: ServiceSpec, targets: list[str]) -> None:
    """`host` and `none` leave a task no namespace of its own with places for more."""
    alone = next((target for target in targets if target in ("host", "none")), "")
    if alone and len(targets) > 1:
        raise InvalidArgument(f"a service on the network {alone} can be on no other: leave the others out", rpc=True)
    if alone and publishes(spec):
        raise InvalidArgument(
            f"a service on the network {alone} has no address in the mesh: leave its ports out"
            + (" (its tasks listen on their hosts)" if alone == "host" else ""), rpc=True)


def _find(tx: Transaction, config: NetworkAttachmentConfig) -> Network:
    """The network that is meant (stacks send names)."""
    network = lookup.network(tx.all(Network), config.target)
    if network.spec.ingress:
        raise InvalidArgument(
            f'Service cannot be explicitly attached to the ingress network "{network.spec.name}"', rpc=True)
    for alias in config.aliases or ():
        if not _ALIAS.fullmatch(alias) or len(alias) > 253:
            raise InvalidArgument(
                f'invalid alias "{alias}" on network {network.spec.name}: it is no DNS name', rpc=True)
    return network


def _refuse_clash(networks: list[Network]) -> None:
    """A task has one interface a network, and one route to a subnet."""
    for one, other in combinations(networks, 2):
        if one.id == other.id:
            raise InvalidArgument(f"network {one.spec.name} is named twice: a task joins it once", rpc=True)
        for subnet, another in ((_subnet(one), _subnet(other)), (one.spec.subnet6, other.spec.subnet6)):
            if subnet and another and _overlap(subnet, another):
                raise InvalidArgument(
                    f"networks {one.spec.name} ({subnet}) and {other.spec.name} ({another}) overlap: "
                    "a task can only be on one of them", rpc=True)


def _subnet(network: Network) -> str:
    """"" before the allocator has chosen (then it chooses one that overlaps none)."""
    return network.subnet or network.spec.ipam4.subnet


def _overlap(one: str, other: str) -> bool:
    return ipaddress.ip_network(one).overlaps(ipaddress.ip_network(other))
