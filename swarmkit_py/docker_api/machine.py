"""Owns what `docker info` says of the machine, read from the kernel. Knows nothing of Docker.

Counterpart: moby/pkg/sysinfo, pkg/parsers/operatingsystem.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
"""The kernel's names of architectures → Go's, which Docker uses."""


def cpus() -> int:
    """CPUs this process may run on."""
    return len(os.sched_getaffinity(0))


def memory_bytes() -> int:
    """Physical memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def cgroup_version() -> str:
    """"2" where there is only the unified hierarchy."""
    return "2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "1"


def forwards_ipv4() -> bool:
    """True if this machine's network namespace routes."""
    try:
        return Path("/proc/sys/net/ipv4/ip_forward").read_text().strip() == "1"
    except OSError:
        return False


@lru_cache(maxsize=1)
def operating_system(path: Path = Path("/etc/os-release")) -> str:
    """The distribution's full name, "Linux" where it says none."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return "Linux"
    names = [line.partition("=")[2].strip('"') for line in lines if line.startswith("PRETTY_NAME=")]
    return names[0] if names else "Linux"
