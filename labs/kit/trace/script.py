"""Runs on a host for `lab trace`, on the standard library alone: hears every packet in each of the host's network
namespaces, sends the one request, and asks the packet filter which rules it met.

JSON in, JSON out, a line each; it ends with its standard input, and what it put into the kernel ends with it. What
the packets mean is not known here (`packets`, outside). Counterpart: none.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import socket
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any

from labs.kit.trace.netfilter import LONGEST, NETLINK_NETFILTER, Filter, arm, conntrack, traced

ETH_P_ALL, CLONE_NEWNET, KEPT, BUFFER = 3, 0x40000000, 400, 8 << 20
"""The last two in bytes: said of a packet, and kept by the kernel for us where it lets us."""
SO_TIMESTAMPNS, SO_RCVBUFFORCE, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 35, 33, 270, 1
NFNLGRP_NFTRACE = 9
RESOLVER = "127.0.0.11"
"""Docker's, in every container."""
ARP = bytes.fromhex("0806000108000604")
libc = ctypes.CDLL(None, use_errno=True)


def enter(path: str) -> bool:
    """Into a network namespace, this thread only."""
    try:
        place = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return bool(libc.setns(place, CLONE_NEWNET) == 0)
    finally:
        os.close(place)


class Inside:
    """`with Inside(path):` in that namespace; "" is where we are."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        self.own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        if self.path and not enter(self.path):
            os.close(self.own)
            raise OSError(f"{self.path} is gone")

    def __exit__(self, *_: object) -> None:
        libc.setns(self.own, CLONE_NEWNET)
        os.close(self.own)


class Ears:
    """A packet socket for each namespace, all of its interfaces on it."""

    def __init__(self, paths: list[str]) -> None:
        self.places: list[dict[str, Any]] = []
        self.sockets: dict[socket.socket, int] = {}
        self.frames: list[tuple[int, int, str, int, bytes]] = []
        self.rules: list[dict[str, Any]] = []
        for path in ["", *paths]:
            try:
                with Inside(path):
                    inode = Path("/proc/thread-self/ns/net").stat().st_ino
                    self.sockets[_packet_socket()] = len(self.places)
            except OSError:
                continue  # it ended meanwhile
            self.places.append({"path": path, "inode": inode})
        self.trace = _trace_socket()

    def hear(self, ready: list[Any]) -> None:
        """One message of each socket that has some."""
        for one in ready:
            if one is self.trace:
                self.rules += traced(one.recv(LONGEST))
            elif one in self.sockets:
                data, extra, _, (name, _, kind, hardware, _) = one.recvmsg(LONGEST, 64)
                if hardware in (1, 772):
                    self.frames.append((_stamp(extra), self.sockets[one], name, kind, data[:KEPT]))

    def drain(self) -> None:
        """What has come by now."""
        while ready := select.select([*self.sockets, self.trace], [], [], 0)[0]:
            self.hear(ready)

    def matching(self, keys: list[bytes]) -> list[list[Any]]:
        """Packets in which one of these byte strings occurs, and all of ARP."""
        return [[when, self.places[place]["inode"], name, kind, data.hex()]
                for when, place, name, kind, data in self.frames
                if ARP in data[:80] or any(key in data for key in keys)]


def _packet_socket() -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    for option in (SO_RCVBUFFORCE, socket.SO_RCVBUF):
        try:
            sock.setsockopt(socket.SOL_SOCKET, option, BUFFER)
            break
        except OSError:
            continue  # only a machine's root may force it
    return sock


def _stamp(extra: list[tuple[int, int, bytes]]) -> int:
    """The kernel's own time of the packet, in ns."""
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("@ll", data[:struct.calcsize("@ll")])
            return int(seconds * 1_000_000_000 + nanoseconds)
    return time.time_ns()


def _trace_socket() -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    sock.bind((0, 0))
    try:
        sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTRACE)
    except OSError:
        pass  # no tracing in this kernel: nothing will be heard, and so it is said
    return sock


