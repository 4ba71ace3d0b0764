"""Owns what one start hands from process to process: `Plan`, as JSON. Decides nothing, imports nearly nothing."""

from __future__ import annotations

import json
from typing import NamedTuple

PLAN_FILE = "plan.json"
"""In the run directory: what the processes inside read."""


class Plan(NamedTuple):
    """Everything the sandbox needs to know to start. Paths are absolute."""

    run_id: str
    name: str
    topology: str
    """A topology's name as the user gave it, or the path of his file."""
    topology_text: str
    """That file's text: the file itself may lie in a home, which is hidden inside."""
    run_dir: str
    project: str
    """The root of this repository: read-only inside."""
    python: str
    keep: tuple[str, ...]
    """Directories that must stay visible inside, read-only."""
    hide: tuple[str, ...]
    """Directories that nobody inside has any business with: homes."""
    images: str
    node: str
    """The module whose `run(NodeOptions)` is the daemon of a host."""
    environment: dict[str, str]
    as_root: bool = False
    lifeline: bool = False
    status_fd: int = -1
    covers: tuple[str, ...] = ()
    """Files and directories that nobody inside shall read: solutions, other students' work."""
    processes: int = 0
    """How many the sandbox may have at once; 0: as many as the machine lets it."""
    disk: int = 0
    """Bytes that its file systems hold together, roughly; 0: half of the memory each, as the kernel has it."""
    cgroups: tuple[tuple[str, str, str, str], ...] = ()
    """The hierarchies (`cgroups.Hierarchy`) in which the cluster has a cgroup of its own; none without root."""

    def to_json(self) -> str:
        """One line."""
        return json.dumps(self._asdict())


def from_json(text: str) -> Plan:
    """The plan that `to_json` wrote."""
    data = json.loads(text)
    return Plan(**{**data, **{name: tuple(data.get(name, ())) for name in ("keep", "hide", "covers")},
                   "cgroups": tuple(tuple(item) for item in data.get("cgroups", ()))})
