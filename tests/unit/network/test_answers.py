from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmkit_py.network import answers
from swarmkit_py.network.answers import Scope
from tests.unit.network.test_directory import RED, directory, record

NAMES = directory(record("web", "10.0.1.5", "10.0.1.6"))


def ask(name: str, kind: str = "A", scope: Scope = Scope((RED,))) -> str | None:
    query = dns.message.make_query(name, kind)
    found = answers.answer(query, NAMES, scope, list.reverse)
    if found is None:
        return None
    back = dns.message.from_wire(answers.write(found, query, stream=True))
    assert back.id == query.id
    assert back.flags & dns.flags.RA
    items = [item.to_text() for rrset in back.answer for item in rrset]
    return " ".join([dns.rcode.to_text(back.rcode()), *items])


@pytest.mark.parametrize(("name", "kind", "said"), [
    ("web.", "A", "NOERROR 10.0.1.2"),
    ("Web", "ANY", "NOERROR 10.0.1.2"),
    ("web", "AAAA", "NOERROR"),
    ("web", "TXT", "NOERROR"),
    ("5.1.0.10.in-addr.arpa", "PTR", "NOERROR web.1.backend."),
    ("77.1.0.10.in-addr.arpa", "PTR", "NXDOMAIN"),
    ("tasks.web", "A", "NOERROR 10.0.1.6 10.0.1.5"),
])
def test_what_is_known(name: str, kind: str, said: str) -> None:
    assert ask(name, kind) == said


@pytest.mark.parametrize(("name", "kind"), [
    ("example.org", "A"), ("wep", "A"), ("9.9.9.10.in-addr.arpa", "PTR"), ("in-addr.arpa", "PTR"),
    ("nonsense.in-addr.arpa", "PTR")])
def test_what_others_may_know(name: str, kind: str) -> None:
    assert ask(name, kind) is None


def test_another_network_does_not_know() -> None:
    assert ask("web", scope=Scope(("other",))) is None


def test_what_is_no_plain_question_is_refused() -> None:
    query = dns.message.make_query("web", "A")
    query.set_opcode(5)
    found = answers.answer(query, NAMES, Scope((RED,)), list.reverse)
    assert found is not None
    assert found.rcode() == dns.rcode.NOTIMP


def test_a_long_answer_is_cut_over_udp_and_says_so() -> None:
    many = directory(record("big", *[f"10.0.1.{n}" for n in range(5, 105)]))
    for edns, whole in ((-1, False), (0, False)):
        query = dns.message.make_query("tasks.big", "A", use_edns=edns, payload=1232)
        found = answers.answer(query, many, Scope((RED,)), list.reverse)
        assert found is not None
        data = answers.write(found, query, stream=False)
        assert len(data) <= (512 if edns < 0 else 1232)
        assert bool(dns.message.from_wire(data).flags & dns.flags.TC) != whole
        assert len(dns.message.from_wire(answers.write(found, query, stream=True)).answer[0]) == 100


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_rubbish_is_no_query_and_no_crash(data: bytes) -> None:
    query = answers.read(data)
    if query is not None:
        answers.answer(query, NAMES, Scope((RED,)), list.reverse)


def test_an_answer_is_no_query() -> None:
    query = dns.message.make_query("web", "A")
    assert answers.read(dns.message.make_response(query).to_wire()) is None
