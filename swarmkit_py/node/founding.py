"""Owns how a swarm begins: root, tokens, the first manager's certificate, and the first transaction in its journal.

Counterpart: swarmkit/ca/certificates.go (CreateRootCA) and becomeLeader in manager/manager.go.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from msgspec.structs import replace

from swarmkit_py.ca.root import RootCA, create_key_and_request, create_root, given_root, issue
from swarmkit_py.ca.tokens import new_token
from swarmkit_py.ca.unlock_key import new_unlock_key
from swarmkit_py.clock import Clock
from swarmkit_py.ids import Ids
from swarmkit_py.manager.control.seed import ClusterSeed, seed_cluster
from swarmkit_py.manager.defaults import cluster_with_defaults
from swarmkit_py.model.identity import Identity
from swarmkit_py.model.objects import JoinTokens, NodeDescription
from swarmkit_py.model.specs import CAConfig
from swarmkit_py.model.states import Role
from swarmkit_py.node.addresses import choose_advertise, has_address, local_addresses
from swarmkit_py.node.disk import Membership, SwarmDisk
from swarmkit_py.node.requests import ClusterWish, Initiating
from swarmkit_py.seal import new_key
from swarmkit_py.store.journal import SqliteJournal
from swarmkit_py.store.memory import Store


def create_cluster(
    disk: SwarmDisk, clock: Clock, ids: Ids, wanted: ClusterWish, membership: Membership,
    describe: Callable[[str], NodeDescription],
) -> None:
    """Root, tokens, this node's certificate, and the first transaction. `describe` is given the root certificate.
    Raises InvalidArgument for address pools."""
    spec = cluster_with_defaults(wanted.spec)
    root = _root(spec.ca_config, clock)
    key, csr = create_key_and_request()
    identity = Identity(node_id=membership.node_id, cluster_id=membership.cluster_id, role=Role.MANAGER)
    validity = timedelta(microseconds=(spec.ca_config.node_cert_expiry or 0) / 1000)
    cert = issue(root, csr, identity, clock.now(), validity)
    unlock_key = new_unlock_key() if spec.encryption_config.auto_lock_managers else ""
    seed = ClusterSeed(
        cluster_id=membership.cluster_id, node_id=membership.node_id, ingress_id=ids.object_id(),
        root_ca=root.cert_pem, root_key=root.key_pem,
        join_tokens=JoinTokens(worker=new_token(root.cert_pem), manager=new_token(root.cert_pem)),
        node_address=membership.addr, manager_address=membership.advertise_addr,
        description=describe(root.cert_pem), availability=wanted.availability,
        spec=replace(spec, ca_config=replace(spec.ca_config, signing_ca_key=None)), unlock_key=unlock_key,
        default_addr_pool=wanted.default_addr_pool, subnet_size=wanted.subnet_size,
        data_path_port=wanted.data_path_port,
    )
    disk.prepare()
    data_key = new_key()
    disk.certificates.unlock_key = unlock_key
    disk.certificates.save(root=root.cert_pem, cert=cert, key=key, data_key=data_key)
    store = Store(clock, SqliteJournal(disk.journal, data_key))
    try:
        seed_cluster(store, seed)
    finally:
        store.close()


def _root(config: CAConfig, clock: Clock) -> RootCA:
    """The root that was brought along, or a new one."""
    if config.signing_ca_cert:
        return given_root(config.signing_ca_cert, config.signing_ca_key or "", clock.now())
    return create_root(clock.now())


def alone_at(member: Membership, wanted: Initiating) -> Membership:
    """The only manager, listening as asked, and at another address if one is named. Raises InvalidArgument."""
    if wanted.advertise_host:
        addr = choose_advertise(wanted.advertise_host, local_addresses(), has_address(wanted.advertise_host))
        member = replace(member, addr=addr, advertise_addr=f"{addr}:{wanted.advertise_port}")
    return replace(member, listen_addr=wanted.listen_addr, managers=[(member.node_id, member.advertise_addr)])
