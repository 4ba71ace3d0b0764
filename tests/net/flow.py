"""A UDP client that keeps its port: each line on stdin is one question, each answer (or its lack) one line out."""

from __future__ import annotations

import socket
import sys

if __name__ == "__main__":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        client.connect((sys.argv[1], int(sys.argv[2])))
        for _ in sys.stdin:
            try:
                client.send(b"?")
                print(client.recv(2048).decode().split()[0], flush=True)
            except OSError as error:
                print(type(error).__name__, flush=True)
