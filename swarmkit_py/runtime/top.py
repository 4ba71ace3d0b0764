"""Owns listing the processes of a container, from /proc. Knows a pid and nothing else.

Without cgroups the PID namespace tells who belongs together. Counterpart: moby/daemon/top_unix.go.
"""

from __future__ import annotations

from pathlib import Path


def processes_like(pid: int, proc: Path = Path("/proc")) -> list[tuple[int, str]]:
    """(pid, command line) of everything in the PID namespace of `pid`, by pid; ours may hold it among others."""
    namespace = _namespace(proc / str(pid))
    if not namespace:
        return []
    pids = sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdigit())
    return [(other, _command(proc / str(other))) for other in pids if _namespace(proc / str(other)) == namespace]


def _namespace(entry: Path) -> str:
    try:
        return str((entry / "ns/pid").readlink())
    except OSError:
        return ""


def _command(entry: Path) -> str:
    try:
        words = (entry / "cmdline").read_bytes().split(b"\0")
        return b" ".join(words).decode(errors="replace").strip() or f"[{(entry / 'comm').read_text().strip()}]"
    except OSError:
        return ""
