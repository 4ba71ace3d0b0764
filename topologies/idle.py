"""Owns a daemon that does nothing but answer its socket: for `lab doctor`, which wants hosts and no swarm."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any


class NodeOptions:
    """Only the socket matters here."""

    def __init__(self, api_socket: Path, **_: Any) -> None:
        self.api_socket = api_socket


def run(options: NodeOptions) -> int:
    """Accept connections and close them, for ever."""
    options.api_socket.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(options.api_socket))
        listener.listen()
        while True:
            listener.accept()[0].close()
