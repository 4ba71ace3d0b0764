"""Owns the certificates of the managers' etcd members: an authority of their own, and one certificate a member.

Not the swarm's root: a worker has nothing of this authority, so it cannot speak Raft; and etcd reads its authority
only when it starts, so a new root of the swarm (`swarm ca --rotate`) must not concern it. Both are good for 20 years.
Pure but for the keys it makes. No counterpart: SwarmKit's Raft uses the swarm's own certificates.
"""

from __future__ import annotations

import ipaddress
from datetime import datetime

from cryptography import x509

from swarmkit_py.ca import root as ca
from swarmkit_py.ca.root import RootCA
from swarmkit_py.model.identity import Identity

AUTHORITY_NAME = "swarm-managers"


def create_authority(now: datetime) -> RootCA:
    """A new authority for one swarm's members."""
    return ca.create_root(now, AUTHORITY_NAME)


def issue_peer(authority: RootCA, csr_pem: str, identity: Identity, address: str, now: datetime) -> str:
    """The certificate of a manager's member at this IPv4 address, PEM. Raises InvalidArgument for a request that is
    none."""
    names = [x509.DNSName(identity.node_id), x509.IPAddress(ipaddress.IPv4Address(address))]
    return ca.sign(authority, csr_pem, identity, names, now, ca.ROOT_VALIDITY - 2 * ca.BACKDATE)
