"""Runs on a host, on the standard library alone: shows packets, a line each, with the inner headers of VXLAN.

`decode` is pure. What is no Ethernet, IPv4 or ARP is named, not guessed at. Counterpart: tcpdump, which is on the
hosts too and knows a thousand protocols; this one says which overlay a packet is on.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

ETH_P_ALL, ETH_IP, ETH_ARP, ETH_IPV6 = 3, 0x0800, 0x0806, 0x86DD
VXLAN_PORT, OUTGOING, CLONE_NEWNET, LONGEST = 4789, 4, 0x40000000, 65535
FLAGS = "FSRPAU"
PLACES = ("/run/swarmd/networks", "/run/swarmd/netns")


def mac(data: bytes) -> str:
    return ":".join(f"{byte:02x}" for byte in data)


def decode(frame: bytes) -> list[dict[str, Any]]:
    """The headers of an Ethernet frame, outermost first; what is cut short ends with {"kind": "short"}."""
    try:
        return _ethernet(frame)
    except (struct.error, IndexError, OSError):
        return [{"kind": "short", "length": len(frame)}]


def _ethernet(frame: bytes) -> list[dict[str, Any]]:
    (kind,) = struct.unpack_from("!H", frame, 12)
    header = {"kind": "eth", "src": mac(frame[6:12]), "dst": mac(frame[:6]), "type": kind}
    if kind == ETH_IP:
        return [header, *_ipv4(frame[14:])]
    if kind == ETH_ARP:
        return [header, _arp(frame[14:])]
    return [header, {"kind": "ipv6" if kind == ETH_IPV6 else "other", "type": kind}]


def _arp(data: bytes) -> dict[str, Any]:
    (operation,) = struct.unpack_from("!H", data, 6)
    return {"kind": "arp", "op": operation, "mac": mac(data[8:14]), "src": socket.inet_ntoa(data[14:18]),
            "dst": socket.inet_ntoa(data[24:28])}


def about(icmp: dict[str, Any]) -> list[dict[str, Any]]:
    """The headers of the packet that an ICMP error speaks of."""
    try:
        return _ipv4(icmp["payload"])
    except (struct.error, IndexError, OSError):
        return []


def _ipv4(data: bytes) -> list[dict[str, Any]]:
    size, total = (data[0] & 15) * 4, struct.unpack_from("!H", data, 2)[0]
    (fragment,) = struct.unpack_from("!H", data, 6)
    header = {"kind": "ip", "src": socket.inet_ntoa(data[12:16]), "dst": socket.inet_ntoa(data[16:20]),
              "ttl": data[8], "proto": data[9], "length": total}
    body = data[size:max(total, size)]
    if fragment & 0x1FFF:
        return [header, {"kind": "fragment", "offset": (fragment & 0x1FFF) * 8}]
    return [header, *_transport(data[9], body, total - size)]


def _transport(protocol: int, data: bytes, whole: int) -> list[dict[str, Any]]:
    """`whole`: bytes there were after the IP header, of which `data` may be the beginning."""
    if protocol == 6:
        source, to, seq, ack, size, bits = struct.unpack_from("!HHIIBB", data)
        payload = data[(size >> 4) * 4:]
        flags = "".join(name for n, name in enumerate(FLAGS) if bits & (1 << n))
        return [{"kind": "tcp", "sport": source, "dport": to, "seq": seq, "ack": ack, "flags": flags,
                 "length": whole - (size >> 4) * 4, "payload": payload}]
    if protocol == 17:
        source, to = struct.unpack_from("!HH", data)
        header = {"kind": "udp", "sport": source, "dport": to, "length": whole - 8, "payload": data[8:]}
        if to == VXLAN_PORT and len(data) > 16 and data[8] & 8:
            (vni,) = struct.unpack("!I", b"\0" + data[12:15])
            return [header | {"payload": b""}, {"kind": "vxlan", "vni": vni}, *decode(data[16:])]
        return [header]
    if protocol == 1:
        return [{"kind": "icmp", "type": data[0], "code": data[1], "payload": data[8:]}]
    return [{"kind": "other", "type": protocol}]


def ports(headers: list[dict[str, Any]]) -> set[int]:
    """All TCP and UDP ports, of the inner headers too."""
    return {header[end] for header in headers for end in ("sport", "dport") if end in header}


def line(headers: list[dict[str, Any]]) -> str:
    """One line: outer headers, then after `|` what the VXLAN packet carries."""
    parts: list[str] = []
    words: list[str] = []
    ip: dict[str, Any] = {}
    for header in headers:
        kind = header["kind"]
        if kind == "ip":
            ip = header
        elif kind in ("tcp", "udp"):
            words.append(f"{ip['src']}:{header['sport']} > {ip['dst']}:{header['dport']} {_said(header)}")
        elif kind == "vxlan":
            parts.append(f"{ip['src']} > {ip['dst']} VXLAN {header['vni']}")
            words, ip = [], {}
        elif kind == "arp":
            asked = f"ARP who has {header['dst']}? tell {header['src']}"
            words.append(asked if header["op"] == 1 else f"ARP {header['src']} is at {header['mac']}")
        elif kind == "icmp":
            names = {0: "echo reply", 3: "unreachable", 8: "echo request", 11: "time exceeded"}
            words.append(f"{ip['src']} > {ip['dst']} ICMP {names.get(header['type'], header['type'])}")
        elif kind != "eth":
            where = f"{ip['src']} > {ip['dst']} " if ip else ""
            words.append(where + {"short": "cut short", "ipv6": "IPv6", "fragment": "a later fragment"}.get(
                kind, f"type {header.get('type', 0):#x}"))
    return " | ".join([*parts, " ".join(words)])


def _said(header: dict[str, Any]) -> str:
    length = header["length"]
    if header["kind"] == "udp":
        return f"UDP {length} bytes"
    first = first_line(header["payload"])
    return f"TCP {header['flags']}{f' {length} bytes' if length else ''}{f': {first}' if first else ''}"


def first_line(payload: bytes) -> str:
    """What a reader can read of it: the first line, where it is text."""
    text = payload.split(b"\r\n", 1)[0].split(b"\n", 1)[0][:60]
    return text.decode("ascii") if text and all(32 <= byte < 127 for byte in text) else ""


def details(headers: list[dict[str, Any]]) -> list[str]:
    """A line for each header, for --decode."""
    return ["    " + " ".join([header["kind"], *(f"{key}={value}" for key, value in header.items()
                                                 if key not in ("kind", "payload"))]) for header in headers]


def enter_place_of(interface: str) -> bool:
    """Into the namespace (the host's own, a network's, a container's) that has the interface; False: none has."""
    if not interface or has(interface):
        return True
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    for folder in PLACES:
        for path in sorted(Path(folder).glob("*")):
            place = os.open(path, os.O_RDONLY)
            entered = libc.setns(place, CLONE_NEWNET) == 0
            os.close(place)
            if entered and has(interface):
                return True
            libc.setns(own, CLONE_NEWNET)
    return False


def has(interface: str) -> bool:
    return interface in (name for _, name in socket.if_nameindex())


def pcap_header() -> bytes:
    return struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, LONGEST, 1)


