"""`lab trace` told from one recorded request (`record_trace`): whole, and as if it had ended at each hop."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from labs.kit.style import length, paint_all
from labs.kit.trace.ask import Unclear, parse, payload_of
from labs.kit.trace.assemble import ASKED, MISSING, SEEN, Hop, Passage, Ports
from labs.kit.trace.drawing import svg
from labs.kit.trace.kernels import Kernels, Place
from labs.kit.trace.names import read as read_names
from labs.kit.trace.packets import Connection, Heard, Packet, Question, Sighting, read, same
from labs.kit.trace.reasons import Scene, of_filter, of_task
from labs.kit.trace.route import Step, way
from labs.kit.trace.story import Result, Target, Trace, nameless, to_json
from labs.kit.trace.tell import Evidence, tell
from labs.kit.trace.text import duration, lines
from labs.kit.words import LANGUAGES, kit_words
from topologies.cluster import PROJECT

FILE = Path(__file__).parent / "recorded_trace.json"
REQUEST = ("client client-eth0 out", "worker2 worker2-eth0 in", "worker2 br-ingress out", "worker2 vx-4096 out",
           "worker2 worker2-eth0 out 4096", "worker1 worker1-eth0 in 4096", "worker1 vx-4096 in", "worker1 veth out",
           "worker1 eth0 in")
ANSWER = ("worker1 eth0 out", "worker1 veth in", "worker1 vx-4096 out", "worker1 worker1-eth0 out 4096",
          "worker2 worker2-eth0 in 4096", "worker2 vx-4096 in", "worker2 br-ingress in", "worker2 worker2-eth0 out",
          "client client-eth0 in")
WHYS = {key.split(".")[2] for key in sorted(kit_words("en").keys()) if key.startswith("trace.why.")}


@cache
def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


def kernels(change: Any = None) -> Kernels:
    """The recorded ones, after `change` was made to a copy of the evidence."""
    kept = json.loads(json.dumps(recorded()["kernels"]))
    if change:
        change(kept["hosts"])
    return Kernels(kept["hosts"], {int(inode): path for inode, path in kept["paths"].items()})


def told(heard: Heard | None = None, error: str = "", change: Any = None, **other: Any) -> Trace:
    """The recorded request, or what is left of it."""
    kept, known = recorded(), kernels(change)
    scene = Scene(known, other.pop("machines", kept["machines"]),
                  {name: tuple(found) for name, found in kept["published"].items()})
    result = replace(Result(**kept["result"]), error=error)
    evidence = Evidence(
        Target(**kept["target"]), result, heard or everything(), Ports(kept["port"], frozenset({80})),
        kept["nonce"].encode(), known.places[kept["place"]], known.places[kept["entry"]], kept["rules"],
        kept["texts"], kept["record"], 3.0, lambda place: other.get("processes", []), kept["source"], kept["names"])
    return tell(replace(evidence, **{key: value for key, value in other.items() if key != "processes"}), scene)


@cache
def everything() -> Heard:
    kept = recorded()
    one = Connection(kept["port"], kept["nonce"].encode())
    heard = read(kept["frames"])
    return one.learn(heard).only(heard, 0)


def place_of(host: str, interface: str) -> Place:
    return next(place for place in kernels().places.values() if place.host == host and any(
        re.fullmatch(interface, name) for name in place.links) and (interface != "eth0" or web(place)))


def web(place: Place) -> bool:
    return place.has(recorded()["record"]["reply"][0]) is not None


def name(hop: Hop) -> str:
    step = hop.step
    interface = re.sub(r"^veth[0-9a-f]{10}$", "veth", step.interface)
    return " ".join([step.host, interface, step.direction, *([str(step.vni)] if step.vni else [])])


def without(*gone: str) -> Heard:
    """All but what was seen at these hops of the whole story."""
    whole = told()
    steps = {name(hop): hop.step for hop in (*whole.before.hops, *whole.after.hops, *whole.answer.hops)}
    places = {(steps[one].inode, steps[one].interface, steps[one].direction, steps[one].vni) for one in gone}
    return Heard(tuple(one for one in everything().sightings if (
        one.inode, one.interface, one.direction, one.vni) not in places), everything().questions)


def test_the_whole_way_and_back() -> None:
    found = told()
    assert [name(hop) for hop in (*found.before.hops, *found.after.hops)] == list(REQUEST)
    assert [name(hop) for hop in found.answer.hops] == list(ANSWER)
    assert found.ok and found.served == "web.1" and found.served_host == "worker1"
    times = [hop.sighting.when for hop in (*found.before.hops, *found.after.hops, *found.answer.hops)
             if hop.sighting]
    assert times == sorted(times) and len(times) == len(REQUEST) + len(ANSWER)


def test_the_rules_and_the_element_and_the_translation() -> None:
    met = told().translation
    assert met is not None and met.told
    assert [rule.chain for rule in met.met] == ["prerouting", "tcp_80", "forward", "postrouting"]
    assert met.met[0].element == "@published { tcp . 80 : goto tcp_80 }"
    assert "dnat ip to numgen" in met.met[1].text and "snat ip to 10.0.0." in met.met[3].text
    assert met.before[2:] == ("10.7.0.3", 80) and met.after is not None and met.after[2] in met.choices


@pytest.mark.parametrize("number", range(len(REQUEST)))
def test_a_request_that_ends_before_a_hop_is_said_to_end_there(number: int) -> None:
    found = told(without(*REQUEST[number:], *ANSWER), "timeout")
    assert found.failure is not None
    hops = found.before.hops if found.failure.way == "request" else found.after.hops
    assert name(hops[found.failure.number]) == REQUEST[number]
    assert found.failure.code == ("unsent" if number in (0, 2) else "lost")


@pytest.mark.parametrize("number", range(len(ANSWER)))
def test_an_answer_that_ends_before_a_hop_is_said_to_end_there(number: int) -> None:
    found = told(without(*ANSWER[number:]), "timeout", processes=[{"pid": 7, "comm": "nginx", "state": "S",
                                                                   "frozen": False}])
    assert found.failure is not None
    if number == 0:
        assert 80 in listening() and (found.failure.way, found.failure.code) == ("task", "mute")
    else:
        assert (found.failure.way, name(found.answer.hops[found.failure.number])) == ("answer", ANSWER[number])


def listening() -> list[int]:
    found: list[int] = recorded()["kernels"]["hosts"]["worker1"]["listening"][str(place_of("worker1", "eth0").inode)]
    return found


def test_a_hop_that_was_not_heard_is_no_end_when_a_later_one_was() -> None:
    found = told(without(REQUEST[3]), "timeout")
    assert found.after.hops[1].state == MISSING and found.after.broken is None


def down(host: str, interface: str) -> Any:
    def change(hosts: dict[str, Any]) -> None:
        for tables in hosts[host]["namespaces"].values():
            for link in tables["links"]:
                if re.fullmatch(interface, link["ifname"]):
                    link["flags"], link["operstate"] = [], "DOWN"
    return change


def emptied(host: str, table: str) -> Any:
    def change(hosts: dict[str, Any]) -> None:
        for tables in hosts[host]["namespaces"].values():
            if table in tables:
                tables[table] = [one for one in tables[table] if "vx-4096" not in (one.get("dev"), one.get("ifname"))]
    return change


@pytest.mark.parametrize(("number", "change", "code", "where"), [
    (0, down("client", "client-eth0"), "down", "client-eth0"),
    (3, down("worker2", "vx-4096"), "down", "vx-4096"),
    (4, emptied("worker2", "fdb"), "fdb", "vx-4096"),
    (6, down("worker1", "vx-4096"), "down", "vx-4096"),
    (7, down("worker1", "veth.*"), "down", "veth.*"),
])
def test_the_kernels_say_why(number: int, change: Any, code: str, where: str) -> None:
    found = told(without(*REQUEST[number:], *ANSWER), "timeout", change)
    assert found.failure is not None and found.failure.code == code
    assert re.fullmatch(where, found.failure.interface)


def test_a_pulled_cable_and_a_host_without_power() -> None:
    for state, code in (({"on": True, "cut": True}, "cut"), ({"on": False, "cut": False}, "off")):
        found = told(without(*REQUEST[5:], *ANSWER), "timeout", machines={"worker1": state})
        assert found.failure is not None and found.failure.code == code
        assert found.failure.facts["host"] == "worker1"


def test_a_filter_that_leads_nowhere() -> None:
    def no_table(hosts: dict[str, Any]) -> None:
        for tables in hosts["worker2"]["namespaces"].values():
            tables.get("nft", {})["nftables"] = []

    unchanged = {"original": ["10.7.0.100", 1, "10.7.0.3", 80], "reply": ["10.7.0.3", 80, "10.7.0.100", 1]}
    found = told(without(*REQUEST[2:], *ANSWER), "Connection refused", no_table, rules=[], record=unchanged)
    assert found.failure is not None and (found.failure.way, found.failure.code) == ("filter", "no-rule")
    assert found.failure.facts["services"] == "web"


def test_a_program_of_the_host_itself_may_answer() -> None:
    found = told(rules=[], record=None)
    assert found.ok and found.served_host == "worker2"


def test_a_neighbour_that_nobody_knows() -> None:
    whole = told()
    target = whole.after.hops[0].step.target
    questions = tuple(Question(1, hop.step.inode, hop.step.interface, "out", "", target, 0)
                      for hop in whole.after.hops[:2])
    heard = Heard(without(*REQUEST[2:], *ANSWER).sightings, questions)
    found = told(heard, "No route to host", emptied("worker2", "neighbours"))
    assert [hop.state for hop in found.after.hops[:3]] == [ASKED, ASKED, MISSING]
    assert found.failure is not None
    assert (found.failure.code, found.failure.interface) == ("neighbour", "vx-4096")


def test_a_request_sent_twice_counts_as_the_attempt_that_came_furthest() -> None:
    heard = everything()
    first = told().before.hops[0].sighting
    assert first is not None
    lost = replace(first, when=first.when - 1_000_000_000)
    found = told(Heard((lost, *heard.sightings), heard.questions))
    assert found.before.sent == 2 and found.before.began == first.when
    assert all(hop.state == SEEN for hop in found.before.hops)


def test_one_packet_is_known_again_by_what_no_translation_changes() -> None:
    syn = Packet("tcp", 5, 0, "S", 0, b"")
    assert same(syn, syn) and not same(syn, replace(syn, seq=6)) and not same(syn, replace(syn, flags="SA"))
    large, part = Packet("tcp", 5, 9, "PA", 5000, b"abc"), Packet("tcp", 5, 9, "A", 1398, b"ab")
    assert same(large, part) and not same(large, Packet("tcp", 5, 9, "A", 0, b""))
    udp = Packet("udp", 0, 0, "", 20, b"lab-trace 123")
    assert same(udp, replace(udp, said=b"lab-trace")) and not same(udp, replace(udp, said=b"lab-other"))
    assert Packet("tcp", (1 << 32) - 1, 0, "S", 0, b"").next_seq == 0


def test_ways_that_are_none() -> None:
    known = kernels()
    client = known.own("client")
    assert client is not None
    assert way(known, client, "10.9.9.9").end is None and way(known, client, "10.9.9.9").steps == ()
    assert way(known, client, "10.7.0.77").end is None
    assert way(known, client, "10.7.0.100").end is client


def test_broken_is_the_hop_after_the_last_that_was_reached() -> None:
    step = Step("h", 1, "eth0", "in", "")
    hops = {state: Hop(step, state) for state in (SEEN, ASKED, MISSING)}
    for states, broken in (("", None), ("S", None), ("SM", 1), ("SA", 1), ("SAM", 2), ("MSM", 2), ("MM", 0),
                           ("MS", None)):
        found = tuple(hops[{"S": SEEN, "A": ASKED, "M": MISSING}[state]] for state in states)
        assert Passage(None, found).broken == broken, states


def test_a_name_that_leads_nowhere_is_where_it_ends() -> None:
    found = nameless(parse("http://db/"), "app.1", "worker2", "redirect")
    said = paint_all(lines(found, kit_words("en"), 200), colour=False)
    assert "db led to no address" in said and "It ends here: worker2, 127.0.0.11:53" in said
    assert "The request" not in said and "worker2" in svg(found, kit_words("en"))
    assert to_json(found)["failed"]["code"] == "redirect"


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("width", [60, 80])
def test_the_text_fits_its_width_and_names_every_hop(lang: str, width: int) -> None:
    words = kit_words(lang)
    for found in (told(), told(without(*REQUEST[4:], *ANSWER), "timeout", emptied("worker2", "fdb"))):
        text = lines(found, words, width)
        assert max(map(length, text)) <= width
        said = paint_all(text, colour=False)
        assert all(part in said for part in ("client-eth0", "br-ingress", "vx-4096", "tcp_80", "=>", "µs"))
    assert "bridge fdb replace" in re.sub(r"\s+", " ", said)


def test_plain_text_has_no_signs() -> None:
    found = told(without(*REQUEST[4:], *ANSWER), "timeout", emptied("worker2", "fdb"))
    said = paint_all(lines(found, kit_words("en"), 80, plain=True), colour=False)
    assert said.isascii() and "FAILED" in said


def test_json_says_all_of_it() -> None:
    found = to_json(told())
    assert json.loads(json.dumps(found)) == found
    assert [hop["state"] for hop in found["request"]] == ["seen"] * (len(REQUEST) + 1)
    tunnel = found["request"][5]
    assert (tunnel["vni"], tunnel["outer_from"][0], tunnel["outer_to"]) == (4096, "10.7.0.3", ["10.7.0.2", 4789])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_picture_has_a_box_for_every_hop(lang: str) -> None:
    words = kit_words(lang)
    drawn = svg(told(), words)
    assert drawn.count("<rect") == 1 + 3 + len(REQUEST) + len(ANSWER) + 1
    assert drawn.count("VXLAN 4096") == 2 and "web.1" in drawn
    broken = svg(told(without(*REQUEST[4:], *ANSWER), "timeout", emptied("worker2", "fdb")), words)
    assert "✗" in broken and "bridge fdb" in broken
    steps = [hop.step for hop in told().after.hops[:2]]
    target = steps[0].target
    asks = tuple(Question(1, step.inode, step.interface, "out", "", target, 0) for step in steps)
    waits = svg(told(Heard(without(*REQUEST[2:], *ANSWER).sightings, asks), "No route to host"), words)
    assert waits.count(words("trace.state.short", address=target)) >= 1


def test_every_reason_has_its_sentences() -> None:
    source = "".join(path.read_text() for path in (PROJECT / "labs/kit/trace").glob("*.py"))
    for code in WHYS:
        assert f'"{code}"' in source, f"nobody says {code}"
        assert all(f"trace.why.{code}.{part}" in kit_words("en") for part in ("is", "should", "do"))


def test_urls() -> None:
    assert parse("worker2") == Target("worker2", "http", "worker2", 80)
    asked = parse("http://10.0.0.1:8080/a?b=c")
    assert (asked.scheme, asked.name, asked.port, asked.path) == ("http", "10.0.0.1", 8080, "/a?b=c")
    assert parse("udp://h:53").protocol == "udp"
    for url, key in (("ftp://h/", "scheme"), ("http://", "host"), ("tcp://h", "port"), ("http://h:x/", "port"),
                     ("http://h:99999/", "port"), ("http://h/a b", "path"), ("http://[::1]/", "host"),
                     ("http://h/é", "path"), ("tcp://h:0", "port")):
        with pytest.raises(Unclear, match=f"trace.bad.{key}"):
            parse(url)


def test_what_is_sent() -> None:
    sent = payload_of(parse("http://h:81/x"), "n0nce")
    assert sent.startswith("GET /x HTTP/1.1\r\nX-Lab-Trace: n0nce\r\nHost: h:81\r\n") and sent.endswith("\r\n\r\n")
    assert payload_of(parse("tcp://h:1"), "n") == "" and payload_of(parse("udp://h:1"), "n") == "lab-trace n\n"


def test_durations() -> None:
    assert [duration(ns) for ns in (0, 1499, 999_400, 1_000_000, 2_500_000_000)] == [
        "0 µs", "1 µs", "999 µs", "1.00 ms", "2.50 s"]


def test_names_of_the_api() -> None:
    service = {"ID": "s1", "Spec": {"Name": "web"}, "Endpoint": {"Ports": [{"Protocol": "tcp", "PublishedPort": 80}]}}
    task = {"ServiceID": "s1", "NodeID": "n", "Slot": 2, "Status": {"State": "running"},
            "NetworksAttachments": [
                {"Network": {"ID": "i", "Spec": {"Ingress": True}}, "Addresses": ["10.0.0.7/24"]}]}
    box = {"Id": "f" * 64, "Names": ["/web.2.abc"], "Labels": {"com.docker.swarm.task.name": "web.2.abc"}}
    nodes = [{"ID": "n", "Description": {"Hostname": "worker1"}}]
    found = read_names([service], [task, {**task, "Status": {"State": "failed"}}], {"worker1": [box]}, nodes)
    assert found.by_address == {"10.0.0.7": "web.2"}
    assert found.published == {("tcp", 80): {"web": ("10.0.0.7",)}}
    assert found.containers["web.2"] == found.containers["f" * 12] == ("worker1", "f" * 64)
    assert found.of_container("f" * 64) == "web.2" and found.of_container("e" * 64) == ""
    known = {"State": "running", "ContainerStatus": {"ContainerID": "c" * 64}}
    silent = read_names([service], [{**task, "Status": known}], {}, nodes)
    assert silent.containers == {"web.2": ("worker1", "c" * 64)}, "the manager knows, where the node is silent"


def test_what_should_answer_by_the_kind_of_address_and_port() -> None:
    ports = [{"Protocol": "tcp", "PublishedPort": 80},
             {"Protocol": "tcp", "PublishedPort": 81, "PublishMode": "host"}]
    service = {"ID": "s1", "Spec": {"Name": "web"}, "Endpoint": {
        "Ports": ports, "VirtualIPs": [{"NetworkID": "b", "Addr": "10.0.1.2/24"}]}}
    task = {"ServiceID": "s1", "NodeID": "n", "Slot": 1, "Status": {"State": "running"}, "NetworksAttachments": [
        {"Network": {"ID": "i", "Spec": {"Ingress": True}}, "Addresses": ["10.0.0.7/24"]},
        {"Network": {"ID": "b", "Spec": {}}, "Addresses": ["10.0.1.7/24"]}]}
    node = {"ID": "n", "Description": {"Hostname": "worker1"}, "Status": {"State": "ready"}}
    found = read_names([service], [task], {}, [node])
    assert found.published == {("tcp", 80): {"web": ("10.0.0.7",)}}, "only where the mesh leads"
    assert found.hosted == {("tcp", 81): {"web": {"worker1": "web.1"}}}
    assert found.virtual == {"10.0.1.2": ("web", ("10.0.1.7",))}
    gone = read_names([service], [task], {}, [{**node, "Status": {"State": "down"}}])
    assert (gone.published, gone.hosted, gone.virtual) == (
        {("tcp", 80): {"web": ()}}, {("tcp", 81): {"web": {}}}, {"10.0.1.2": ("web", ())})


@pytest.mark.parametrize(("kind", "scene", "code", "tasks"), [
    ("host", {"hosted": {"web": {"worker2": "web.1"}}}, "no-rule", "web.1"),
    ("host", {"hosted": {"web": {"worker1": "web.1"}}}, "host-mode", ""),
    ("host", {"hosted": {"web": {}}}, "no-task", ""),
    ("host", {"published": {"web": ("10.0.0.7",)}, "silent": frozenset({"worker2"})}, "no-rule-silent", "10.0.0.7"),
    ("host", {}, "unpublished", ""),
    ("network", {"virtual": ("web", ("10.0.1.7",))}, "vip-no-rule", "10.0.1.7"),
    ("network", {"virtual": ("web", ())}, "vip-no-task", ""),
    ("network", {"virtual": ("web", ("10.0.1.7",)), "silent": frozenset({"worker2"})}, "vip-no-rule-silent",
     "10.0.1.7"),
])
def test_why_a_filter_leads_nowhere(kind: str, scene: Any, code: str, tasks: str) -> None:
    place = Place("worker2", 1, kind, "", {})
    found = of_filter(Scene(kernels(), {}, **scene), place, 80, "tcp", "10.0.1.2", refused=True)
    assert (found.code, found.facts["tasks"]) == (code, tasks)
    assert set(re.findall(r"{(\w+)}", kit_words("fr")(f"trace.why.{code}.is", **found.facts))) == set()


def test_swarmd_s_own_resolver_is_no_port_of_the_program() -> None:
    found = of_task(Place("h", 1, "task", "", {}), 53, [{"pid": 1, "comm": "dns", "state": "S", "frozen": False}],
                    [61053], refused=False, seconds=1)
    assert (found.code, found.facts["listening"]) == ("not-listening", "–")


def test_a_sighting_of_an_icmp_error_tells_of_which_packet() -> None:
    assert not any(one.about for one in everything().sightings)
    error = Sighting(1, "h", 1, "e", "in", Packet("icmp", 5, 0, "3/1", 0, b""), ("a", 0, "b", 0), None, 0,
                     ("b", 40000, "c", 80))
    assert Ports(40000, frozenset({80})).answer(error) and not Ports(40001, frozenset({80})).answer(error)
