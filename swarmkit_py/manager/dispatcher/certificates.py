"""Owns what nodes are told of the swarm itself: a new root to trust, when to renew a certificate, who manages.

Who is to renew is decided elsewhere and stands in `Node.renew_from`. Counterpart: the root certificate and the node
object in the session messages of swarmkit/manager/dispatcher/dispatcher.go.
"""

from __future__ import annotations

from swarmkit_py.manager.dispatcher.sessions import Session, Sessions
from swarmkit_py.model.objects import Cluster, Node
from swarmkit_py.rpc.channel import ChannelClosed
from swarmkit_py.rpc.messages import ManagerList, RenewCertificate, TrustRoot
from swarmkit_py.store.memory import Store
from swarmkit_py.store.watch import Change


class CertificateNews:
    """`begin` with each session that was welcomed; `run` tells the others what changes."""

    def __init__(self, store: Store, sessions: Sessions) -> None:
        self._store = store
        self._sessions = sessions

    def begin(self, session: Session) -> None:
        """The root is in the welcome; a renewal asked for while the node was away is not. Raises ChannelClosed."""
        node = self._store.get(Node, session.node_id)
        if node is None:
            return
        other_root = node.renew_from and node.renew_from != _issuer(node)
        if other_root or (node.role is not None and node.role is not session.role):
            session.channel.send(RenewCertificate())

    async def run(self) -> None:
        with self._store.watch(Cluster, Node) as watch:
            while True:
                for change in await watch.next():
                    self._pass_on(change)
                if watch.acknowledge_resync():
                    self._tell_all()

    def _pass_on(self, change: Change) -> None:
        old, new = change.old, change.new
        if new is None:
            if isinstance(old, Node) and _address(old):
                self._tell_managers()
            return
        if isinstance(new, Cluster) and old is not None and old.root_ca != new.root_ca:
            self._tell_root(new.root_ca)
        if isinstance(new, Node):
            session = self._sessions.get(new.id)
            if session is not None and old is not None and _is_to_renew(old, new):
                _send(session, RenewCertificate())
            if _address(old) != _address(new):
                self._tell_managers()

    def _tell_all(self) -> None:
        for cluster in self._store.all(Cluster):
            self._tell_root(cluster.root_ca)
        self._tell_managers()
        for session in self._sessions:
            try:
                self.begin(session)
            except ChannelClosed:
                continue  # it is told when it comes back

    def _tell_managers(self) -> None:
        managers = managers_of(self._store)
        for session in self._sessions:
            _send(session, ManagerList(managers=managers))

    def _tell_root(self, root: str) -> None:
        for session in self._sessions:
            _send(session, TrustRoot(root=root))


def managers_of(store: Store) -> list[tuple[str, str]]:
    """(node id, `host:port`) of all managers."""
    return [(node.id, addr) for node in store.all(Node) if (addr := _address(node))]


def _address(node: object) -> str:
    return node.manager_status.addr if isinstance(node, Node) and node.manager_status else ""


def _is_to_renew(old: Node, new: Node) -> bool:
    other_role = new.role is not None and new.role is not old.actual_role
    return other_role or bool(new.renew_from and new.renew_from != old.renew_from)


def _issuer(node: Node) -> str:
    info = node.description.tls_info if node.description else None
    return info.cert_issuer_public_key if info else ""


def _send(session: Session, message: RenewCertificate | TrustRoot | ManagerList) -> None:
    try:
        session.channel.send(message)
    except ChannelClosed:
        pass  # it is told when it comes back
