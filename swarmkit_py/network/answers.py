"""Owns DNS messages: a query's bytes in, an answer's out. Pure (the shuffling is passed in). Must not know sockets,
nor where names come from (`directory`).

A known name without an address of the asked kind is "no data", never "no such name": a client that asks for AAAA
first would else give up before it asks for A.
Counterpart: moby/libnetwork/resolver.go, serveDNS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset

from swarmkit_py.network.directory import Directory

TTL = 1
"""Seconds: names follow a scale or a death within it."""
PLAIN_SIZE, LARGEST_UDP = 512, 4096
_REVERSE = (dns.reversename.ipv4_reverse_domain, dns.reversename.ipv6_reverse_domain)


@dataclass(frozen=True)
class Scope:
    """Who asks: the ids of the networks it is on, in its order; `outward`: it has a way out, so others' names may be
    asked for it."""

    networks: tuple[str, ...] = ()
    outward: bool = True
    nameservers: tuple[str, ...] = ()
    """Who is asked instead of the host's resolvers."""


def answer(
    query: dns.message.Message, directory: Directory, scope: Scope, shuffle: Callable[[list[str]], None]
) -> dns.message.Message | None:
    """What we know; None: not ours to answer, ask a resolver of the machine."""
    if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
        return refusal(query, dns.rcode.NOTIMP)
    question = query.question[0]
    if question.rdclass != dns.rdataclass.IN:
        return None
    if question.rdtype == dns.rdatatype.PTR and any(map(question.name.is_subdomain, _REVERSE)):
        return _pointer(query, question.name, directory, scope)
    found = directory.addresses(question.name.to_text(omit_final_dot=True), scope.networks)
    if found is None:
        return None
    shuffle(found)
    kinds = {4: dns.rdatatype.A, 6: dns.rdatatype.AAAA}
    kind = question.rdtype
    asked = [a for a in found if kind in (kinds[ipaddress.ip_address(a).version], dns.rdatatype.ANY)]
    return _with(query, question.name, dns.rdatatype.A if kind == dns.rdatatype.ANY else kind, asked)


def _pointer(
    query: dns.message.Message, name: dns.name.Name, directory: Directory, scope: Scope
) -> dns.message.Message | None:
    try:
        address = dns.reversename.to_address(name)
    except (dns.exception.DNSException, ValueError):
        return None
    found = directory.pointer(address, scope.networks)
    if found is not None:
        return _with(query, name, dns.rdatatype.PTR, [found + "."])
    return refusal(query, dns.rcode.NXDOMAIN) if directory.covers(address, scope.networks) else None


def _with(
    query: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType, values: Sequence[str]
) -> dns.message.Message:
    response = refusal(query, dns.rcode.NOERROR)
    if values:
        response.answer.append(dns.rrset.from_text_list(name, TTL, dns.rdataclass.IN, kind, values))
    return response


def refusal(query: dns.message.Message, code: dns.rcode.Rcode) -> dns.message.Message:
    """An answer without records."""
    response = dns.message.make_response(query, recursion_available=True, our_payload=LARGEST_UDP)
    response.set_rcode(code)
    return response


def read(data: bytes) -> dns.message.Message | None:
    """A query; None if it is none (then nobody waits for an answer worth giving)."""
    try:
        query = dns.message.from_wire(data)
    except (dns.exception.DNSException, ValueError):
        return None
    return None if query.flags & dns.flags.QR else query


def write(response: dns.message.Message, query: dns.message.Message, *, stream: bool) -> bytes:
    """The bytes, in the response's order (`answer` has shuffled); over UDP cut (and said to be cut) at the size that
    the asker can take."""
    if stream:
        return response.to_wire(max_size=65535, want_shuffle=False)
    size = min(max(query.payload, PLAIN_SIZE), LARGEST_UDP)
    return response.to_wire(max_size=size, prefer_truncation=True, want_shuffle=False)
