"""Owns the transaction behind `docker swarm update` and `docker swarm join-token --rotate`.

Counterpart: swarmkit/manager/controlapi/cluster.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from swarmkit_py.errors import InvalidArgument, Unavailable, Unimplemented
from swarmkit_py.manager import defaults
from swarmkit_py.manager.control.normal import essence
from swarmkit_py.model.objects import Cluster
from swarmkit_py.model.specs import ClusterSpec
from swarmkit_py.model.states import Role
from swarmkit_py.store.memory import Transaction

NewToken = Callable[[Role], str]


def current(clusters: Iterable[Cluster]) -> Cluster:
    """The one cluster object. Raises Unavailable before it is made."""
    for cluster in clusters:
        return cluster
    raise Unavailable("the swarm has no cluster object yet: try again in a moment")


def update(
    tx: Transaction, version: int, spec: ClusterSpec, rotate: Iterable[Role], new_token: NewToken,
) -> Cluster:
    """Replace the cluster's spec and the join tokens of the roles in `rotate`. Raises OutOfSequence for a stale
    `version`, InvalidArgument, Unimplemented."""
    cluster = current(tx.all(Cluster))
    spec = _merged(cluster.spec, spec)
    check_spec(cluster.spec, spec)
    fresh = {role.value: new_token(role) for role in rotate}
    tokens = replace(cluster.join_tokens, **fresh)
    return tx.update(replace(cluster, spec=spec, join_tokens=tokens), expect=version)


def _merged(old: ClusterSpec, new: ClusterSpec) -> ClusterSpec:
    """What was not said stays as it was."""
    return defaults.cluster_with_defaults(replace(
        new,
        name=new.name or old.name,
        orchestration=defaults.filled(new.orchestration, old.orchestration),
        raft=defaults.filled(new.raft, old.raft),
        dispatcher=defaults.filled(new.dispatcher, old.dispatcher),
        ca_config=defaults.filled(new.ca_config, old.ca_config),
    ))


def check_spec(old: ClusterSpec, new: ClusterSpec) -> None:
    """Raises InvalidArgument or Unimplemented for the first thing in `new` that cannot be (`old`: as it is now)."""
    _check(new)
    _refuse_not_yet(old, new)


def _check(spec: ClusterSpec) -> None:
    if spec.name != "default":
        raise InvalidArgument("modification of cluster name is not allowed", rpc=True)
    if (spec.dispatcher.heartbeat_period or 0) < 0:
        raise InvalidArgument("heartbeat time period cannot be a negative duration", rpc=True)
    expiry = spec.ca_config.node_cert_expiry or 0
    if expiry < defaults.MIN_NODE_CERT_EXPIRY:
        raise InvalidArgument("minimum certificate expiry time is: 1h0m0s", rpc=True)


def _refuse_not_yet(old: ClusterSpec, new: ClusterSpec) -> None:
    if new.encryption_config.auto_lock_managers:
        raise Unimplemented("locking managers (--autolock) is not there yet in this swarm; leave it out")
    if new.task_defaults != old.task_defaults and essence(new.task_defaults):
        raise Unimplemented("a default log driver (TaskDefaults) is not there yet in this swarm; leave it out")
    if essence(new.raft) != essence(old.raft):
        raise Unimplemented("this swarm has no Raft log: its snapshot and tick settings cannot be changed")
    plain = replace(new.ca_config, node_cert_expiry=old.ca_config.node_cert_expiry)
    if essence(plain) != essence(old.ca_config):
        raise Unimplemented("rotating the root certificate and external CAs are not there yet in this swarm")
