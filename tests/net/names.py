"""A DNS client for the tests: `names.py NAME TYPE udp|tcp [SERVER]` prints the code, then the answers, sorted;
`serve` instead is a server of a machine's, on udp and tcp port 53, that knows every name (10.9.9.9)."""

from __future__ import annotations

import socket
import sys
import threading

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rrset


def ask(name: str, kind: str, protocol: str, server: str = "127.0.0.11") -> None:
    query = dns.message.make_query(name, kind)
    via = dns.query.tcp if protocol == "tcp" else dns.query.udp
    response = via(query, server, timeout=5)
    words = [item.to_text() for rrset in response.answer for item in rrset]
    assert all(rrset.ttl <= 5 for rrset in response.answer) or server != "127.0.0.11"
    print(dns.rcode.to_text(response.rcode()), *(["TC"] if response.flags & dns.flags.TC else []), *sorted(words))


def known(data: bytes) -> bytes:
    query = dns.message.from_wire(data)
    response = dns.message.make_response(query)
    response.answer.append(dns.rrset.from_text(query.question[0].name, 5, "IN", "A", "10.9.9.9"))
    return response.to_wire()


def serve_tcp() -> None:
    with socket.create_server(("0.0.0.0", 53)) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                size = int.from_bytes(connection.recv(2), "big")
                answer = known(connection.recv(size))
                connection.sendall(len(answer).to_bytes(2, "big") + answer)


def serve() -> None:
    threading.Thread(target=serve_tcp, daemon=True).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("0.0.0.0", 53))
        print("ready", flush=True)
        while True:
            data, peer = server.recvfrom(4096)
            server.sendto(known(data), peer)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        ask(*sys.argv[1:])
