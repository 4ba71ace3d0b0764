"""Owns the values that a container's options and its health are said in, for the engine, the agent and the API alike.

Must not know who runs a container. Counterpart: moby/api/types/container (Resources, Ulimit, Health).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import field

from swarmkit_py.clock import ZERO_TIME
from swarmkit_py.model.base import Model

STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"


class HealthResult(Model, frozen=True, kw_only=True):
    """One probe. `exit_code` -1: it could not run, or not in time."""

    start: datetime = ZERO_TIME
    end: datetime = ZERO_TIME
    exit_code: int = field(default_factory=int)
    output: str = field(default_factory=str)


class Health(Model, frozen=True, kw_only=True):
    """`status`: starting, healthy, unhealthy; `log`: the last five probes, newest last."""

    status: str = field(default_factory=lambda: STARTING)
    failing_streak: int = field(default_factory=int)
    log: list[HealthResult] = field(default_factory=list)


class Limits(Model, frozen=True, kw_only=True):
    """Bytes, billionths of a CPU, microseconds; 0: no limit said. `pids` also takes -1: unlimited."""

    memory: int = 0
    memory_reservation: int = 0
    memory_swap: int = 0
    nano_cpus: int = 0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    pids: int = 0

    @property
    def asked(self) -> bool:
        """Is anything limited at all?"""
        return self != Limits()


class Ulimit(Model, frozen=True, kw_only=True):
    """`name` as Docker writes it: `nofile`, `nproc`, `core`; -1: unlimited."""

    name: str
    soft: int = field(default_factory=int)
    hard: int = field(default_factory=int)


class LogConfig(Model, frozen=True, kw_only=True):
    """`driver`: json-file, local or none; `options`: max-size, max-file."""

    driver: str = "json-file"
    options: dict[str, str] = field(default_factory=dict)


def ulimits_of(entries: list[dict[str, Any]] | None) -> list[Ulimit]:
    """From Docker's `{"Name", "Soft", "Hard"}`, which service and container share."""
    return [
        Ulimit(name=str(entry.get("Name", "")), soft=int(entry.get("Soft", 0)), hard=int(entry.get("Hard", 0)))
        for entry in entries or ()
    ]


class LimitSupport(Model, frozen=True, kw_only=True):
    """What this machine lets us limit."""

    memory: bool = False
    swap: bool = False
    cpu: bool = False
    cpuset: bool = False
    pids: bool = False
    freezer: bool = False


class NetworkUsage(Model, frozen=True, kw_only=True):
    """The counters of one interface of a container."""

    rx_bytes: int = 0
    rx_packets: int = 0
    rx_errors: int = 0
    rx_dropped: int = 0
    tx_bytes: int = 0
    tx_packets: int = 0
    tx_errors: int = 0
    tx_dropped: int = 0


class Usage(Model, frozen=True, kw_only=True):
    """What a container uses: nanoseconds of CPU, bytes. `memory_limit` 0: none."""

    cpu_total: int = 0
    cpu_user: int = 0
    cpu_system: int = 0
    memory: int = 0
    memory_max: int = 0
    memory_limit: int = 0
    memory_failures: int = 0
    memory_stat: dict[str, int] = field(default_factory=dict)
    pids: int = 0
    pids_limit: int = 0
    networks: dict[str, NetworkUsage] = field(default_factory=dict)


class PathStat(Model, frozen=True, kw_only=True):
    """A file in a container. `mode` is Go's os.FileMode; `link_target` a link's end, in the container."""

    name: str
    size: int = 0
    mode: int = 0
    mtime_ns: int = 0
    link_target: str = ""


class Change(Model, frozen=True, kw_only=True):
    """A path that differs from the image. `kind`: 0 modified, 1 added, 2 deleted, as in the API."""

    path: str
    kind: int


class ProcessTable(Model, frozen=True, kw_only=True):
    """What ps says of a container's processes."""

    titles: list[str]
    rows: list[list[str]]
