"""A task for the tests: answers every connection or datagram on a port with its name and who it thinks has asked; on
the next port, every line of a connection that goes on."""

from __future__ import annotations

import socket
import sys
import threading


def tcp(name: str, port: int) -> None:
    with socket.create_server(("0.0.0.0", port)) as server:
        while True:
            connection, peer = server.accept()
            with connection:
                connection.sendall(f"{name} {peer[0]}\n".encode())


def talk(name: str, port: int) -> None:
    def converse(connection: socket.socket) -> None:
        with connection, connection.makefile("rw") as lines:
            for _ in lines:
                lines.write(f"{name}\n")
                lines.flush()

    with socket.create_server(("0.0.0.0", port)) as server:
        while True:
            threading.Thread(target=converse, args=(server.accept()[0],), daemon=True).start()


def udp(name: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("0.0.0.0", port))
        print("ready", flush=True)
        while True:
            _, peer = server.recvfrom(2048)
            server.sendto(f"{name} {peer[0]}\n".encode(), peer)


if __name__ == "__main__":
    threading.Thread(target=tcp, args=(sys.argv[1], int(sys.argv[2])), daemon=True).start()
    threading.Thread(target=talk, args=(sys.argv[1], int(sys.argv[2]) + 1), daemon=True).start()
    udp(sys.argv[1], int(sys.argv[2]))
