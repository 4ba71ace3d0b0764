"""Owns the graders' look at the kernel: processes, links, tables and rules of every host of one sandbox.

Runs as the sandbox's root in its outermost pid namespace. It must not know swarmkit_py nor the Docker API: what
it says comes from /proc, `ip -j`, `bridge -j` and `nft -j` alone, so that no fault of the engine can colour it.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

NS_GET_PARENT = 0xB702
CLONE_NEWNET = 0x40000000
TCP_LISTEN = "0A"
TOOL_SECONDS = 5

HOST_COMMANDS = {
    "links": ["ip", "-j", "-d", "addr"],
    "fdb": ["bridge", "-j", "fdb", "show"],
    "neighbours": ["ip", "-j", "neigh"],
    "nft": ["nft", "-j", "list", "ruleset"],
}
TASK_COMMANDS = {"links": ["ip", "-j", "-d", "addr"]}


class HostLike(Protocol):
    """What is needed of a host: its name, and its PID 1 as the sandbox counts. ProcessLookupError when it is off."""

    @property
    def name(self) -> str: ...
    @property
    def init_pid(self) -> int: ...


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


@dataclass
class Place:
    """A network namespace: how to enter it, whether it is a host's own, and whether a container lives in it."""

    inode: int
    path: str
    host: str
    own: bool
    task: bool = False
    jobs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)


def collect(hosts: Iterable[HostLike], tables: Iterable[str] = tuple(HOST_COMMANDS)) -> dict[str, Any]:
    """What the kernel says of every host, as JSON-able data. `tables` says which of HOST_COMMANDS are wanted."""
    started = time.monotonic()
    host_list = [Host(host.name, _init_pid(host)) for host in hosts]
    seen = {process.pid: process for process in _processes()}
    owners = _owners(host_list, seen)
    places = _places(host_list, seen, owners)
    found = _look_into(places, set(tables))
    answer = {
        host.name: _host(host, seen, owners, [place for place in places if place.host == host.name], found)
        for host in host_list
    }
    return {"taken": started, "seconds": round(time.monotonic() - started, 4), "hosts": answer}


def _init_pid(host: HostLike) -> int:
    try:
        return host.init_pid
    except ProcessLookupError:
        return 0


def _processes() -> Iterator[Seen]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                yield _process(int(entry.name))
            except (OSError, IndexError, ValueError):
                continue


def _process(pid: int) -> Seen:
    base = f"/proc/{pid}"
    head, _, tail = _text(f"{base}/stat").rpartition(")")
    fields = tail.split()
    match = re.search(r"^NSpid:\s*(.*)$", _text(f"{base}/status"), re.MULTILINE)
    return Seen(
        pid=pid,
        ppid=int(fields[1]),
        pids=[int(number) for number in match.group(1).split()] if match else [pid],
        pidns=_inode(f"{base}/ns/pid"),
        netns=_inode(f"{base}/ns/net"),
        start=int(fields[19]),
        comm=head.partition("(")[2],
        cmdline=[word for word in _text(f"{base}/cmdline").split("\0") if word],
        cgroup=_text(f"{base}/cgroup"),
    )


def _text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")


def _inode(path: str) -> int:
    return Path(path).stat().st_ino


def _owners(hosts: list[Host], seen: dict[int, Seen]) -> dict[int, tuple[str, int]]:
    """pid → (host, pid as that host's own pid namespace numbers it), by pid namespace, else by ancestors."""
    namespaces = {seen[host.pid].pidns: host.name for host in hosts if host.pid in seen}
    apart = len(namespaces) == len(hosts)
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


def _places(hosts: list[Host], seen: dict[int, Seen], owners: dict[int, tuple[str, int]]) -> list[Place]:
    places: dict[int, Place] = {}
    for host in hosts:
        if host.pid in seen:
            inode = seen[host.pid].netns
            places[inode] = Place(inode, f"/proc/{host.pid}/ns/net", host.name, own=True)
    roots = {seen[host.pid].pidns for host in hosts if host.pid in seen}
    for process in seen.values():
        if process.pid in owners and process.netns not in places:
            places[process.netns] = Place(
                process.netns, f"/proc/{process.pid}/ns/net", owners[process.pid][0], own=False,
                task=process.pidns not in roots)
    for pid, name in _mount_views(hosts, seen, owners):
        for inode, path in _named(pid):
            places.setdefault(inode, Place(inode, path, name, own=False))
    return list(places.values())


