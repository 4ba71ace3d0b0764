"""Owns what can be seen of a container's TCP sockets from outside: who is connected to it, and where it listens.

Read from /proc/PID/net, which shows the network namespace of that process. A container without a namespace of its own
on this machine (the fake engine's, one that has just ended) has no sockets.
Counterpart: none; Docker does not look.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from swarmkit_py.runtime.base import Container

ESTABLISHED, SYN_RECEIVED, FIN_WAIT_1, CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING = 1, 3, 4, 8, 9, 10, 11
OPEN = {ESTABLISHED, SYN_RECEIVED, FIN_WAIT_1, CLOSE_WAIT, LAST_ACK, CLOSING}
"""States in which the container may still have something to say to the other end."""


def listening(container: Container) -> set[int] | None:
    """The TCP ports that a process of the container listens on; None if that cannot be seen."""
    sockets = _sockets(container)
    return None if sockets is None else {port for port, state in sockets if state == LISTEN}


def connections(container: Container) -> int:
    """How many TCP connections to ports it listens on are not finished."""
    sockets = _sockets(container) or []
    served = {port for port, state in sockets if state == LISTEN}
    return sum(port in served and state in OPEN for port, state in sockets)


def read_table(text: str) -> Iterator[tuple[int, int]]:
    """(local port, state) of each line of a /proc/net/tcp."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 3:
            yield int(fields[1].rpartition(":")[2], 16), int(fields[3], 16)


def _sockets(container: Container) -> list[tuple[int, int]] | None:
    folder = Path("/proc", str(container.pid))
    try:
        if not (container.running and _is_in(folder, container)):
            return None
        tables = [(folder / "net" / name).read_text() for name in ("tcp", "tcp6") if (folder / "net" / name).exists()]
    except OSError:
        return None  # it has ended meanwhile
    return [socket for table in tables for socket in read_table(table)]


def _is_in(folder: Path, container: Container) -> bool:
    """True if the process is in the container's own namespace: its number may have gone to another by now."""
    path = container.sandbox.path if container.sandbox else ""
    return bool(path) and (folder / "ns" / "net").stat().st_ino == Path(path).stat().st_ino
