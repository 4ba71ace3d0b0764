"""Owns who may call what: each route names the roles it is for. Pure.

Counterpart: the `tls_authorization` options of swarmkit/api/*.proto and ca/auth.go.
"""

from __future__ import annotations

from collections.abc import Collection

from swarmkit_py.errors import PermissionDenied, Unauthenticated
from swarmkit_py.model.identity import Identity
from swarmkit_py.model.states import Role

ANYONE: frozenset[Role] = frozenset()
"""No certificate needed: for nodes that are about to join."""
MEMBERS = frozenset(Role)
MANAGERS = frozenset({Role.MANAGER})


def authorize(caller: Identity | None, roles: frozenset[Role], cluster_id: str, removed: Collection[str]) -> None:
    """Raises Unauthenticated without a certificate; PermissionDenied for another swarm, role or a removed node."""
    if roles == ANYONE:
        return
    if caller is None:
        raise Unauthenticated("this call needs a node's certificate", rpc=True)
    if caller.cluster_id != cluster_id:
        raise PermissionDenied(f"node {caller.node_id} belongs to another swarm", rpc=True)
    if caller.node_id in removed:
        raise PermissionDenied(f"node {caller.node_id} was removed from this swarm", rpc=True)
    if caller.role not in roles:
        raise PermissionDenied(f"a {caller.role.value} may not make this call", rpc=True)
