"""Owns what a node is started with. Everything that differs between a real machine and an emulated host is here.

Counterpart: dockerd's flags (--data-root, --exec-root, -H).
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path

RUNTIMES = ("runc", "docker", "fake")
DOCKER_HOST = "unix:///var/run/docker.sock"
SWARM_PORT = 2377
RAFT_PORT = 2380


@dataclass(frozen=True)
class NodeOptions:
    """`data_root` survives a restart, `exec_root` need not; `images` is the image store, shared and read-only."""

    data_root: Path
    exec_root: Path
    api_socket: Path
    images: Path
    runtime: str = "runc"
    docker_host: str = DOCKER_HOST
    """The Docker Engine that runs the containers, for runtime `docker` only."""
    listen_port: int = SWARM_PORT
    etcd: str = "etcd"
    """The etcd program, for managers of a swarm that has several: a path, or a name to look for in PATH."""
    raft_port: int = RAFT_PORT
    """Where a manager's etcd member meets the others'."""
    hostname: str = field(default_factory=socket.gethostname)
    log_level: str = "info"
    generic_resources: tuple[str, ...] = ()
    """What this node offers of kinds that users make up: `gpu=2`, or `gpu=UUID1` and `gpu=UUID2`."""
    memory: int = 0
    """Bytes of memory that this node offers to reservations; 0: all that the machine has."""
    cgroup_parent: str = ""
    """Where containers' cgroups go, below the top of each hierarchy; "": none of ours, so no limits (in a user
    namespace), or runc's own place."""
