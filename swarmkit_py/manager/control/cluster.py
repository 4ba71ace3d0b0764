"""Owns the transaction behind `docker swarm update`, `swarm ca --rotate`, `join-token` and `unlock-key --rotate`.

Counterpart: swarmkit/manager/controlapi/cluster.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from swarmkit_py.errors import InvalidArgument, OutOfSequence, Unavailable, Unimplemented
from swarmkit_py.manager import defaults
from swarmkit_py.manager.control import ca_rotation
from swarmkit_py.manager.control.normal import essence
from swarmkit_py.model.objects import Cluster
from swarmkit_py.model.specs import ClusterSpec
from swarmkit_py.model.states import Role
from swarmkit_py.store.memory import Transaction

NewToken = Callable[[Role], str]


@dataclass(frozen=True)
class Rotate:
    """What is to be made anew: the join tokens of these roles, the unlock key."""

    tokens: tuple[Role, ...] = ()
    unlock_key: bool = False


@dataclass(frozen=True)
class Makers:
    """Where new secrets come from: chance and time are arguments."""

    token: NewToken
    unlock_key: Callable[[], str]
    now: Callable[[], datetime]


def current(clusters: Iterable[Cluster]) -> Cluster:
    """The one cluster object. Raises Unavailable before it is made."""
    for cluster in clusters:
        return cluster
    raise Unavailable("the swarm has no cluster object yet: try again in a moment")


def update(tx: Transaction, version: int, spec: ClusterSpec, rotate: Rotate, make: Makers) -> Cluster:
    """Replace the cluster's spec, and what is to be rotated. Raises OutOfSequence for a stale `version`,
    InvalidArgument, Unimplemented."""
    cluster = current(tx.all(Cluster))
    if cluster.index != version:
        raise OutOfSequence("update out of sequence", rpc=True)
    spec = _merged(cluster.spec, spec)
    check_spec(cluster.spec, spec)
    cluster = ca_rotation.rotated(cluster, spec.ca_config, make.now())
    fresh = {role.value: make.token(role) for role in rotate.tokens}
    return tx.update(replace(
        cluster, spec=_stored(spec), join_tokens=replace(cluster.join_tokens, **fresh),
        unlock_key=_unlock_key(cluster, spec, rotate, make),
    ), expect=version)


def _unlock_key(cluster: Cluster, spec: ClusterSpec, rotate: Rotate, make: Makers) -> str:
    """Kept for as long as managers lock themselves, and no longer."""
    if not spec.encryption_config.auto_lock_managers:
        return ""
    return make.unlock_key() if rotate.unlock_key or not cluster.unlock_key else cluster.unlock_key


def _stored(spec: ClusterSpec) -> ClusterSpec:
    """A signing key is used, and never shown again: it is no part of the spec that is kept."""
    return replace(spec, ca_config=replace(spec.ca_config, signing_ca_key=None))


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
    if 0 < (spec.dispatcher.heartbeat_period or 0) < defaults.MIN_HEARTBEAT_PERIOD:
        raise InvalidArgument("heartbeat time period must be at least 100ms: nodes could not keep pace", rpc=True)
    expiry = spec.ca_config.node_cert_expiry or 0
    if expiry < defaults.MIN_NODE_CERT_EXPIRY:
        raise InvalidArgument("minimum certificate expiry time is: 1h0m0s", rpc=True)
    for what, value in (("snapshot interval", spec.raft.snapshot_interval),
                        ("number of old snapshots", spec.raft.keep_old_snapshots)):
        if (value or 0) < 0:
            raise InvalidArgument(f"the {what} cannot be negative", rpc=True)


def _refuse_not_yet(old: ClusterSpec, new: ClusterSpec) -> None:
    if new.task_defaults != old.task_defaults and essence(new.task_defaults):
        raise Unimplemented("a default log driver (TaskDefaults) is not there yet in this swarm; leave it out")
    journal = replace(new.raft, snapshot_interval=old.raft.snapshot_interval,
                      keep_old_snapshots=old.raft.keep_old_snapshots)
    if essence(journal) != essence(old.raft):
        raise Unimplemented("this swarm's manager keeps a journal, no Raft log: there are no ticks and no followers")
    if new.ca_config.external_cas:
        raise Unimplemented("external certificate authorities (--external-ca) are not there in this swarm: "
                            "its own authority signs; leave the option out")
