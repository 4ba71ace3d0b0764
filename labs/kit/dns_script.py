"""Runs in a task's network namespace, on the standard library alone: asks a resolver for names.

    SERVER NAME…     one JSON line: {NAME: the addresses, sorted; [] for a name without any; null for no answer}

Counterpart: `dig +short NAME @SERVER`, which images need not have. RFC 1035; `question` and `addresses` are pure.
"""

from __future__ import annotations

import json
import socket
import struct
import sys

TRIES, SECONDS, PORT = 3, 2.0, 53
A, IN, HEADER = 1, 1, struct.Struct("!HHHHHH")


def question(name: str, number: int) -> bytes:
    """A query for the IPv4 addresses of a name."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    return HEADER.pack(number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", A, IN)


def addresses(answer: bytes) -> list[str]:
    """The IPv4 addresses in an answer, sorted. struct.error or IndexError for what is no whole answer."""
    _, _, questions, records, _, _ = HEADER.unpack_from(answer)
    at, found = HEADER.size, []
    for _ in range(questions):
        at = _after_name(answer, at) + 4
    for _ in range(records):
        at = _after_name(answer, at)
        kind, _, _, length = struct.unpack_from("!HHIH", answer, at)
        at += 10
        if kind == A and length == 4:
            found.append(answer[at:at + 4])
        at += length
    return [socket.inet_ntoa(address) for address in sorted(found)]


def _after_name(data: bytes, at: int) -> int:
    while data[at]:
        if data[at] >= 0xC0:
            return at + 2
        at += data[at] + 1
    return at + 1


def ask(server: str, name: str) -> list[str] | None:
    """What the server says; None if it says nothing."""
    for number in range(1, TRIES + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(SECONDS)
            try:
                sock.sendto(question(name, number), (server, PORT))
                answer = sock.recv(4096)
                if HEADER.unpack_from(answer)[0] == number:
                    return addresses(answer)
            except (OSError, struct.error, IndexError):
                continue
    return None


if __name__ == "__main__":
    print(json.dumps({name: ask(sys.argv[1], name) for name in sys.argv[2:]}))
