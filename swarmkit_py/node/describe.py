"""Owns what a node says of itself. Reads the machine; must not know the swarm.

Counterpart: moby/daemon/cluster/executor/container/executor.go (Describe).
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

import swarmkit_py
from swarmkit_py.ca.root import tls_info
from swarmkit_py.model.generic import Specs
from swarmkit_py.model.objects import EngineDescription, NodeDescription
from swarmkit_py.model.specs import Platform, Resources

PLUGINS = [
    {"Type": "Log", "Name": "json-file"},
    {"Type": "Network", "Name": "bridge"},
    {"Type": "Network", "Name": "host"},
    {"Type": "Network", "Name": "null"},
    {"Type": "Network", "Name": "overlay"},
    {"Type": "Volume", "Name": "local"},
]


def describe_node(
    hostname: str, root_pem: str = "", chain_pem: str = "", offer: Specs | None = None,
    memory: int = 0,
) -> NodeDescription:
    """Hostname, platform, resources and engine of this machine, and whom its certificate is from. `memory`: what it
    says to have, bytes; 0: what there is."""
    return NodeDescription(
        hostname=hostname,
        platform=Platform(architecture=platform.machine(), os="linux"),
        resources=Resources(nano_cpus=cpus() * 1_000_000_000, memory_bytes=memory or memory_bytes(),
                            generic_resources=offer or None),
        engine=EngineDescription(engine_version=swarmkit_py.__version__, plugins=PLUGINS),
        tls_info=tls_info(root_pem, chain_pem) if root_pem else None,
    )


def cpus() -> int:
    """Those this process may use."""
    return len(os.sched_getaffinity(0))


def memory_bytes() -> int:
    """The machine's memory."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