def pcap_record(when: float, frame: bytes) -> bytes:
    return struct.pack("=IIII", int(when), int(when % 1 * 1e6), len(frame), len(frame)) + frame


def show(options: argparse.Namespace) -> int:
    """Until the count is reached, or Ctrl-C; how many were shown."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    if options.interface:
        sock.bind((options.interface, ETH_P_ALL))
    shown, file = 0, os.fdopen(options.fd, "wb", buffering=0) if options.fd >= 0 else None
    if file:
        file.write(pcap_header())
    print(options.ready, file=sys.stderr, flush=True)
    try:
        while not options.count or shown < options.count:
            if sys.stdin in select.select([sock, sys.stdin], [], [])[0]:
                break  # whoever asked has gone
            frame, (interface, _, direction, hardware, _) = sock.recvfrom(LONGEST)
            if hardware not in (1, 772):
                continue  # no Ethernet
            headers, when = decode(frame), time.time()
            if options.port and options.port not in ports(headers):
                continue
            shown += 1
            if file:
                file.write(pcap_record(when, frame))
            clock = time.strftime("%H:%M:%S", time.localtime(when)) + f".{int(when % 1 * 1e6):06d}"
            print(clock, f"{interface:<15}", "out" if direction == OUTGOING else "in ", line(headers), flush=True)
            for text in details(headers) if options.decode else ():
                print(text, flush=True)
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    return shown


def main() -> int:
    """The exit status: 2 where no such interface is."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--interface", default="")
    parser.add_argument("--decode", action="store_true")
    for name, default in (("--port", 0), ("--count", 0), ("--fd", -1)):
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--ready", default="")
    parser.add_argument("--summary", default="{count}")
    parser.add_argument("--missing", default="{names}")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # whoever started us ignores the first, and so would we
        signal.signal(number, signal.default_int_handler)
    if not enter_place_of(options.interface):
        names = ", ".join(name for _, name in socket.if_nameindex())
        print(options.missing.replace("{names}", names), file=sys.stderr)
        return 2
    shown = show(options)
    print(options.summary.replace("{count}", str(shown)), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
