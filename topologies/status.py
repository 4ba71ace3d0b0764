"""Owns the line from a starting sandbox to the command that asked for it: JSON lines over a socket pair.

The same socket is the lifeline: when the asking process ends, for whatever reason, the other end reads EOF.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any


class Status:
    """The sandbox's end. Nothing here fails because nobody listens any more."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd) if fd >= 0 else None

    def fileno(self) -> int:
        """For select; -1 when there is no line."""
        return self._socket.fileno() if self._socket else -1

    def progress(self, text: str) -> None:
        """Say what is being done now."""
        self._send({"progress": text})

    def ready(self) -> None:
        """Say that everything answers."""
        self._send({"ready": True})

    def failed(self, sentence: str, code: int = 1) -> None:
        """Say why it will not start. `code` is an exit code: 3 for the machine's fault."""
        self._send({"error": sentence, "code": code})

    def _send(self, message: dict[str, Any]) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            pass


def messages(end: socket.socket) -> Iterator[dict[str, Any]]:
    """What the sandbox says, until it closes its end. The socket stays open."""
    rest = b""
    while chunk := end.recv(65536):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield json.loads(line)
