"""Owns a small client of the public Docker Engine API over a unix socket. Knows no lab and no swarm of ours.

The docker SDK would do, but importing it costs more time than `lab check` may take.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from topologies.cluster import MachineFault

API = "/v1.41"


class EngineError(Exception):
    """The engine answered with an error; `status` is HTTP's, the text is the engine's own message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class EngineSilent(MachineFault, OSError):
    """Nobody answers on this socket, or no longer: the host or its swarmd is gone. Not the student's fault.

    It is an OSError as well, so that whoever only looks may take it as one more connection that failed.
    """

    def __init__(self, path: Path, why: BaseException) -> None:
        super().__init__(
            f"the Docker Engine of host {path.parent.name} stopped answering ({type(why).__name__}). Is its swarmd "
            "still running? `lab status` tells; `lab down` and `lab run` start anew."
        )


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Engine:
    """One host's Docker Engine. EngineSilent where nothing answers, EngineError where it refuses."""

    def __init__(self, path: Path, timeout: float = 10.0) -> None:
        self.path, self.timeout = path, timeout

    def get(self, path: str, **query: Any) -> Any:
        """The decoded JSON answer; `filters={…}` is encoded as the API wants it."""
        return self._call("GET", path, query, None)

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        return self._call("POST", path, query, body)

    def delete(self, path: str, **query: Any) -> Any:
        return self._call("DELETE", path, query, None)

    def events(self, opened: Callable[[socket.socket], None] | None = None) -> Iterator[dict[str, Any]]:
        """The engine's events from now on, until the connection is closed by either side."""
        return self.stream("/events", opened)

    def stream(
        self, path: str, opened: Callable[[socket.socket], None] | None = None, **query: Any,
    ) -> Iterator[dict[str, Any]]:
        """A call that answers line by line, until the connection is closed by either side."""
        connection = _UnixConnection(self.path, None)
        try:
            connection.request("GET", API + path + _query(query))
            if opened is not None:
                opened(connection.sock)
            response = connection.getresponse()
            if response.status >= 400:
                raise EngineError(response.status, _message(response.read()))
            while line := response.readline():
                if line.strip():
                    yield json.loads(line)
        finally:
            connection.close()

    def _call(self, method: str, path: str, query: dict[str, Any], body: Any) -> Any:
        connection = _UnixConnection(self.path, self.timeout)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            data = json.dumps(body) if body is not None else None
            connection.request(method, API + quote(path) + _query(query), data, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineSilent(self.path, error) from None
        finally:
            connection.close()
        if response.status >= 400:
            raise EngineError(response.status, _message(answer))
        return json.loads(answer) if answer.strip() else None


def _query(query: dict[str, Any]) -> str:
    flat = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in query.items()}
    return f"?{urlencode(flat)}" if flat else ""


def _message(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.decode(errors="replace").strip()
