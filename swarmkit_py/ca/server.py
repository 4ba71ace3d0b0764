"""Owns the manager's side of certificates: hand out the root, let nodes with a token in, renew members'.

Runs on a manager only. Must not know: sockets, files. Counterpart: swarmkit/ca/server.go.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from swarmkit_py.ca.root import NODE_VALIDITY, RootCA, issue
from swarmkit_py.ca.tokens import same_token
from swarmkit_py.clock import Clock
from swarmkit_py.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, Unavailable
from swarmkit_py.ids import Ids
from swarmkit_py.model.identity import Identity
from swarmkit_py.model.objects import Cluster, Node
from swarmkit_py.model.specs import NodeSpec
from swarmkit_py.model.states import Availability, Role
from swarmkit_py.rpc.wire import CertificateAnswer, Empty, IssueRequest, RenewRequest, RootAnswer
from swarmkit_py.store.memory import Store

BAD_TOKEN = "A valid join token is necessary to join this cluster"
NO_ETCD_THERE = (
    "a second manager needs etcd on both machines, and the joining one has none: install the package etcd-server "
    "there (in the lab kit: ./lab doctor), or join with the worker token"
)


class CAServer:
    """Three calls; the first two are for anyone, the third for members. `no_managers`: why this swarm cannot have
    several; "" if it can."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, no_managers: Callable[[], str] = lambda: "") -> None:
        self._store, self._clock, self._ids, self._no_managers = store, clock, ids, no_managers

    async def root(self, caller: Identity | None, request: Empty) -> RootAnswer:
        """The root certificate: public, the joiner checks its digest."""
        return RootAnswer(root=self._cluster().root_ca)

    async def issue(self, caller: Identity | None, request: IssueRequest) -> CertificateAnswer:
        """A certificate for a new node, which the store then has. Raises InvalidArgument for a wrong token."""
        cluster = self._cluster()
        role = self._role_of(cluster, request)
        identity = Identity(node_id=self._ids.object_id(), cluster_id=cluster.id, role=role)
        answer = self._sign(cluster, request.csr, identity)
        spec = NodeSpec(role=role, availability=_availability(request.availability))
        node = Node(id=identity.node_id, spec=spec, role=role, can_manage=request.can_manage)
        self._store.update(lambda tx: tx.create(node))
        return answer

    async def renew(self, caller: Identity | None, request: RenewRequest) -> CertificateAnswer:
        """A new certificate for the same node, with the role the store says it has."""
        assert caller is not None, "the route is for members"
        cluster = self._cluster()
        node = self._store.get(Node, caller.node_id)
        if node is None:
            raise NotFound(f"node {caller.node_id} not found", rpc=True)
        if caller.node_id in cluster.removed_nodes:
            raise PermissionDenied(f"node {caller.node_id} was removed from this swarm", rpc=True)
        identity = Identity(node_id=node.id, cluster_id=cluster.id, role=node.actual_role)
        return self._sign(cluster, request.csr, identity)

    def _role_of(self, cluster: Cluster, request: IssueRequest) -> Role:
        worker = same_token(request.token, cluster.join_tokens.worker)
        if same_token(request.token, cluster.join_tokens.manager):
            hindrance = self._no_managers() or ("" if request.can_manage else NO_ETCD_THERE)
            if hindrance:
                raise FailedPrecondition(hindrance, rpc=True)
            return Role.MANAGER
        if not worker:
            raise InvalidArgument(BAD_TOKEN, rpc=True)
        return Role.WORKER

    def _sign(self, cluster: Cluster, csr: str, identity: Identity) -> CertificateAnswer:
        rotation = cluster.root_rotation
        root = (RootCA(cluster.root_ca, cluster.root_key) if rotation is None
                else RootCA(rotation.ca_cert, rotation.ca_key))
        expiry = cluster.spec.ca_config.node_cert_expiry
        validity = timedelta(microseconds=expiry / 1000) if expiry else NODE_VALIDITY
        certificate = issue(root, csr, identity, self._clock.now(), validity)
        vouching = rotation.cross_signed if rotation is not None else ""
        return CertificateAnswer(certificate=certificate + vouching, root=cluster.root_ca)

    def _cluster(self) -> Cluster:
        clusters = self._store.all(Cluster)
        if not clusters:
            raise Unavailable("this manager has no cluster yet", rpc=True)
        return clusters[0]


def _availability(text: str) -> Availability:
    try:
        return Availability(text or "active")
    except ValueError:
        raise InvalidArgument(f'invalid availability "{text}": active, pause or drain', rpc=True) from None
