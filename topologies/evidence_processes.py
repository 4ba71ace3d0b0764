"""Owns the processes of a sandbox as /proc shows them, and which host each belongs to.

A host has a pid namespace of its own; containers have one below their host's. So a process belongs to the host whose
namespace is among the ancestors of its own. Used by `topologies.evidence`; knows no table of the network.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

NS_GET_PARENT = 0xB702
KEEPER = "conmon"
"""The program that holds a container's first process, or one started in it later, as its child: `conmon -c ID …`."""


class Host(NamedTuple):
    """A host with the question of its PID 1 settled; 0 when it is off."""

    name: str
    pid: int


@dataclass
class Seen:
    """One process as found in /proc. `pids`: its pid in each pid namespace, ours first."""

    pid: int
    ppid: int
    pids: list[int]
    pidns: int
    netns: int
    start: int
    comm: str
    cmdline: list[str]
    cgroup: str


def all_processes() -> Iterator[Seen]:
    """Every process there is; one that ends meanwhile is left out."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                yield _process(int(entry.name))
            except (OSError, IndexError, ValueError):
                continue


def _process(pid: int) -> Seen:
    base = f"/proc/{pid}"
    head, _, tail = read_text(f"{base}/stat").rpartition(")")
    fields = tail.split()
    match = re.search(r"^NSpid:\s*(.*)$", read_text(f"{base}/status"), re.MULTILINE)
    return Seen(
        pid=pid,
        ppid=int(fields[1]),
        pids=[int(number) for number in match.group(1).split()] if match else [pid],
        pidns=inode_of(f"{base}/ns/pid"),
        netns=inode_of(f"{base}/ns/net"),
        start=int(fields[19]),
        comm=head.partition("(")[2],
        cmdline=[word for word in read_text(f"{base}/cmdline").split("\0") if word],
        cgroup=read_text(f"{base}/cgroup"),
    )


def read_text(path: str) -> str:
    """A file of /proc, whatever bytes are in it."""
    return Path(path).read_text(encoding="utf-8", errors="replace")


def inode_of(path: str) -> int:
    """The number of a namespace."""
    return Path(path).stat().st_ino


def owners_of(hosts: list[Host], seen: dict[int, Seen]) -> dict[int, tuple[str, int]]:
    """pid → (host, pid as that host's own pid namespace numbers it), by pid namespace, else by ancestors."""
    namespaces = {seen[host.pid].pidns: host.name for host in hosts if host.pid in seen}
    apart = len(namespaces) == sum(host.pid in seen for host in hosts)  # who is off has none, and shares none
    chains: dict[int, list[int]] = {}
    owners: dict[int, tuple[str, int]] = {}
    for process in seen.values():
        if apart:
            if process.pidns not in chains:
                chains[process.pidns] = _pidns_chain(process.pid)
            for depth, inode in enumerate(chains[process.pidns]):
                if inode in namespaces:
                    owners[process.pid] = (namespaces[inode], process.pids[len(process.pids) - 1 - depth])
                    break
        else:
            name = _by_ancestors(process, hosts, seen)
            if name:
                owners[process.pid] = (name, process.pid)
    return owners


def containers_of(seen: dict[int, Seen]) -> dict[int, str]:
    """pid → the id of the container it is of: the one whose keeper is its nearest among its ancestors.

    A process of a container never gets away from it: who loses his parent gets the container's first process for one.
    A cgroup would say it as well, but an ordinary user's sandbox has none.
    """
    found: dict[int, str] = {}
    for process in seen.values():
        keeper, known = seen.get(process.ppid), {process.pid}
        while keeper is not None and keeper.comm != KEEPER and keeper.pid not in known:
            known.add(keeper.pid)  # read one after the other: a number may have been given anew meanwhile
            keeper = seen.get(keeper.ppid)
        if keeper is not None and keeper.comm == KEEPER and "-c" in keeper.cmdline[:-1]:
            found[process.pid] = keeper.cmdline[keeper.cmdline.index("-c") + 1]
    return found


def _pidns_chain(pid: int) -> list[int]:
    """Inodes of the process's pid namespace, its parent, … up to ours."""
    chain: list[int] = []
    try:
        descriptor = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return chain
    while True:
        chain.append(os.fstat(descriptor).st_ino)
        try:
            parent = fcntl.ioctl(descriptor, NS_GET_PARENT)
        except OSError:
            return chain
        finally:
            os.close(descriptor)
        descriptor = parent


def _by_ancestors(process: Seen, hosts: list[Host], seen: dict[int, Seen]) -> str | None:
    by_netns = {seen[host.pid].netns: host.name for host in hosts if host.pid in seen}
    current: Seen | None = process
    while current is not None:
        if current.netns in by_netns:
            return by_netns[current.netns]
        current = seen.get(current.ppid)
    return None
