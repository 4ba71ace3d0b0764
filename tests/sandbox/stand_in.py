"""Owns a stand-in for the daemon: answers on its socket, knows no swarm. For tests of the sandbox only."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass
class NodeOptions:
    """The options of swarmkit_py.node, for a daemon that uses only one of them."""

    data_root: Path
    exec_root: Path
    api_socket: Path
    images: Path
    runtime: str = "runc"
    listen_port: int = 2377
    cgroup_parent: str = ""
    generic_resources: tuple[str, ...] = ()
    memory: int = 0


def run(options: NodeOptions) -> int:
    """Answer every connection with this host's name."""
    options.api_socket.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(options.api_socket))
        listener.listen()
        while True:
            peer, _ = listener.accept()
            with peer, contextlib.suppress(OSError):
                peer.sendall(socket.gethostname().encode())
