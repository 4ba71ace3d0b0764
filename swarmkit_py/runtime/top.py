"""Owns listing the processes of a container, and counting what they use, from /proc. Knows a pid and nothing else.

Without cgroups the PID namespace tells who belongs together. Counterpart: moby/daemon/top_unix.go.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from swarmkit_py import errors
from swarmkit_py.model.container import NetworkUsage, ProcessTable, Usage
from swarmkit_py.runtime import process

_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


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


async def table(pids: list[int], ps_args: str) -> ProcessTable:
    """ps of this machine with these options, cut down to `pids`. Raises errors.InvalidArgument, errors.Internal."""
    if re.search(r"\bpid=", ps_args):
        raise errors.InvalidArgument('specifying "-o pid=..." is not allowed')
    try:
        words = shlex.split(ps_args or "-ef")
    except ValueError as error:
        raise errors.InvalidArgument(f"ps options {ps_args!r}: {error}") from None
    try:
        status, output = await process.run(["ps", *words], env=_ENV)
    except OSError as error:
        raise errors.Internal(f"cannot run ps: {error.strerror}; docker top needs it") from error
    text = output.decode(errors="replace")
    if status:
        told = text.strip().splitlines()  # with a table's head alone, ps found nothing to show
        raise errors.Internal(f"ps: {told[0] if len(told) > 1 else f'exit status {status}'}")
    return parse(text, set(pids))


def parse(text: str, pids: set[int]) -> ProcessTable:
    """ps's table; the last column may hold blanks. Raises errors.Internal without a PID column."""
    lines = text.splitlines()
    titles = lines[0].split() if lines else []
    if "PID" not in titles:
        raise errors.Internal("Couldn't find PID field in ps output")
    place = titles.index("PID")
    rows = [line.split(maxsplit=len(titles) - 1) for line in lines[1:]]
    found = [row for row in rows if len(row) > place and row[place].isdigit() and int(row[place]) in pids]
    return ProcessTable(titles=titles, rows=found)


def usage(pids: list[int], proc: Path = Path("/proc")) -> Usage:
    """What these processes use now. Those that have ended are not counted: only a cgroup remembers them."""
    tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    user = system = pages = threads = 0
    for pid in pids:
        try:
            fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        user, system = user + int(fields[11]), system + int(fields[12])
        threads, pages = threads + int(fields[17]), pages + int(fields[21])
    return Usage(
        cpu_total=(user + system) * tick, cpu_user=user * tick, cpu_system=system * tick,
        memory=pages * os.sysconf("SC_PAGE_SIZE"), pids=threads)


def interfaces(pid: int, proc: Path = Path("/proc")) -> dict[str, NetworkUsage]:
    """The counters of the interfaces that `pid` sees, its loopback apart."""
    try:
        lines = (proc / str(pid) / "net/dev").read_text().splitlines()[2:]
    except OSError:
        return {}
    found = {}
    for line in lines:
        name, _, counters = line.partition(":")
        numbers = [int(word) for word in counters.split()]
        if name.strip() != "lo" and len(numbers) >= 12:
            found[name.strip()] = NetworkUsage(
                rx_bytes=numbers[0], rx_packets=numbers[1], rx_errors=numbers[2], rx_dropped=numbers[3],
                tx_bytes=numbers[8], tx_packets=numbers[9], tx_errors=numbers[10], tx_dropped=numbers[11])
    return found
