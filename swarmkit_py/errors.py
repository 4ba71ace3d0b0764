"""Owns the one exception tree of the package, and the HTTP status of each class. Knows nothing else.

    SwarmError                     anything we say on purpose; never a traceback for a user
    ├── InvalidArgument      400   the request is wrong in itself
    ├── FailedPrecondition   400   right in itself, but not in this state
    ├── OutOfRange           400   a version to go on from that is forgotten, or yet to come
    ├── Unauthenticated      401   who are you?
    ├── PermissionDenied     403   known, but not allowed
    ├── NotFound             404   there is no such object
    ├── AlreadyExists        409   the name, or the membership, is taken
    ├── Conflict             409   the object is not in a state for this (container calls)
    ├── OutOfSequence        500   a stale version: read again, then update (Docker answers 500 here)
    ├── Internal             500   our fault, or the kernel's: says what failed
    ├── Unimplemented        501   not there yet: says so
    └── Unavailable          503   this node cannot answer such calls now
        ├── NotLeader        503   a manager that follows: the leader can
        └── NoLeader         500   too few managers are there to agree on anything (Docker answers 500 here)

Docker shows errors that come from the manager as `rpc error: code = NotFound desc = …`; `rpc=True` asks for
that form. Counterpart: google.golang.org/grpc/codes as used in swarmkit/manager/controlapi.
"""

from __future__ import annotations

from typing import ClassVar


class SwarmError(Exception):
    """Base of all errors meant for a reader; `str(error)` is the whole sentence."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "Unknown"

    def __init__(self, message: str, *, rpc: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.rpc = rpc

    def wire_text(self) -> str:
        """The text as the Docker API shows it, with the gRPC frame where the manager was asked."""
        return f"rpc error: code = {self.code} desc = {self.message}" if self.rpc else self.message


class InvalidArgument(SwarmError):
    status, code = 400, "InvalidArgument"


class FailedPrecondition(SwarmError):
    status, code = 400, "FailedPrecondition"


class OutOfRange(SwarmError):
    status, code = 400, "OutOfRange"


class Unauthenticated(SwarmError):
    status, code = 401, "Unauthenticated"


class PermissionDenied(SwarmError):
    status, code = 403, "PermissionDenied"


class NotFound(SwarmError):
    status, code = 404, "NotFound"


class AlreadyExists(SwarmError):
    status, code = 409, "AlreadyExists"


class Conflict(SwarmError):
    status, code = 409, "Aborted"


class OutOfSequence(SwarmError):
    status, code = 500, "Unknown"


class Internal(SwarmError):
    status, code = 500, "Internal"


class Unimplemented(SwarmError):
    status, code = 501, "Unimplemented"


class Unavailable(SwarmError):
    status, code = 503, "Unavailable"


class NotLeader(Unavailable):
    """This manager follows another one, whose call this is."""


class NoLeader(Unavailable):
    """Nothing can be decided: no manager leads, or the one that did has just lost its place."""

    status, code = 500, "Unknown"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or NO_LEADER, rpc=True)


NO_LEADER = (
    "The swarm does not have a leader. It's possible that too few managers are online. "
    "Make sure more than half of the managers are online."
)
"""swarmkit/manager/state/raft/raft.go."""

BY_CODE: dict[str, type[SwarmError]] = {
    cls.code: cls
    for cls in (
        OutOfSequence, InvalidArgument, FailedPrecondition, Unauthenticated, PermissionDenied, NotFound,
        AlreadyExists, Internal, OutOfRange, Unimplemented, Unavailable,
    )
}
"""For rebuilding an error that crossed the wire as its code."""
