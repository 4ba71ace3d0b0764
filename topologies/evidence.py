"""Owns the graders' look at the kernel: processes, links, tables and rules of every host of one sandbox.

Runs as the sandbox's root in its outermost pid namespace. It must not know swarmkit_py nor the Docker API: what
it says comes from /proc, netlink, `bridge -j`, `ip -j` and `nft -j` alone: no fault of the engine can colour it.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from topologies import link_dump
from topologies.evidence_processes import Host, Seen, all_processes, containers_of, inode_of, owners_of, read_text

CLONE_NEWNET = 0x40000000
TCP_LISTEN = "0A"
TOOL_SECONDS = 5

HOST_COMMANDS = {
    "fdb": ["bridge", "-j", "fdb", "show"],
    "neighbours": ["ip", "-j", "neigh"],
    "nft": ["nft", "-j", "list", "ruleset"],
}
LINKS, LISTENING = "links", "listening"
"""Asked in every namespace, without processes of their own (reading /proc/net/tcp costs 5 ms a namespace); the
commands in the hosts' namespaces only."""


class HostLike(Protocol):
    """What is needed of a host: its name, and its PID 1 as the sandbox counts. ProcessLookupError when it is off."""

    @property
    def name(self) -> str: ...
    @property
    def init_pid(self) -> int: ...


@dataclass
class Place:
    """A network namespace: how to enter it, whether it is a host's own, and whether a container lives in it."""

    inode: int
    path: str
    host: str
    own: bool
    task: bool = False
    jobs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    links: list[dict[str, Any]] | None = None


def collect(hosts: Iterable[HostLike], tables: Iterable[str] = (LINKS, LISTENING, *HOST_COMMANDS)) -> dict[str, Any]:
    """What the kernel says of every host, as JSON-able data. `tables`: what besides the processes."""
    started = time.monotonic()
    host_list = [Host(host.name, _init_pid(host)) for host in hosts]
    seen = {process.pid: process for process in all_processes()}
    owners = owners_of(host_list, seen)
    places = _places(host_list, seen, owners)
    wanted = set(tables)
    found = _look_into(places, wanted)
    ports = {place.inode: _listening(place, seen) for place in places} if LISTENING in wanted else {}
    containers = containers_of(seen)
    answer = {
        host.name: _host(host, seen, owners, containers,
                         [place for place in places if place.host == host.name], found, ports)
        for host in host_list
    }
    return {"taken": started, "seconds": round(time.monotonic() - started, 4), "hosts": answer}


def _init_pid(host: HostLike) -> int:
    try:
        return host.init_pid
    except ProcessLookupError:
        return 0


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
                mounts = inode_of(f"/proc/{process.pid}/ns/mnt")
            except OSError:
                continue
            views.setdefault(mounts, (process.pid, owners[process.pid][0]))
    return list(views.values())


def _named(pid: int) -> Iterator[tuple[int, str]]:
    """Network namespaces kept by a bind mount in the process's mount namespace."""
    try:
        lines = read_text(f"/proc/{pid}/mountinfo").splitlines()
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
    links = {place.inode: {LINKS: place.links} if LINKS in tables else {} for place in places}
    return {place.inode: links[place.inode] | {kind: _answer(job) for kind, job in place.jobs.items()}
            for place in places}


def _start_jobs(places: list[Place], tables: set[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for place in sorted(places, key=lambda place: place.task):  # processes first: they work while we ask for links
        try:
            descriptor = os.open(place.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        entered = libc.setns(descriptor, CLONE_NEWNET) == 0
        os.close(descriptor)
        if entered:
            _ask(place, tables)


def _ask(place: Place, tables: set[str]) -> None:
    """In the namespace: start the commands, read the links."""
    if not place.task:
        place.jobs |= {kind: _spawn(command) for kind, command in HOST_COMMANDS.items() if kind in tables}
    if LINKS in tables:
        try:
            place.links = link_dump.links()
        except OSError:
            place.links = None  # said as it is: nobody can tell what is there


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
    host: Host, seen: dict[int, Seen], owners: dict[int, tuple[str, int]], containers: dict[int, str],
    places: list[Place], found: dict[int, dict[str, Any]], ports: dict[int, list[int]],
) -> dict[str, Any]:
    own = seen[host.pid].netns if host.pid in seen else 0
    mine = [process for process in seen.values() if owners.get(process.pid, ("",))[0] == host.name]
    return {
        "up": host.pid in seen,
        "netns": own,
        "processes": [_said(process, owners[process.pid][1], containers.get(process.pid, "")) for process in mine],
        "namespaces": {str(place.inode): found.get(place.inode, {}) for place in places},
        "listening": {str(place.inode): ports[place.inode] for place in places if place.inode in ports},
    }


def _said(process: Seen, pid: int, container: str) -> dict[str, Any]:
    return {
        "pid": pid, "start": process.start, "netns": process.netns, "pidns": process.pidns,
        "init": process.pids[-1] == 1, "comm": process.comm, "cmdline": process.cmdline, "cgroup": process.cgroup,
        "container": container,
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
