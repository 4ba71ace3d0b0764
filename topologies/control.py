"""Owns the control socket: JSON lines, `{"method": M, "params": {…}}` in, `{"result": …}` or `{"error": …}` out.

`Server` is fed by the supervisor's one loop; `call` is the other end, for the commands outside.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swarmkit_py.errors import BY_CODE, Internal, InvalidArgument, SwarmError, Unavailable

_OVERFLOW_UID = 65534
_LONGEST_LINE = 1 << 20

Handler = Callable[[str, dict[str, Any]], Any]


def may_connect(pid: int, uid: int, *, as_root: bool) -> bool:
    """Whether a peer may control this cluster. We count as the sandbox does: who is outside has no pid (0) here, and
    nobody inside has anything to say. Its owner is 0 for an ordinary user; for root, who is nobody inside, the
    directory's permissions have let through nobody else."""
    return pid == 0 and (uid == 0 or (as_root and uid == _OVERFLOW_UID))


class Server:
    """The listening socket and its connections, on a selector that somebody else waits for."""

    def __init__(self, path: Path, selector: selectors.BaseSelector, handler: Handler, *, as_root: bool) -> None:
        self._selector = selector
        self._handler = handler
        self._as_root = as_root
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(os.fspath(path))
        path.chmod(0o600)
        self._listener.listen(16)
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def _accept(self) -> None:
        peer, _ = self._listener.accept()
        peer.settimeout(5)  # a peer that does not read its answer shall not stop us
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        if not may_connect(*struct.unpack("3i", credentials)[:2], as_root=self._as_root):
            peer.close()
            return
        connection = _Connection(peer)
        self._selector.register(peer, selectors.EVENT_READ, lambda: self._serve(connection))

    def _serve(self, connection: _Connection) -> None:
        try:
            lines = connection.read_lines()
            for line in lines or ():
                connection.send(answer(line, self._handler))
        except OSError:
            lines = None
        if lines is None:
            self._selector.unregister(connection.peer)
            connection.peer.close()


class _Connection:
    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        self._rest = b""

    def read_lines(self) -> list[bytes] | None:
        """The whole lines that have come; None at the end, or for a line that is too long."""
        chunk = self.peer.recv(65536)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return lines if chunk and len(self._rest) < _LONGEST_LINE else None

    def send(self, message: dict[str, Any]) -> None:
        self.peer.sendall(json.dumps(message).encode() + b"\n")


def answer(line: bytes, handler: Handler) -> dict[str, Any]:
    """What to say to one line."""
    try:
        message = json.loads(line)
        method, params = message["method"], message.get("params", {})
    except (ValueError, KeyError, TypeError, AttributeError):
        error: SwarmError = InvalidArgument("not a request: a JSON object with 'method' and 'params' is expected")
        return {"error": error.message, "code": error.code}
    try:
        return {"result": handler(method, params)}
    except SwarmError as known:
        return {"error": known.message, "code": known.code}
    except Exception as unknown:  # noqa: BLE001 - the boundary: one bad request must not end the sandbox
        return {"error": f"{method} failed: {type(unknown).__name__}: {unknown}", "code": Internal.code}


def call(path: Path, method: str, params: dict[str, Any], seconds: float = 60) -> Any:
    """Ask a cluster's supervisor. Raises Unavailable when it does not answer, else the error it answers with."""
    try:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(seconds)
            peer.connect(os.fspath(path))
            peer.sendall(json.dumps({"method": method, "params": params}).encode() + b"\n")
            with peer.makefile("rb") as lines:
                line = lines.readline()
    except OSError as error:
        raise Unavailable(f"The cluster does not answer on {path}: {error}.") from error
    if not line:
        raise Unavailable(f"The cluster closed the connection on {path}.")
    message = json.loads(line)
    if "error" in message:
        raise BY_CODE.get(message.get("code", ""), Internal)(message["error"])
    return message["result"]
