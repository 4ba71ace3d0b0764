"""Reading the kernel's and the client's answers: packet filters of several makes, requests, traffic."""

from __future__ import annotations

from typing import Any

import pytest

from labs.kit.firewall_facts import backends
from labs.kit.history import from_json
from labs.kit.probe import parse_traffic, summarise
from labs.kit.world import Identity
from tests.unit.labs.views import history
from tests.unit.labs.worlds import ruleset, spread, world

DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}
TWO = {"map": {"key": {"numgen": {"mode": "random", "mod": 2}}, "data": {"set": [[0, "10.0.0.5"], [1, "10.0.0.6"]]}}}


def rules(*expressions: list[dict[str, Any]], chain: str = "prerouting") -> list[dict[str, Any]]:
    return [{"rule": {"table": "t", "chain": chain, "expr": list(each)}} for each in expressions]


def match(port: object, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": DPORT, "right": port}}


BALANCER = rules([{"dnat": {"addr": TWO, "port": 80}}], chain="web")
LAYOUTS = {
    "a rule for the port": rules([match(80), {"dnat": {"addr": TWO, "port": 80}}]),
    "a set of ports": rules([match({"set": [80, 443]}), {"dnat": {"addr": TWO}}]),
    "a range of ports": rules([match({"range": [1, 1024]}), {"dnat": {"addr": TWO}}]),
    "a jump": [*rules([match(80), {"jump": {"target": "web"}}]), *BALANCER],
    "a verdict map": [*rules([{"vmap": {"key": DPORT, "data": {"set": [[80, {"goto": {"target": "web"}}]]}}}]),
                      *BALANCER],
    "a named map": [
        {"map": {"table": "t", "name": "tasks", "elem": [[0, "10.0.0.5"], [1, "10.0.0.6"]]}},
        *rules([match(80), {"dnat": {"addr": {"map": {"key": {"numgen": {}}, "data": "@tasks"}}}}])],
    "keys with the port in them": rules([{"dnat": {"addr": {"map": {
        "key": {"concat": [DPORT, {"numgen": {}}]},
        "data": {"set": [[{"concat": [80, 0]}, "10.0.0.5"], [{"concat": [80, 1]}, "10.0.0.6"],
                         [{"concat": [81, 0]}, "10.0.0.9"]]}}}}}]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_backends_of_a_port_in_filters_of_several_makes(layout: str) -> None:
    other = rules([match(81), {"dnat": {"addr": "10.0.0.9"}}])
    found = {"nftables": [*LAYOUTS[layout], *(other if "keys" not in layout else [])]}
    assert backends(found, 80) == {"10.0.0.5", "10.0.0.6"}


@pytest.mark.parametrize("answer", [
    {}, {"nftables": []}, ruleset({81: ["10.0.0.5"]}),
    {"nftables": rules([match(80, "!="), {"dnat": {"addr": TWO}}])},
    {"nftables": rules([match(80), {"jump": {"target": "prerouting"}}])},
])
def test_no_backends(answer: dict[str, Any]) -> None:
    assert backends(answer, 80) == set()


def answer(who: str, status: int = 200, nonce: str = "ab12") -> dict[str, Any]:
    return {"url": "http://10.7.0.2:80/?nonce=ab12", "status": status, "ms": 1.0,
            "text": f"Server: nginx\n\nhostname: {who}\nnonce: {nonce}\n"}


def test_who_answered() -> None:
    one, two = "a" * 12, "b" * 12
    got = summarise([answer(one), answer(two), answer(one)], [one, two])
    assert got.by_container == {one: 2, two: 1} and (got.asked, got.errors, got.busy) == (3, (), 0)


@pytest.mark.parametrize("bad", [
    answer("a" * 12, status=500), answer("nobody"), answer("a" * 12, nonce="other"),
    {"url": "http://10.7.0.2/?nonce=ab12", "status": 0, "text": "refused", "ms": 1.0},
])
def test_answers_that_do_not_count(bad: dict[str, Any]) -> None:
    got = summarise([bad])
    assert len(got.errors) == 1 and not got.by_container


def test_a_busy_replica_is_counted_apart() -> None:
    got = summarise([answer("a" * 12, status=503)])
    assert (got.busy, got.errors) == (1, ())


def test_traffic_is_judged_on_its_last_whole_seconds() -> None:
    seconds = [[at, 100, 50 if at < 10 else 1] for at in range(20)]
    got = parse_traffic({"rate": 100.0, "now": 19.5, "seconds": seconds})
    assert (got.seconds, got.asked, got.failed) == (6, 600, 6) and got.error_percent == 1.0


def test_history_survives_being_written_down() -> None:
    past = history(world(spread(5)), world(spread(10)))
    assert from_json(past.to_json()) == past and [entry.wanted for entry in past.of("web").entries] == [5, 10]


def test_only_states_at_rest_are_history() -> None:
    past = history(world(spread(5)), world(spread(10), dead=[10]), world(spread(10))).of("web")
    assert [entry.wanted for entry in past.entries] == [5, 10]
    assert past.before(10) == past.baseline and past.reached(5) is None


def test_a_restarted_process_is_another_one() -> None:
    seen = world(spread(1))
    [live] = seen.live("web")
    same = live.identity
    assert seen.alive(same)
    assert not seen.alive(Identity(same.host, same.pid, same.start + 1, same.netns))
    assert not seen.alive(Identity(same.host, same.pid, same.start, same.netns + 1))
