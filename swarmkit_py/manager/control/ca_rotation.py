"""Owns what `docker swarm ca --rotate` starts: which root is wanted, and whether that is a new rotation. Pure but for
the keys it makes.

Bringing the nodes over is `ca.reconciler`'s. Counterpart: swarmkit/manager/controlapi/ca_rotation.go.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from swarmkit_py.ca.root import RootCA, create_root, cross_sign, given_root
from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model.objects import Cluster, RootRotation
from swarmkit_py.model.specs import CAConfig


def rotated(cluster: Cluster, wanted: CAConfig, now: datetime) -> Cluster:
    """The cluster with the rotation that `wanted` asks for, compared with its own spec; as it is if for none.

    Raises InvalidArgument for a certificate or key that cannot be a root."""
    old = cluster.spec.ca_config
    if wanted.signing_ca_key and not wanted.signing_ca_cert:
        raise InvalidArgument("if a signing CA key is provided, the signing CA cert must also be provided", rpc=True)
    if not wanted.signing_ca_cert or (wanted.signing_ca_cert == old.signing_ca_cert and not wanted.signing_ca_key):
        again = (wanted.force_rotate or 0) != (old.force_rotate or 0)
        return _begin(cluster, create_root(now), now) if again else cluster
    if not wanted.signing_ca_key:
        raise InvalidArgument("a signing CA certificate without its key needs an external CA, which this swarm does "
                              "not have: give --ca-key as well", rpc=True)
    root = given_root(wanted.signing_ca_cert, wanted.signing_ca_key, now)
    if root.cert_pem == cluster.root_ca:  # back to where we are: a rotation under way is given up
        return replace(cluster, root_key=root.key_pem, root_rotation=None)
    if cluster.root_rotation is not None and cluster.root_rotation.ca_cert == root.cert_pem:
        return cluster
    return _begin(cluster, root, now)


def _begin(cluster: Cluster, new: RootCA, now: datetime) -> Cluster:
    """A rotation already under way is replaced: nodes trust the old root still, and go to the newest."""
    cross = cross_sign(RootCA(cluster.root_ca, cluster.root_key), new, now)
    return replace(cluster, root_rotation=RootRotation(ca_cert=new.cert_pem, ca_key=new.key_pem, cross_signed=cross))
