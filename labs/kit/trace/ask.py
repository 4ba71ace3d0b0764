"""Owns one trace from beginning to end: listens everywhere, sends, collects, and has it put together.

All that decides is pure and elsewhere (`route`, `assemble`, `reasons`); this is the order of it.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from labs.kit.cluster_port import Cluster
from labs.kit.tap_script import PLACES
from labs.kit.trace import names as api
from labs.kit.trace.assemble import Ports
from labs.kit.trace.hosts import Ear, Refused, collect, listening
from labs.kit.trace.kernels import Kernels, Place
from labs.kit.trace.packets import Connection, Heard, read
from labs.kit.trace.reasons import Scene
from labs.kit.trace.route import way
from labs.kit.trace.story import Result, Target, Trace, nameless
from labs.kit.trace.tell import Evidence, tell

SECONDS, SPARE = 3.0, 10.0
HEADER = "X-Lab-Trace"
TABLES = ["links", "listening", "fdb", "neighbours", "nft"]


class Unclear(Exception):
    """What was asked for cannot be traced. `key`: of the words that say so."""

    def __init__(self, key: str, **facts: str) -> None:
        super().__init__(key)
        self.key, self.facts = key, facts


def parse(url: str) -> Target:
    """`http://HOST[:PORT]/PATH`, `tcp://HOST:PORT`, `udp://HOST:PORT`. Raises Unclear."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        port = parts.port
    except ValueError:
        raise Unclear("trace.bad.port", url=url) from None
    if parts.scheme not in ("http", "tcp", "udp"):
        raise Unclear("trace.bad.scheme", scheme=parts.scheme)
    if not parts.hostname or ":" in parts.hostname:
        raise Unclear("trace.bad.host", url=url)
    port = port if port is not None else 80 if parts.scheme == "http" else 0
    if not port:
        raise Unclear("trace.bad.port", url=url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if any(not 32 < ord(character) < 127 for character in path + parts.hostname):
        raise Unclear("trace.bad.path", url=url)
    return Target(url, parts.scheme, parts.hostname, port, path)


@dataclass(frozen=True)
class Source:
    """Where the request begins: a host, or a namespace on it."""

    name: str
    host: str
    path: str = ""


def source_of(cluster: Cluster, names: api.Names, name: str) -> Source:
    """A task (web.1) or a container, by name. Raises Unclear with what there is."""
    found = names.containers.get(name)
    if found is None:
        there = ", ".join([*(host.name for host in cluster.hosts),
                           *sorted(one for one in names.containers if "." in one and len(one) < 40)])
        raise Unclear("trace.bad.source", name=name, there=there)
    return Source(name, found[0], f"{PLACES[1]}/{found[1]}")


def trace(cluster: Cluster, source: str, target: Target, seconds: float = SECONDS,
          say: Callable[[str], None] = lambda key: None) -> Trace:
    """Send one request and tell its way. Raises Unclear, GraderError, SwarmError. `say`: what begins, by key."""
    say("trace.progress.listen")
    with ThreadPoolExecutor(max_workers=1) as pool:  # a Docker that hangs is waited for beside the request
        return _trace(cluster, source, target, seconds, say, pool.submit(api.ask, cluster))


def _trace(cluster: Cluster, source: str, target: Target, seconds: float, say: Callable[[str], None],
           asked: Future[api.Names]) -> Trace:
    start = Source(source, source) if any(host.name == source for host in cluster.hosts) else (
        source_of(cluster, asked.result(), source))
    machines = cluster.call("machines")
    on = [host.name for host in cluster.hosts if machines.get(host.name, {}).get("on", True)]
    if start.host not in on:
        raise Unclear("trace.bad.off", host=start.host)
    with listening(cluster, on) as ears:
        ear = ears[start.host]
        address, code = _resolve(cluster, start, ear, target.name)
        if code:
            return nameless(target, start.name, start.host, code)
        target = replace(target, address=address)
        kernels = look(cluster, ears)
        place = _place(kernels, ear, start)
        entry = way(kernels, place, target.address).end
        say("trace.progress.send")
        evidence = _send(ears, start, place, entry, target, seconds)
        names = asked.result()
        asked_port = (target.protocol, target.port)
        scene = Scene(kernels, machines, names.published.get(asked_port, {}), names.silent,
                      names.hosted.get(asked_port, {}), names.virtual.get(target.address, ("", ())))
        return tell(replace(evidence, source=start.name, names=names.by_address, container=names.of_container), scene)


def look(cluster: Cluster, ears: Mapping[str, Ear]) -> Kernels:
    """Every kernel's tables now."""
    paths = {inode: path for ear in ears.values() for inode, path in ear.places.items()}
    return Kernels(cluster.call("evidence", tables=TABLES)["hosts"], paths)


def _place(kernels: Kernels, ear: Ear, start: Source) -> Place:
    inode = next((inode for inode, path in ear.places.items() if path == start.path), None)
    place = kernels.places.get(inode) if inode is not None else None
    if place is None:
        raise Unclear("trace.bad.gone", name=start.name)
    return place


def _resolve(cluster: Cluster, start: Source, ear: Ear, name: str) -> tuple[str, str]:
    """An address: itself, a host's by name, or as the container's resolver says; or why it says none."""
    try:
        return str(ipaddress.IPv4Address(name)), ""
    except ValueError:
        pass
    for host in cluster.hosts:
        if host.name == name:
            return host.address, ""
    if name == "localhost":
        return "127.0.0.1", ""
    if not start.path:
        raise Unclear("trace.bad.name", name=name)
    found = ear.ask("lookup", path=start.path, name=name)
    return found.get("address", ""), found.get("code", "")


def _send(ears: Mapping[str, Ear], start: Source, place: Place, entry: Place | None, target: Target,
          seconds: float) -> Evidence:
    """The request, and all that is to be known of it afterwards."""
    ear, nonce = ears[start.host], secrets.token_hex(8)
    port = ear.ask("open", path=start.path, protocol=target.protocol)["port"]
    texts = _arm(ears, entry, target, port)
    ear.tell("go", to=target.address, port=target.port, payload=payload_of(target, nonce), seconds=seconds)
    result = _result(ear.answer(2 * seconds + SPARE))
    since = result.began - 1_000_000
    one = Connection(port, nonce.encode())
    one = one.learn(_read(collect({start.host: ear}, one.keys)))
    got = collect(ears, one.keys)
    heard = one.only(_read(got), since)
    rules = got[entry.host]["rules"] if entry is not None and entry.host in got else []
    entries = _conntrack(ears, heard, entry, target, port)
    return Evidence(target, result, heard, Ports(port, frozenset({target.port})), nonce.encode(), place, entry,
                    rules, texts, entries, seconds, lambda task: _processes(ears, task),
                    bound=lambda task: _bound(ears, task))


def _read(got: Mapping[str, Any]) -> Heard:
    return read({host: one["frames"] for host, one in got.items()})


def payload_of(target: Target, nonce: str) -> str:
    """What is sent: a request with a number used once; for tcp:// nothing, only a connection."""
    if target.scheme == "tcp":
        return ""
    if target.scheme == "udp":
        return f"lab-trace {nonce}\n"
    host = target.name if target.port == 80 else f"{target.name}:{target.port}"
    return (f"GET {target.path} HTTP/1.1\r\n{HEADER}: {nonce}\r\nHost: {host}\r\nUser-Agent: lab-trace\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n")


def _arm(ears: Mapping[str, Ear], entry: Place | None, target: Target, port: int) -> dict[str, str] | None:
    """Have the entry node's packet filter tell; None where it cannot. A network's own namespace is left alone: its
    owner would take a table of ours for a fault, and write its own anew."""
    if entry is None or entry.kind != "host" or entry.host not in ears:
        return None
    try:
        texts: dict[str, str] = ears[entry.host].ask(
            "arm", protocol=target.protocol, sport=port, dport=target.port)["texts"]
        return texts
    except Refused:
        return None


def _result(said: Mapping[str, Any]) -> Result:
    return Result(said["stage"], said["error"], said["answer"], said["began"], said["ended"],
                  said.get("connected", 0))


def _conntrack(ears: Mapping[str, Ear], heard: Heard, entry: Place | None, target: Target,
               port: int) -> dict[str, Any] | None:
    """The entry node's own record of what it made of the connection."""
    if entry is None or entry.host not in ears or entry.kind == "task":
        return None
    came = [one.ends for one in heard.sightings if one.inode == entry.inode and one.ends[2:] == (
        target.address, target.port)]
    ends = came[0] if came else (target.address, port, target.address, target.port)
    try:
        entry_of: dict[str, Any] | None = ears[entry.host].ask(
            "conntrack", path=entry.path, protocol=target.protocol, ends=list(ends))["entry"]
        return entry_of
    except Refused:
        return None


def _processes(ears: Mapping[str, Ear], place: Place) -> list[dict[str, Any]]:
    ear = ears.get(place.host)
    found: list[dict[str, Any]] = ear.ask("processes", inode=place.inode)["processes"] if ear else []
    return found


def _bound(ears: Mapping[str, Ear], place: Place) -> list[int]:
    ear = ears.get(place.host)
    found: list[int] = ear.ask("bound", path=place.path)["ports"] if ear else []
    return found
