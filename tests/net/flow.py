"""A client that keeps its port (`flow.py ADDRESS PORT udp|tcp [OWN_PORT]`): each line on stdin is one question, each
answer (or its lack) one line out."""

from __future__ import annotations

import socket
import sys

if __name__ == "__main__":
    _, address, port, protocol, *source = sys.argv
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as client:
        client.settimeout(2)
        if source:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(("", int(source[0])))
        client.connect((address, int(port)))
        for _ in sys.stdin:
            try:
                client.send(b"?\n")
                print((client.recv(2048).decode().split() or ["closed"])[0], flush=True)
            except OSError as error:
                print(type(error).__name__, flush=True)
