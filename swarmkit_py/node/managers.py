"""Owns how managers deal with each other on port 2377: calls that only the leader answers, and how a new one joins.

A manager that follows hands such a call on, once, and says for whom. Counterpart: swarmkit's generated raftproxy, and
Join in manager/state/raft/raft.go.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from swarmkit_py.ca.peers import issue_peer
from swarmkit_py.ca.root import MANAGER_NAME, RootCA
from swarmkit_py.clock import Clock
from swarmkit_py.errors import InvalidArgument, NoLeader, PermissionDenied, Unavailable
from swarmkit_py.manager.quorum import REACHABLE
from swarmkit_py.model.identity import Identity
from swarmkit_py.model.objects import Cluster, ManagerStatus, Node
from swarmkit_py.model.states import Role
from swarmkit_py.node.addresses import split_port
from swarmkit_py.node.raft_member import RaftMember, peer_url
from swarmkit_py.rpc.auth import MANAGERS
from swarmkit_py.rpc.client import Unreachable, call
from swarmkit_py.rpc.server import Handler, RpcServer
from swarmkit_py.rpc.wire import PROXY_PATH, ManagerJoinAnswer, ManagerJoinRequest, ProxyRequest
from swarmkit_py.store.memory import Store, Transaction

B = TypeVar("B", bound=msgspec.Struct)
PROXY_SECONDS = 20.0


@dataclass(frozen=True)
class _Call:
    roles: frozenset[Role]
    body: type[msgspec.Struct]
    handler: Handler[Any]


class ManagerDesk:
    """`leading` and `leader` (its address, "" if there is none) are asked anew each time."""

    def __init__(
        self, rpc: RpcServer, leading: Callable[[], bool], leader: Callable[[], str],
        context: Callable[[], ssl.SSLContext],
    ) -> None:
        self._rpc, self._leading, self._leader, self._context = rpc, leading, leader, context
        self._calls: dict[str, _Call] = {}
        rpc.add(PROXY_PATH, MANAGERS, ProxyRequest, self._proxied)

    def add(self, path: str, roles: frozenset[Role], body: type[B], handler: Handler[B]) -> None:
        """A call that every manager answers."""
        self._rpc.add(path, roles, body, handler)

    def add_for_leader(
        self, path: str, roles: frozenset[Role], body: type[B], answer: type[msgspec.Struct], handler: Handler[B],
    ) -> None:
        """A call that the leader answers, and the others hand on to it."""
        self._calls[path] = _Call(roles, body, handler)

        async def serve(caller: Identity | None, request: B) -> msgspec.Struct:
            if self._leading():
                return await handler(caller, request)
            return await self._hand_on(path, caller, request, answer)

        self._rpc.add(path, roles, body, serve)

    async def admit(
        self, member: RaftMember, store: Store, data_key: bytes, caller: Identity, request: ManagerJoinRequest,
        clock: Clock,
    ) -> ManagerJoinAnswer:
        """Add a manager's member, which has no vote yet, and tell it all it needs. Raises Unavailable while another
        one is being added, PermissionDenied for a node that is to be a worker."""
        node = store.get(Node, caller.node_id)
        if node is None or node.spec.role is not Role.MANAGER:
            raise PermissionDenied(f"node {caller.node_id} is not to be a manager", rpc=True)
        url = peer_url(request.peer_address)
        host, _ = split_port(request.peer_address, 0)
        certificate = issue_peer(self.authority(store), request.csr, caller, host, clock.now())
        for other in await member.etcd.members():
            if other.name == caller.node_id or other.peer_url == url:
                # What it was before it lost its disk, or an attempt that broke off.
                await member.etcd.remove(other.id)
            elif other.learner:
                raise Unavailable("another manager is being added just now: try again in a moment", rpc=True)
        await member.etcd.add_learner(url)
        store.update(lambda tx: _welcome(tx, caller.node_id, request.address))
        cluster = [(other.name, other.peer_url) for other in await member.etcd.members() if other.name]
        return ManagerJoinAnswer(
            data_key=data_key, unlock_key=store.all(Cluster)[0].unlock_key,
            authority=self.authority(store).cert_pem, certificate=certificate,
            cluster=[*cluster, (caller.node_id, url)])

    def authority(self, store: Store) -> RootCA:
        """The members' own."""
        cluster = store.all(Cluster)[0]
        return RootCA(cluster.raft_ca, cluster.raft_key)

    async def _hand_on(
        self, path: str, caller: Identity | None, request: msgspec.Struct, answer: type[msgspec.Struct],
    ) -> msgspec.Struct:
        leader = self._leader()
        if not leader:
            raise NoLeader
        handed = ProxyRequest(path=path, caller=caller, body=msgspec.json.encode(request))
        try:
            return await call(leader, PROXY_PATH, handed, answer, self._context(), MANAGER_NAME, PROXY_SECONDS)
        except Unreachable:
            raise NoLeader from None

    async def _proxied(self, caller: Identity | None, request: ProxyRequest) -> msgspec.Struct:
        """What another manager hands on. It is answered here or not at all: one hop only."""
        found = self._calls.get(request.path)
        if found is None:
            raise InvalidArgument(f"no call {request.path} is handed on", rpc=True)
        if not self._leading():
            raise NoLeader
        self._rpc.check(request.caller, found.roles)
        try:
            body = msgspec.json.decode(request.body, type=found.body)
        except msgspec.DecodeError as error:
            raise InvalidArgument(f"not a {found.body.__name__}: {error}", rpc=True) from None
        return await found.handler(request.caller, body)


def _welcome(tx: Transaction, node_id: str, address: str) -> None:
    node = tx.get(Node, node_id)
    if node is not None:
        tx.update(replace(node, manager_status=ManagerStatus(addr=address, reachability=REACHABLE)))
