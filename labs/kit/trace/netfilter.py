"""Owns the packet filter's side of `lab trace` on a host, on the standard library alone: trace messages, the marking
rule, conntrack's record of a connection. All of it works in the namespace of the thread that calls.
"""

from __future__ import annotations

import ctypes
import re
import socket
import struct
from typing import Any

LONGEST = 65535
NETLINK_NETFILTER = 12
PROTOCOLS = {"tcp": 6, "udp": 17}
NFT_TRACE = 10 << 8 | 17
TRACE_TABLE, TRACE_CHAIN, TRACE_HANDLE, TRACE_TYPE, TRACE_VERDICT, TRACE_ID = 1, 2, 3, 4, 5, 6
"""linux/netfilter/nf_tables.h, enum nft_trace_attributes."""
VERDICTS = {0: "drop", 1: "accept", -1: "continue", -2: "break", -3: "jump", -4: "goto", -5: "return"}
CT_GET, CT_ORIGINAL, CT_REPLY, NESTED = 1 << 8 | 1, 1, 2, 0x8000
"""linux/netfilter/nfnetlink_conntrack.h."""


def attributes(data: bytes) -> dict[int, bytes]:
    """Netlink attributes by type."""
    found: dict[int, bytes] = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[4:length]
        data = data[(length + 3) & ~3:]
    return found


def attribute(kind: int, body: bytes) -> bytes:
    """One, padded."""
    return struct.pack("=HH", 4 + len(body), kind) + body + bytes(-len(body) % 4)


def traced(data: bytes) -> list[dict[str, Any]]:
    """The trace messages of the packet filter in a netlink datagram: the rules a packet met, in order."""
    found: list[dict[str, Any]] = []
    while len(data) >= 20:
        length, kind = struct.unpack_from("=IH", data)
        if kind == NFT_TRACE:
            got = attributes(data[20:length])
            verdict = attributes(got.get(TRACE_VERDICT, b""))
            (code,) = struct.unpack(">i", verdict.get(1, b"\0\0\0\0"))
            found.append({
                "id": int.from_bytes(got.get(TRACE_ID, b""), "big"), "table": _text(got.get(TRACE_TABLE)),
                "chain": _text(got.get(TRACE_CHAIN)), "handle": int.from_bytes(got.get(TRACE_HANDLE, b""), "big"),
                "type": {1: "policy", 2: "return", 3: "rule"}.get(int.from_bytes(got.get(TRACE_TYPE, b""), "big")),
                "verdict": VERDICTS.get(code, str(code)), "to": _text(verdict.get(2))})
        data = data[(max(length, 20) + 3) & ~3:]
    return found


def _text(raw: bytes | None) -> str:
    return (raw or b"").rstrip(b"\0").decode(errors="replace")


class Filter:
    """nft's language, by the library that the nft command is made of. Its table is owned by this process: the kernel
    removes it when the process ends, however it ends."""

    def __init__(self) -> None:
        self.nft = ctypes.CDLL("libnftables.so.1")
        self.nft.nft_ctx_new.restype = ctypes.c_void_p
        for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
            getattr(self.nft, name).restype = ctypes.c_char_p
        self.context = ctypes.c_void_p(self.nft.nft_ctx_new(0))
        self.nft.nft_ctx_buffer_output(self.context)
        self.nft.nft_ctx_buffer_error(self.context)

    def run(self, text: str, flags: int = 0) -> str:
        """Raises OSError with nft's reason."""
        self.nft.nft_ctx_output_set_flags(self.context, flags)
        if self.nft.nft_run_cmd_from_buffer(self.context, text.encode()):
            raise OSError(str(self.nft.nft_ctx_get_error_buffer(self.context).decode().strip()[:200]))
        return str(self.nft.nft_ctx_get_output_buffer(self.context).decode(errors="replace"))


HANDLES = 1 << 3
RULE = re.compile(r"^\t\t(.*) # handle (\d+)$")
TABLE_LINE, CHAIN_LINE = re.compile(r"^table (\w+ \S+) \{"), re.compile(r"^\tchain (\S+) \{")


def texts_of(listing: str) -> dict[str, str]:
    """`nft -a list ruleset` as rules by "table chain handle"."""
    found, table, chain = {}, "", ""
    for line in listing.splitlines():
        if match := TABLE_LINE.match(line):
            table = match.group(1).split()[1]
        elif match := CHAIN_LINE.match(line):
            chain = match.group(1)
        elif match := RULE.match(line):
            found[f"{table} {chain} {match.group(2)}"] = match.group(1)
    return found


def arm(protocol: str, sport: int, dport: int) -> tuple[Filter, dict[str, str]]:
    """From now on the host's packet filter says which rules these packets meet. OSError where it cannot."""
    nft = Filter()
    texts = texts_of(nft.run("list ruleset", HANDLES))
    rule = f"{protocol} sport {sport} {protocol} dport {dport} meta nftrace set 1"
    chains = "".join(f"chain {hook} {{ type filter hook {hook} priority -350; {rule}; }}\n"
                     for hook in ("prerouting", "output"))
    nft.run(f"table inet labtrace{sport} {{\nflags owner;\n{chains}}}")
    return nft, texts


def conntrack(protocol: str, ends: tuple[str, int, str, int]) -> dict[str, Any] | None:
    """The namespace's entry of a connection, by its first packet's ends; None if there is none."""
    source, sport, to, dport = ends
    addresses = attribute(1, socket.inet_aton(source)) + attribute(2, socket.inet_aton(to))
    numbers = (attribute(1, bytes([PROTOCOLS[protocol]])) + attribute(2, struct.pack(">H", sport))
               + attribute(3, struct.pack(">H", dport)))
    key = attribute(CT_ORIGINAL | NESTED, attribute(1 | NESTED, addresses) + attribute(2 | NESTED, numbers))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as sock:
        sock.settimeout(2)
        sock.send(struct.pack("=IHHII", 20 + len(key), CT_GET, 1, 1, 0) + bytes([socket.AF_INET, 0, 0, 0]) + key)
        answer = sock.recv(LONGEST)
    if struct.unpack_from("=IH", answer)[1] != 1 << 8:
        return None
    got = attributes(answer[20:])
    return {"original": _tuple(got[CT_ORIGINAL]), "reply": _tuple(got[CT_REPLY])}


def _tuple(data: bytes) -> list[Any]:
    parts = attributes(data)
    addresses, numbers = attributes(parts[1]), attributes(parts[2])
    return [socket.inet_ntoa(addresses[1]), int.from_bytes(numbers[2], "big"), socket.inet_ntoa(addresses[2]),
            int.from_bytes(numbers[3], "big")]