def _mount_views(
    hosts: list[Host], seen: dict[int, Seen], owners: dict[int, tuple[str, int]],
) -> list[tuple[int, str]]:
    """One process per host mount namespace: the host's keeper and whatever its own pid namespace runs (swarmd)."""
    views: dict[int, tuple[int, str]] = {}
    own_netns = {seen[host.pid].netns for host in hosts if host.pid in seen}
    for process in seen.values():
        if process.pid in owners and process.netns in own_netns:
            try:
                mounts = _inode(f"/proc/{process.pid}/ns/mnt")
            except OSError:
                continue
            views.setdefault(mounts, (process.pid, owners[process.pid][0]))
    return list(views.values())


def _named(pid: int) -> Iterator[tuple[int, str]]:
    """Network namespaces kept by a bind mount in the process's mount namespace."""
    try:
        lines = _text(f"/proc/{pid}/mountinfo").splitlines()
    except OSError:
        return
    for line in lines:
        words = line.split()
        match = re.fullmatch(r"net:\[(\d+)\]", words[3]) if len(words) > 4 else None
        if match:
            yield int(match.group(1)), f"/proc/{pid}/root{words[4]}"


def _look_into(places: list[Place], tables: set[str]) -> dict[int, dict[str, Any]]:
    """Run the tools in every namespace, all at once, from a thread that may change its own namespace."""
    worker = threading.Thread(target=_start_jobs, args=(places, tables), daemon=True)
    worker.start()
    worker.join(TOOL_SECONDS)
    return {place.inode: {kind: _answer(job) for kind, job in place.jobs.items()} for place in places}


def _start_jobs(places: list[Place], tables: set[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for place in places:
        try:
            descriptor = os.open(place.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        entered = libc.setns(descriptor, CLONE_NEWNET) == 0
        os.close(descriptor)
        if entered:
            for kind, command in (TASK_COMMANDS if place.task else HOST_COMMANDS).items():
                if kind in tables:
                    place.jobs[kind] = _spawn(command)


def _spawn(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _answer(job: subprocess.Popen[bytes]) -> Any:
    try:
        output, _ = job.communicate(timeout=TOOL_SECONDS)
        return json.loads(output or b"[]")
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        job.kill()
        return None


def _host(
    host: Host, seen: dict[int, Seen], owners: dict[int, tuple[str, int]], places: list[Place],
    found: dict[int, dict[str, Any]],
) -> dict[str, Any]:
    own = seen[host.pid].netns if host.pid in seen else 0
    mine = [process for process in seen.values() if owners.get(process.pid, ("",))[0] == host.name]
    return {
        "up": host.pid in seen,
        "netns": own,
        "processes": [_said(process, owners[process.pid][1]) for process in mine],
        "namespaces": {str(place.inode): found.get(place.inode, {}) for place in places},
        "listening": {str(place.inode): _listening(place, seen) for place in places},
    }


def _said(process: Seen, pid: int) -> dict[str, Any]:
    return {
        "pid": pid, "start": process.start, "netns": process.netns, "pidns": process.pidns,
        "init": process.pids[-1] == 1, "comm": process.comm, "cmdline": process.cmdline, "cgroup": process.cgroup,
    }


def _listening(place: Place, seen: dict[int, Seen]) -> list[int]:
    """TCP ports listened on in the namespace, as one of its processes sees them."""
    source = next((p.pid for p in seen.values() if p.netns == place.inode), None)
    ports: set[int] = set()
    for family in ("tcp", "tcp6") if source else ():
        ports |= _listeners(f"/proc/{source}/net/{family}")
    return sorted(ports)


def _listeners(path: str) -> set[int]:
    try:
        with Path(path).open(encoding="ascii") as table:
            return set(_listener_ports(table))
    except OSError:
        return set()


def _listener_ports(table: IO[str]) -> Iterator[int]:
    for line in table:
        words = line.split()
        if len(words) > 3 and words[3] == TCP_LISTEN:
            yield int(words[1].rpartition(":")[2], 16)
