"""Owns the first transaction of a new swarm: the cluster, its first manager's node, and the ingress network.

Keys, certificates and ids come from the caller. Counterpart: becomeLeader in swarmkit/manager/manager.go.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.manager import defaults
from swarmkit_py.manager.control.cluster import check_spec
from swarmkit_py.model.objects import Cluster, JoinTokens, ManagerStatus, Network, Node, NodeDescription, NodeStatus
from swarmkit_py.model.specs import ClusterSpec, NetworkSpec, NodeSpec
from swarmkit_py.model.states import Availability, NodeState, Role
from swarmkit_py.store.memory import Store, Transaction


@dataclass(frozen=True, kw_only=True)
class ClusterSeed:
    """All that `swarm init` knows. `node_address` is the underlay address, `manager_address` has the port."""

    cluster_id: str
    node_id: str
    ingress_id: str
    root_ca: str
    root_key: str
    join_tokens: JoinTokens
    node_address: str
    manager_address: str
    description: NodeDescription
    availability: Availability = Availability.ACTIVE
    spec: ClusterSpec | None = None
    default_addr_pool: list[str] = field(default_factory=lambda: list(defaults.ADDR_POOL))
    subnet_size: int = defaults.SUBNET_SIZE
    data_path_port: int = defaults.DATA_PATH_PORT
    unlock_key: str = ""


def seed_cluster(store: Store, seed: ClusterSeed) -> Cluster:
    """Store cluster, node and ingress in one transaction. Raises InvalidArgument for address pools that hold no
    subnet, Unimplemented for settings that are not there yet, AlreadyExists if it was done before."""
    check_spec(defaults.CLUSTER_SPEC, defaults.cluster_with_defaults(seed.spec))
    subnet = first_subnet(seed.default_addr_pool, seed.subnet_size)
    return store.update(lambda tx: _write(tx, seed, subnet))


def first_subnet(pools: list[str], size: int) -> ipaddress.IPv4Network:
    """The subnet that the ingress network takes. Raises InvalidArgument for pools that are none."""
    try:
        networks = [ipaddress.IPv4Network(pool) for pool in pools]
    except ValueError as error:
        raise InvalidArgument(f"invalid default address pool: {error}") from error
    if not networks:
        raise InvalidArgument("the default address pool is empty: give one such as 10.0.0.0/8")
    # A subnet needs a gateway, a virtual IP, a node and a task at least.
    if not networks[0].prefixlen <= size <= 29:
        raise InvalidArgument(f"subnet size {size} must be between {networks[0].prefixlen} (the pool) and 29")
    return next(networks[0].subnets(new_prefix=size))


def _write(tx: Transaction, seed: ClusterSeed, subnet: ipaddress.IPv4Network) -> Cluster:
    tx.create(Node(
        id=seed.node_id,
        spec=NodeSpec(role=Role.MANAGER, availability=seed.availability),
        description=seed.description,
        status=NodeStatus(state=NodeState.UNKNOWN, addr=seed.node_address),
        manager_status=ManagerStatus(leader=True, addr=seed.manager_address),
    ))
    tx.create(Network(
        id=seed.ingress_id,
        spec=NetworkSpec(name="ingress", ingress=True),
        subnet=str(subnet), gateway=str(subnet[1]), vni=defaults.FIRST_VNI,
    ))
    return tx.create(Cluster(
        id=seed.cluster_id, spec=defaults.cluster_with_defaults(seed.spec), root_ca=seed.root_ca,
        root_key=seed.root_key, join_tokens=seed.join_tokens, default_addr_pool=seed.default_addr_pool,
        subnet_size=seed.subnet_size, data_path_port=seed.data_path_port, unlock_key=seed.unlock_key,
    ))
