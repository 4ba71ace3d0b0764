"""Owns who a node is, as its certificate says. Pure data, shared by ca, rpc and their users."""

from __future__ import annotations

from swarmkit_py.model.base import Model
from swarmkit_py.model.states import Role


class Identity(Model, frozen=True, kw_only=True):
    """A certificate's common name, organisation and organisational unit."""

    node_id: str
    cluster_id: str
    role: Role
