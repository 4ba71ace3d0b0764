"""Owns the paths, the bodies of plain calls and the form of errors on port 2377. Both sides import it."""

from __future__ import annotations

import msgspec

from swarmkit_py.errors import BY_CODE, SwarmError
from swarmkit_py.model.base import Model
from swarmkit_py.model.identity import Identity

ROOT_PATH = "/v1/ca/root"
ISSUE_PATH = "/v1/ca/issue"
RENEW_PATH = "/v1/ca/renew"
SESSION_PATH = "/v1/session"
MANAGER_JOIN_PATH = "/v1/managers/join"
PING_PATH = "/v1/managers/ping"
PROXY_PATH = "/v1/managers/proxy"
API_PATH = "/v1/managers/api"
ERROR_HEADER = "Swarm-Error"
"""The error's JSON once more: the body of a refused upgrade does not reach a WebSocket client."""


class RootAnswer(Model, frozen=True, kw_only=True):
    root: str


class IssueRequest(Model, frozen=True, kw_only=True):
    """A node that wants to join. `availability`: active, pause or drain."""

    csr: str
    token: str = ""
    availability: str = "active"
    can_manage: bool = False
    """This machine has what a manager of several needs."""


class RenewRequest(Model, frozen=True, kw_only=True):
    csr: str


class CertificateAnswer(Model, frozen=True, kw_only=True):
    """`certificate`: the node's, and (while the root is being changed) what leads from it to `root`."""

    certificate: str
    root: str


class ManagerJoinRequest(Model, frozen=True, kw_only=True):
    """A node that has a manager's certificate wants to be one. `address`: `host:port` of its port 2377;
    `peer_address`: where its etcd member is to be reached; `csr`: for that member's certificate."""

    address: str
    peer_address: str
    csr: str


class ManagerJoinAnswer(Model, frozen=True, kw_only=True):
    """What a manager needs to know of the others. `cluster`: (node id, peer URL) of each member, the new one too."""

    data_key: bytes
    unlock_key: str
    authority: str
    certificate: str
    cluster: list[tuple[str, str]]


class PingAnswer(Model, frozen=True, kw_only=True):
    """`sound`: this manager's member knows a leader of Raft's."""

    sound: bool


class ProxyRequest(Model, frozen=True, kw_only=True):
    """A plain call that a following manager hands on: for whom (None: nobody known), and the call's own body."""

    path: str
    caller: Identity | None
    body: bytes


class Empty(Model, frozen=True, kw_only=True):
    pass


class ErrorBody(Model, frozen=True, kw_only=True):
    code: str
    message: str


def error_body(error: SwarmError) -> bytes:
    return msgspec.json.encode(ErrorBody(code=error.code, message=error.message))


def rebuild_error(body: bytes) -> SwarmError:
    """The error the other side raised; it has crossed the wire, so it is shown with the RPC frame."""
    try:
        error = msgspec.json.decode(body, type=ErrorBody)
    except msgspec.DecodeError:
        return SwarmError("the manager's answer was not understood: is that address a swarm manager's?", rpc=True)
    return BY_CODE.get(error.code, SwarmError)(error.message, rpc=True)
