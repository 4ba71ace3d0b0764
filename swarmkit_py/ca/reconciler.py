"""Owns the way of all nodes to a new root: who is asked to renew next, and when the old root may go.

Asked are thirty nodes every three seconds, so that a manager is not buried; the old root goes when every node's
certificate is the new root's (a node that is down holds this up until it is back or removed). The dispatcher passes
on what stands in `Node.renew_from`. Counterpart: swarmkit/ca/reconciler.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from swarmkit_py.ca.root import tls_info
from swarmkit_py.ca.tokens import new_token
from swarmkit_py.clock import Clock
from swarmkit_py.model.objects import Cluster, JoinTokens, Node, Object
from swarmkit_py.store.memory import Store, Transaction
from swarmkit_py.store.watch import Change

BATCH = 30
RHYTHM_SECONDS = 3.0


@dataclass(frozen=True)
class Step:
    """The next step of a rotation: ask these nodes (ids), or, when all are there, finish."""

    ask: list[str] = field(default_factory=list)
    finished: bool = False


def next_step(issuer_key: str, nodes: Iterable[Node]) -> Step:
    """What to do for nodes to have certificates of the root with this public key (base64 of DER). Pure."""
    strangers = [node for node in nodes if issuer_of(node) != issuer_key]
    if not strangers:
        return Step(finished=True)
    return Step(ask=[node.id for node in strangers if node.renew_from != issuer_key][:BATCH])


def issuer_of(node: Node) -> str:
    """The public key of the root that signed the node's certificate, as the node said; "" if it did not say."""
    info = node.description.tls_info if node.description else None
    return info.cert_issuer_public_key if info else ""


class RootReconciler:
    """A part of the manager: brings a root rotation to its end. `token(root)` makes a join token."""

    kinds: tuple[type[Object], ...] = (Cluster, Node)

    def __init__(self, store: Store, clock: Clock, token: Callable[[str], str] = new_token) -> None:
        self._store = store
        self._clock = clock
        self._token = token
        self._asked_at = float("-inf")

    def look_at_everything(self) -> None:
        """Nothing is kept but the moment of the last request."""

    def notice(self, change: Change) -> None:
        """Each look starts from the tables."""

    def tick(self) -> float | None:
        """One step, if a rotation is under way and it is time."""
        cluster = next(iter(self._store.all(Cluster)), None)
        if cluster is None or cluster.root_rotation is None:
            return None
        key = tls_info(cluster.root_rotation.ca_cert).cert_issuer_public_key
        step = next_step(key, self._store.all(Node))
        if step.finished:
            self._store.update(lambda tx: self._finish(tx, cluster.id))
            return None
        if not step.ask:
            return None
        wait = self._asked_at + RHYTHM_SECONDS - self._clock.monotonic()
        if wait > 0:
            return wait
        self._asked_at = self._clock.monotonic()
        self._store.update(lambda tx: _ask(tx, step.ask, key))
        return RHYTHM_SECONDS

    def _finish(self, tx: Transaction, cluster_id: str) -> None:
        """The new root is the root. Tokens name the root's digest, so they change with it."""
        cluster = tx.get(Cluster, cluster_id)
        if cluster is None or cluster.root_rotation is None:
            return
        new = cluster.root_rotation
        tokens = JoinTokens(worker=self._token(new.ca_cert), manager=self._token(new.ca_cert))
        tx.update(replace(cluster, root_ca=new.ca_cert, root_key=new.ca_key, root_rotation=None, join_tokens=tokens))
        for node in tx.all(Node):
            if node.renew_from:
                tx.update(replace(node, renew_from=""))


def _ask(tx: Transaction, node_ids: list[str], key: str) -> None:
    for node_id in node_ids:
        node = tx.get(Node, node_id)
        if node is not None:
            tx.update(replace(node, renew_from=key))
