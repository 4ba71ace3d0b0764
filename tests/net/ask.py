"""A client for the tests: `ask.py tcp|udp ADDRESS PORT COUNT` prints a line an attempt: the answer or the error."""

from __future__ import annotations

import socket
import sys


def ask(protocol: str, address: str, port: int) -> str:
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as client:
        client.settimeout(3)
        try:
            client.connect((address, port))
            if protocol == "udp":
                client.send(b"?")
            return client.recv(2048).decode().strip()
        except OSError as error:
            return type(error).__name__


if __name__ == "__main__":
    _, protocol_, address_, port_, count_ = sys.argv
    for _ in range(int(count_)):
        print(ask(protocol_, address_, int(port_)), flush=True)
