"""Runs in one network namespace, on the standard library alone: keeps the frames that hold some bytes.

    NEEDLE_HEX [INTERFACE]     says "ready"; when its standard input ends, a JSON line for each frame that it kept:
                               {"interface", "out", "frame": hex}

Whatever was on the wire before the end of the input is read: what has happened is seen.
"""

from __future__ import annotations

import json
import select
import socket
import sys

ETH_P_ALL, OUTGOING, LONGEST, BUFFER = 3, 4, 65535, 1 << 22
SO_RCVBUFFORCE = 33


def keep(sock: socket.socket, needle: bytes) -> list[dict[str, object]]:
    """Until the input ends, and then whatever has come by then."""
    kept: list[dict[str, object]] = []
    over = False
    while True:
        ready = select.select([sock] if over else [sock, sys.stdin], [], [], 0 if over else None)[0]
        if over and not ready:
            return kept
        over = over or sys.stdin in ready
        if sock in ready:
            frame, (interface, _, direction, _, _) = sock.recvfrom(LONGEST)
            if needle in frame:
                kept.append({"interface": interface, "out": direction == OUTGOING, "frame": frame.hex()})


def main() -> None:
    needle = bytes.fromhex(sys.argv[1])
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        except OSError:
            pass  # who is root only inside keeps the ordinary buffer
        if sys.argv[2:]:
            sock.bind((sys.argv[2], ETH_P_ALL))
        print("ready", flush=True)
        for item in keep(sock, needle):
            print(json.dumps(item))


if __name__ == "__main__":
    main()
