"""Owns what we read from, and remove of, the cgroups of containers; runc makes them and sets their limits.

Hierarchies of version 1 (one a controller) and 2 (one for all) are told apart here and nowhere else. Where no place
was handed to us (`parent` is empty) there are none: nothing is limited, and `support` says so.
Counterpart: moby/pkg/sysinfo (what there is), containerd/cgroups (the figures).
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from swarmkit_py.model.container import LimitSupport, Usage

_OCTAL = re.compile(r"\\([0-7]{3})")
_V1_MOUNT_OPTIONS = {"rw", "ro", "xattr"}


@dataclass(frozen=True)
class Cgroups:
    """`places`: controller → directory of its hierarchy (every controller of one version 2 hierarchy: the same)."""

    parent: str = ""
    places: dict[str, Path] = field(default_factory=dict)
    unified: bool = False
    roots: tuple[Path, ...] = ()
    """Every hierarchy, also those without a controller of interest: runc makes a directory in each."""

    @property
    def there(self) -> bool:
        return bool(self.parent and self.roots)

    def path(self, container_id: str) -> str:
        """As runc wants it: below the top of each hierarchy. "" where there are none."""
        return f"{self.parent}/{container_id}" if self.there else ""

    def _at(self, controller: str, container_id: str) -> Path | None:
        place = self.places.get(controller)
        return place / self.path(container_id).lstrip("/") if place is not None and self.there else None

    def support(self) -> LimitSupport:
        """What can be limited here."""
        memory, cpu = self._top("memory"), self._top("cpu")
        swap = "memory.memsw.limit_in_bytes" if not self.unified else "memory.swap.current"
        return LimitSupport(
            memory=memory is not None, cpu=cpu is not None, cpuset=self._top("cpuset") is not None,
            pids=self._top("pids") is not None, freezer=self.there and (self.unified or "freezer" in self.places),
            swap=memory is not None and (self.unified or (memory / swap).exists()))

    def _top(self, controller: str) -> Path | None:
        return self.places.get(controller) if self.there else None

    def remove(self, container_id: str) -> None:
        """Every directory of an ended container. Idempotent."""
        for root in self.roots if self.there else ():
            top = root / self.path(container_id).lstrip("/")
            for directory, _, _ in os.walk(top, topdown=False):
                with suppress(OSError):  # of somebody who still ends: the sandbox's owner removes what is left
                    Path(directory).rmdir()

    def oom_killed(self, container_id: str) -> bool:
        """Did the kernel end a process of it for want of memory?"""
        place = self._at("memory", container_id)
        if place is None:
            return False
        rows = _table(place / ("memory.events" if self.unified else "memory.oom_control"))
        return rows.get("oom_kill", 0) > 0

    def pids(self, container_id: str) -> list[int]:
        """Its processes, as this process counts them."""
        place = self._at("pids", container_id) or self._at("memory", container_id)
        text = _read(place / "cgroup.procs") if place is not None else ""
        return [int(word) for word in text.split()]

    def usage(self, container_id: str) -> Usage | None:
        """What it uses now; None where nothing is counted."""
        if not self.there:
            return None
        return self._usage_unified(container_id) if self.unified else self._usage_v1(container_id)

    def _usage_v1(self, container_id: str) -> Usage:
        memory, pids = self._at("memory", container_id), self._at("pids", container_id)
        account = self._at("cpuacct", container_id)
        stat = _table(memory / "memory.stat") if memory is not None else {}
        times = _table(account / "cpuacct.stat") if account is not None else {}
        tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
        return Usage(
            cpu_total=_number(account, "cpuacct.usage"), cpu_user=times.get("user", 0) * tick,
            cpu_system=times.get("system", 0) * tick, memory=_number(memory, "memory.usage_in_bytes"),
            memory_max=_number(memory, "memory.max_usage_in_bytes"),
            memory_limit=_number(memory, "memory.limit_in_bytes"),
            memory_failures=_number(memory, "memory.failcnt"), memory_stat=stat,
            pids=_number(pids, "pids.current"), pids_limit=_number(pids, "pids.max"))

    def _usage_unified(self, container_id: str) -> Usage:
        place = self._at("memory", container_id) or self.roots[0] / self.path(container_id).lstrip("/")
        times = _table(place / "cpu.stat")
        return Usage(
            cpu_total=times.get("usage_usec", 0) * 1000, cpu_user=times.get("user_usec", 0) * 1000,
            cpu_system=times.get("system_usec", 0) * 1000, memory=_number(place, "memory.current"),
            memory_max=_number(place, "memory.peak"), memory_limit=_number(place, "memory.max"),
            memory_stat=_table(place / "memory.stat"), pids=_number(place, "pids.current"),
            pids_limit=_number(place, "pids.max"))


def find(parent: str, mountinfo: str) -> Cgroups:
    """The hierarchies mounted writable, if a `parent` below them was handed to us."""
    places: dict[str, Path] = {}
    roots: list[Path] = []
    unified: Path | None = None
    for line in mountinfo.splitlines() if parent else ():
        before, _, after = line.partition(" - ")
        fields, words = before.split(), after.split()
        if words[:1] not in (["cgroup"], ["cgroup2"]) or "rw" not in fields[5].split(","):
            continue
        place = Path(_OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4]))
        roots.append(place)
        if words[0] == "cgroup2":
            unified = place
        else:
            places |= dict.fromkeys(set(words[-1].split(",")) - _V1_MOUNT_OPTIONS, place)
    if unified is not None and not places:
        names = _read(unified / "cgroup.controllers").split()
        return Cgroups(parent, dict.fromkeys(names, unified), unified=True, roots=(unified,))
    return Cgroups(parent, places, roots=tuple(roots))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _number(place: Path | None, name: str) -> int:
    """A file's one number; 0 for `max`, and where there is none."""
    text = _read(place / name).strip() if place is not None else ""
    return int(text) if text.isdigit() else 0


def _table(path: Path) -> dict[str, int]:
    rows = (line.split() for line in _read(path).splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}
