"""What graders ask and hear from outside: names over real UDP, packets by real sockets, and how both are read."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from labs.kit import connections, dns_script
from labs.kit.captures import parse
from labs.kit.predictions import read


def answer_to(query: bytes, *addresses: str, alias: bool = False) -> bytes:
    """What a resolver says: the question again, perhaps another name first, then the addresses by a pointer."""
    extra = [b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 1, 2) + b"\xc0\x0c"] if alias else []
    records = extra + [b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + socket.inet_aton(one) for one in addresses]
    code = 0 if addresses else 3
    return query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(records), 0, 0) + query[12:] + b"".join(records)


def test_a_question_is_a_query_for_addresses() -> None:
    assert dns_script.question("tasks.db", 7) == (
        b"\0\x07\x01\0\0\x01\0\0\0\0\0\0" + b"\x05tasks\x02db\0" + b"\0\x01\0\x01")


@pytest.mark.parametrize("alias", [False, True])
def test_addresses_are_read_and_sorted_by_number(alias: bool) -> None:
    query = dns_script.question("db", 1)
    assert dns_script.addresses(answer_to(query, "10.0.1.12", "10.0.1.3", alias=alias)) == ["10.0.1.3", "10.0.1.12"]
    assert dns_script.addresses(answer_to(query)) == []
    with pytest.raises((struct.error, IndexError)):
        dns_script.addresses(answer_to(query, "10.0.1.3")[:20])


def envelope(payload: bytes, vni: int) -> bytes:
    """A UDP packet in VXLAN between two hosts."""
    def ip(source: str, to: str, body: bytes) -> bytes:
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64, 17, 0, socket.inet_aton(source),
                           socket.inet_aton(to)) + body

    def udp(to: int, body: bytes) -> bytes:
        return struct.pack("!HHHH", 50000, to, 8 + len(body), 0) + body

    ethernet = b"\2" * 12 + b"\x08\0"
    inner = ethernet + ip("10.0.1.3", "10.0.1.6", udp(80, payload))
    return ethernet + ip("10.7.0.2", "10.7.0.3", udp(4789, struct.pack("!BxxxI", 8, vni << 8) + inner))


def test_what_was_heard_says_its_envelope() -> None:
    line = json.dumps({"interface": "worker1-eth0", "out": True, "frame": envelope(b"nonce", 4097).hex()})
    [one] = parse([line])
    assert (one.interface, one.out, one.vni) == ("worker1-eth0", True, 4097)
    assert one.addresses == [("10.7.0.2", "10.7.0.3"), ("10.0.1.3", "10.0.1.6")]


@contextmanager
def resolver(*replies: bytes | None) -> Iterator[int]:
    """Answers one query after the other with these; None: with nothing. The port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def serve() -> None:
            for reply in replies:
                query, who = sock.recvfrom(4096)
                if reply is not None:
                    sock.sendto(query[:2] + reply[2:], who)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield sock.getsockname()[1]


def test_who_says_nothing_at_first_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = answer_to(dns_script.question("db", 1), "10.0.1.3")
    monkeypatch.setattr(dns_script, "SECONDS", 0.2)
    with resolver(None, whole) as port:
        monkeypatch.setattr(dns_script, "PORT", port)
        assert dns_script.ask("127.0.0.1", "db") == ["10.0.1.3"]
    with resolver(None, None, None) as port:
        monkeypatch.setattr(dns_script, "PORT", port)
        assert dns_script.ask("127.0.0.1", "db") is None


def test_numbers_may_be_written_as_programs_print_them() -> None:
    assert read("number", "0x1001") == read("number", "4097") == "4097"
    assert read("number", "0x") is None


TABLE = """\
ipv4     2 tcp      6 100 TIME_WAIT src=10.7.0.100 dst=10.7.0.3 sport=41002 dport=8080 src=10.0.0.7 dst=10.0.0.4 sport=80 dport=41002 [ASSURED] mark=0 zone=0 use=2
ipv4     2 tcp      6 431999 ESTABLISHED src=10.7.0.3 dst=10.7.0.1 sport=46736 dport=2377 src=10.7.0.1 dst=10.7.0.3 sport=2377 dport=46736 [ASSURED] mark=0 zone=0 use=2
ipv4     2 unknown  2 502 src=172.17.0.1 dst=224.0.0.22 [UNREPLIED] src=224.0.0.22 dst=172.17.0.1 mark=0 zone=0 use=2
"""  # noqa: E501


def test_a_translation_is_the_difference_of_both_directions() -> None:
    asked, plain = connections.parse(TABLE.splitlines())
    assert (asked.source, asked.target, asked.port) == ("10.7.0.100", "10.7.0.3", 8080)
    assert (asked.server, asked.server_port, asked.peer, asked.peer_port) == ("10.0.0.7", 80, "10.0.0.4", 41002)
    assert (asked.age, plain.age, plain.server) == (20.0, 0.0, "10.7.0.1")
