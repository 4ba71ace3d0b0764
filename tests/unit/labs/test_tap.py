"""What `lab tap` reads of a packet: from bytes laid down by hand here, by the RFCs' own layouts."""

from __future__ import annotations

import socket
import struct

from labs.kit.tap_script import decode, details, line, pcap_header, pcap_record, ports

ETHERNET = bytes.fromhex("0242ac110002" "0242ac110003" "0800")


def ipv4(source: str, to: str, protocol: int, body: bytes) -> bytes:
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0x4000, 63, protocol, 0) + socket.inet_aton(
        source) + socket.inet_aton(to) + body


def tcp(source: int, to: int, bits: int, payload: bytes = b"") -> bytes:
    return struct.pack("!HHIIBBHHH", source, to, 1000, 2000, 0x50, bits, 64240, 0, 0) + payload


def udp(source: int, to: int, payload: bytes) -> bytes:
    return struct.pack("!HHHH", source, to, 8 + len(payload), 0) + payload


INNER = ETHERNET + ipv4("10.0.0.4", "10.0.0.6", 6, tcp(40000, 80, 0x18, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
OUTER = ETHERNET + ipv4("10.7.0.3", "10.7.0.2", 17, udp(50000, 4789, bytes.fromhex("0800000000100000") + INNER))


def test_a_vxlan_packet_shows_outer_and_inner_headers_on_one_line() -> None:
    assert line(decode(OUTER)) == ("10.7.0.3 > 10.7.0.2 VXLAN 4096 | 10.0.0.4:40000 > 10.0.0.6:80 TCP PA 27 bytes: "
                                   "GET / HTTP/1.1")
    assert [header["kind"] for header in decode(OUTER)] == ["eth", "ip", "udp", "vxlan", "eth", "ip", "tcp"]
    assert ports(decode(OUTER)) == {50000, 4789, 40000, 80}
    assert "    vxlan vni=4096" in details(decode(OUTER))


def test_padding_of_a_short_frame_is_no_payload() -> None:
    frame = ETHERNET + ipv4("10.0.0.1", "10.0.0.2", 6, tcp(1, 2, 0x10)) + bytes(6)
    assert line(decode(frame)) == "10.0.0.1:1 > 10.0.0.2:2 TCP A"


def test_what_is_no_vxlan_on_its_port_and_what_is_cut_short() -> None:
    assert line(decode(ETHERNET + ipv4("10.0.0.1", "10.0.0.2", 17, udp(1, 4789, b"hello")))) == (
        "10.0.0.1:1 > 10.0.0.2:4789 UDP 5 bytes")
    for length in range(len(OUTER)):
        assert line(decode(OUTER[:length]))
    assert "cut short" in line(decode(OUTER[:30]))


def test_a_later_fragment_has_no_ports() -> None:
    packet = bytearray(ipv4("10.0.0.1", "10.0.0.2", 6, b"abcdefgh" * 4))
    packet[6:8] = struct.pack("!H", 185)
    assert ports(decode(ETHERNET + bytes(packet))) == set()
    assert line(decode(ETHERNET + bytes(packet))).endswith("a later fragment")


def test_arp_and_ping() -> None:
    arp = bytes.fromhex("00010800060400010242ac110003") + socket.inet_aton("10.0.0.1") + bytes(6) + socket.inet_aton(
        "10.0.0.2")
    assert line(decode(ETHERNET[:12] + b"\x08\x06" + arp)) == "ARP who has 10.0.0.2? tell 10.0.0.1"
    assert line(decode(ETHERNET + ipv4("10.0.0.1", "10.0.0.2", 1, b"\x08\0\0\0"))) == (
        "10.0.0.1 > 10.0.0.2 ICMP echo request")


def test_a_file_for_other_tools() -> None:
    assert len(pcap_header()) == 24
    assert pcap_record(2.5, b"abc") == struct.pack("=IIII", 2, 500000, 3, 3) + b"abc"
