"""What a cluster is outside its sandbox, taken while it lives, to ask later whether all of it is gone."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from topologies.cluster import Cluster
from topologies.ledger import Ledger, read
from topologies.processes import Process, descendants, identify


class Traces(NamedTuple):
    """The processes by name (`comm`), and the ledger."""

    ledger: Ledger
    processes: dict[str, list[Process]]
    mounts: str

    def left(self) -> list[str]:
        """What is still there."""
        alive = [f"{name} {one.pid}" for name, some in self.processes.items() for one in some if one.alive()]
        files = [str(path) for path in (self.ledger.path, Path(self.ledger.run_dir)) if path.exists()]
        return [*alive, *files, *([] if mounts() == self.mounts else ["mounts"])]


def mounts() -> str:
    """The mounts this process sees."""
    return Path("/proc/self/mountinfo").read_text()


def traces(cluster: Cluster) -> Traces:
    """All that belongs to a cluster now."""
    ledger = read(cluster.run_dir.with_name(f"{cluster.name}.json"))
    assert ledger is not None
    found: dict[str, list[Process]] = {}
    for pid in (ledger.keeper.pid, *descendants(ledger.keeper.pid)):
        try:
            comm, process = Path(f"/proc/{pid}/comm").read_text().strip(), identify(pid)
        except OSError:
            continue  # it has just ended by itself
        found.setdefault(comm, []).append(process)
    return Traces(ledger, found, mounts())