def processes(inode: int) -> list[dict[str, Any]]:
    """Those that live in a network namespace, with their state as /proc has it (T: stopped)."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "ns/net").stat().st_ino == inode:
                head, _, tail = (entry / "stat").read_text().rpartition(")")
                waits = (entry / "wchan").read_text()
                found.append({"pid": int(entry.name), "comm": head.partition("(")[2], "state": tail.split()[0],
                              "frozen": waits in ("__refrigerator", "do_freezer_trap")})
        except OSError:
            continue
    return found


def bound() -> list[int]:
    """UDP ports that a program of this thread's namespace has, connected to nobody."""
    found = set()
    for table in (Path("/proc/thread-self/net/udp"), Path("/proc/thread-self/net/udp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            local, other = line.split()[1:3]
            if not int(other.partition(":")[2], 16):
                found.add(int(local.partition(":")[2], 16))
    return sorted(found)


def lookup(name: str) -> str:
    """An address of a name, as the namespace's own resolver says. LookupError: it knows none; OSError: no answer."""
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.rstrip(".").split(".")) + b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(2)
        sock.connect((RESOLVER, 53))
        sock.send(b"LT\1\0\0\1\0\0\0\0\0\0" + question)
        answer = sock.recv(LONGEST)
    if answer[3] & 15 or not struct.unpack_from(">H", answer, 6)[0]:
        raise LookupError(name)
    (length,) = struct.unpack_from(">H", answer, 12 + len(question) + 10)
    return socket.inet_ntoa(answer[12 + len(question) + 12:][:length])


class Asked:
    """The one request. Made in two steps: its port is known before its first packet."""

    def __init__(self, protocol: str) -> None:
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        self.sock, self.protocol = socket.socket(socket.AF_INET, kind), protocol
        self.sock.bind(("", 0))
        self.port: int = self.sock.getsockname()[1]

    def go(self, to: str, port: int, payload: bytes, seconds: float) -> dict[str, Any]:
        """Sends, waits for an answer (to an empty TCP payload: for the connection only); what came of it."""
        said: dict[str, Any] = {"stage": "connect", "error": "", "answer": ""}
        self.sock.settimeout(seconds)
        said["began"] = time.time_ns()
        try:
            self.sock.connect((to, port))
            said["source"], said["connected"] = self.sock.getsockname()[0], time.time_ns()
            said["stage"] = "answer"
            if payload:
                self.sock.sendall(payload)
                said["answer"] = self._answer(time.monotonic() + seconds).decode("latin-1")
                if self.protocol == "tcp" and not said["answer"]:
                    raise ConnectionResetError(104, "closed without an answer")
            said["stage"] = "done"
        except OSError as error:
            late = isinstance(error, socket.timeout)
            said["error"] = "timeout" if late else (os.strerror(error.errno) if error.errno else str(error))
        said["ended"] = time.time_ns()
        self.sock.close()
        return said

    def _answer(self, deadline: float) -> bytes:
        """Up to the other side's end, or to what is enough to show."""
        data = b""
        while len(data) < LONGEST:
            self.sock.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                piece = self.sock.recv(LONGEST)
            except OSError:
                if not data:
                    raise
                break  # a server that keeps its end open has answered all the same
            data += piece
            if not piece or self.protocol == "udp":
                break
        return data


class Script:
    """Answers its standard input's lines, and goes on hearing meanwhile."""

    def __init__(self, folders: list[str]) -> None:
        paths = sorted(str(path) for folder in folders for path in Path(folder).glob("*"))
        self.ears = Ears(paths)
        self.asked: Asked | None = None
        self.filter: Filter | None = None

    def run(self) -> None:
        """Until the standard input ends."""
        rest = b""
        self.say({"places": self.ears.places})
        while True:
            ready = select.select([*self.ears.sockets, self.ears.trace, sys.stdin], [], [])[0]
            self.ears.hear(ready)
            if sys.stdin in ready:
                chunk = os.read(0, LONGEST)
                if not chunk:
                    return
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self.answer(json.loads(line))

    def answer(self, command: dict[str, Any]) -> None:
        """By the method of that name; what went wrong is an answer, too."""
        method = getattr(self, f"do_{command.pop('do')}")
        try:
            self.say(method(**command))
        except (OSError, KeyError, ValueError) as error:
            self.say({"error": str(error) or type(error).__name__})

    def say(self, what: Any) -> None:
        """One line; None: another thread will say it."""
        if what is not None:
            sys.stdout.write(json.dumps(what) + "\n")
            sys.stdout.flush()

    def do_lookup(self, path: str, name: str) -> dict[str, Any]:
        with Inside(path):
            try:
                return {"address": lookup(name)}
            except LookupError:
                return {"code": "no-name"}
            except OSError:
                led = f"dnat ip to {RESOLVER}" in Filter().run("list ruleset")
                return {"code": "resolver" if led else "redirect"}

    def do_open(self, path: str, protocol: str) -> dict[str, Any]:
        with Inside(path):
            self.asked = Asked(protocol)
        return {"port": self.asked.port}

    def do_arm(self, protocol: str, sport: int, dport: int) -> dict[str, Any]:
        self.filter, texts = arm(protocol, sport, dport)
        return {"texts": texts}

    def do_go(self, to: str, port: int, payload: str, seconds: float) -> None:
        asked = self.asked
        assert asked is not None
        threading.Thread(target=lambda: self.say(asked.go(to, port, payload.encode("latin-1"), seconds)),
                         daemon=True).start()

    def do_collect(self, keys: list[str]) -> dict[str, Any]:
        self.ears.drain()
        return {"frames": self.ears.matching([bytes.fromhex(key) for key in keys]), "rules": self.ears.rules}

    def do_conntrack(self, path: str, protocol: str, ends: tuple[str, int, str, int]) -> dict[str, Any]:
        with Inside(path):
            return {"entry": conntrack(protocol, ends)}

    def do_bound(self, path: str) -> dict[str, Any]:
        with Inside(path):
            return {"ports": bound()}

    def do_processes(self, inode: int) -> dict[str, Any]:
        return {"processes": processes(inode)}


def main() -> None:
    """The arguments are folders in which namespaces are pinned."""
    Script(sys.argv[1:]).run()
