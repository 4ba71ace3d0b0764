"""What lab 10 looks at. Points: 18 here, 2 for the predictions.

The envelope is looked at in the kernel (the VXLAN device that belongs to a task's own interface, its forwarding
entries) and on the wire: the grader's requests carry a number used once, which is looked for in what passes.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from labs.kit.captures import Heard, Place
from labs.kit.checks import Checks
from labs.kit.engine_client import EngineError
from labs.kit.predictions import read_addresses
from labs.kit.view import View
from labs.kit.world import Identity, LiveTask, Service

lab = Checks("10-bridge-and-overlay")
CONVERGE = 20.0
VXLAN_PORT, FIRST_VNI = 4789, 4096
ENVELOPE_PARTS = {"8": "VXLAN", "16": "VXLAN + UDP", "36": "VXLAN + UDP + IP", "28": "IP + ICMP", "14": "Ethernet"}
"""What one arrives at who forgets some of the headers."""


def container(c: View, host: str, name: str) -> LiveTask | None:
    """A container that was made by hand, if the kernel shows its process; its addresses by network."""
    try:
        found = c.engine(host).get(f"/containers/{name}/json")
    except EngineError as error:
        if error.status == 404:
            return None
        raise
    process = next((one for one in c.world.hosts[host]["processes"]
                    if one["pid"] == found["State"]["Pid"] and one["init"]), None)
    if process is None:
        return None
    networks = {network: str(one["IPAddress"]) for network, one in found["NetworkSettings"]["Networks"].items()}
    identity = Identity(host, process["pid"], process["start"], process["netns"])
    return LiveTask(found["Id"], 0, name, found["Id"], networks.get(c.p.bridge, ""), identity, addresses=networks)


def asked(c: View, source: LiveTask, address: str, nonce: str = "") -> str:
    """What a page at this address says to one who asks from the source's namespace; "" if nothing comes."""
    url = f"http://{address}/?nonce={nonce or uuid.uuid4().hex}"
    return c.run_in(source, ["curl", "-s", "--max-time", "3", url]).stdout if address else ""


@lab.check("near", within=CONVERGE)
def near(c: View) -> None:
    """On the way: two containers of one host reach each other by name. No points."""
    one, two = container(c, c.p.here, c.p.one), container(c, c.p.here, c.p.two)
    c.require(one is not None and two is not None, c.p.two, "–", final=True)
    assert one is not None and two is not None
    reached = c.resolve(one, c.p.two)[c.p.two] == [two.address] if c.p.bridge in one.addresses else False
    c.require(reached and two.container[:12] in asked(c, one, two.address), c.p.two, "–", final=not two.address)


@lab.check("o1", needs=("near",), points=3, within=CONVERGE)
def not_far(c: View) -> None:
    """The third container, on another host, is not reached from the first; the second, beside it, is: the control."""
    one, three = container(c, c.p.here, c.p.one), container(c, c.p.there, c.p.three)
    c.require(three is not None and bool(three.address), "–", "–", final=three is None)
    assert one is not None and three is not None
    c.require(c.resolve(one, c.p.three)[c.p.three] == [], "–", c.p.three)
    c.require(three.container[:12] not in asked(c, one, three.address), "–", three.address)


@lab.check("made")
def made(c: View) -> None:
    """The network is there, an overlay. No points."""
    c.require(any(one["Name"] == c.p.network and one["Driver"] == "overlay" for one in c.manager.get("/networks")),
              "overlay", "–")


def left(c: View) -> LiveTask | None:
    return next((task for task in c.world.live(c.p.service) if c.p.network in task.addresses), None)


def right(c: View) -> LiveTask | None:
    return next((task for task in c.world.live(c.p.right) if c.p.network in task.addresses), None)


def interface(c: View, task: LiveTask) -> dict[str, Any]:
    """The task's link that has its address on the network; {} where the kernel shows none."""
    return next((link for link in c.world.links(task.host, task.identity.netns)
                 if any(one.get("local") == task.addresses[c.p.network] for one in link.get("addr_info", []))), {})


def envelope(c: View, task: LiveTask) -> tuple[int, dict[str, Any]] | None:
    """The VXLAN device behind a task's interface, and its namespace: the interface's other end is a port of a bridge,
    and the device is a port of the same."""
    inner = interface(c, task)
    for number, space in c.world.hosts[task.host]["namespaces"].items():
        links = space.get("links") or []
        ends = [link for link in links if inner and link["ifindex"] == inner.get("link_index")
                and link.get("link_index") == inner["ifindex"] and link.get("master")]
        for link in links:
            if kind(link) == "vxlan" and link.get("master") in {end["master"] for end in ends}:
                return int(number), link
    return None


def kind(link: dict[str, Any]) -> str:
    return str(link.get("linkinfo", {}).get("info_kind", ""))


def vni(link: dict[str, Any]) -> int:
    return int(link.get("linkinfo", {}).get("info_data", {}).get("id", 0))


def pair(c: View) -> tuple[LiveTask, LiveTask] | None:
    """Both tasks, on their two hosts."""
    a, b = left(c), right(c)
    return (a, b) if a and b and a.host != b.host else None


@lab.check("o2", points=3, within=CONVERGE)
def two_ends(c: View) -> None:
    """A VXLAN device of one number on both hosts with a task, and on no other."""
    tasks = pair(c)
    hosts = ", ".join(f"{task.service}: {task.host}" for task in (left(c), right(c)) if task)
    c.require(tasks is not None, FIRST_VNI, "–", hosts=hosts or "–",
              final=all(c.world.settled(name) for name in (c.p.service, c.p.right)))
    assert tasks is not None
    devices = {task.host: envelope(c, task) for task in tasks}
    numbers = {host: vni(found[1]) if found else 0 for host, found in devices.items()}
    said = ", ".join(f"{host}: {number or '–'}" for host, number in numbers.items())
    ports = {found[1]["linkinfo"]["info_data"].get("port") for found in devices.values() if found}
    number = next(iter(numbers.values()))
    c.require(len(set(numbers.values())) == 1 and number >= FIRST_VNI and ports == {VXLAN_PORT}, FIRST_VNI, said,
              hosts=hosts)
    others = [host for host in c.world.swarm_hosts if host not in numbers and number in _numbers(c, host)]
    c.require(not others, FIRST_VNI, f"{said}, {', '.join(others)}: {number}", hosts=hosts)


def _numbers(c: View, host: str) -> set[int]:
    return {vni(link) for space in c.world.hosts[host]["namespaces"].values() for link in space.get("links") or []
            if kind(link) == "vxlan"}


@lab.check("o3", needs=("o2",), points=3, within=CONVERGE)
def forwarded(c: View) -> None:
    """On each of the two hosts: the other task's MAC address lies behind the other host's address."""
    tasks = pair(c)
    assert tasks is not None
    tables = c.tables("fdb")
    for task, other in (tasks, tasks[::-1]):
        found, mac = envelope(c, task), interface(c, other).get("address", "")
        assert found is not None
        entries = tables[task.host]["namespaces"].get(str(found[0]), {}).get("fdb") or []
        behind = {entry.get("dst") for entry in entries if entry.get("mac") == mac and entry.get("dst")}
        c.require(behind == {c.world.wire(other.host)}, f"{mac} → {c.world.wire(other.host)}",
                  ", ".join(sorted(behind)) or "–", host=task.host)


@lab.check("o4", needs=("o2",), points=4, within=CONVERGE)
def in_the_envelope(c: View) -> None:
    """A request from one task to the other, with a fresh number: on both cables only inside this very VXLAN."""
    tasks = pair(c)
    assert tasks is not None
    (a, b), device = tasks, envelope(c, tasks[0])
    assert device is not None
    nonce, answer = uuid.uuid4().hex, []
    places = {task.host: Place(task.host, interface=f"{task.host}-eth0") for task in tasks}
    seen = c.heard(places, nonce, lambda: answer.append(asked(c, a, b.addresses[c.p.network], nonce)))
    c.require(nonce in answer[0] and b.container[:12] in answer[0], vni(device[1]), "–", host=a.host)
    inner = {a.addresses[c.p.network], b.addresses[c.p.network]}
    outer = {c.world.wire(a.host), c.world.wire(b.host)}
    for host, packets in seen.items():
        wrong = [said(one) for one in packets if one.vni != vni(device[1]) or len(one.addresses) != 2
                 or set(one.addresses[0]) != outer or set(one.addresses[1]) != inner]
        c.require(bool(packets) and not wrong, vni(device[1]), (wrong or ["–"])[0], host=host)


def said(one: Heard) -> str:
    """`10.7.0.2>10.7.0.3 [4097] 10.0.1.3>10.0.1.6`."""
    ends = [f"{source}>{to}" for source, to in one.addresses]
    return f" [{one.vni or '–'}] ".join(ends)


@lab.check("o5", needs=("o2",), points=2, within=CONVERGE)
def size(c: View) -> None:
    """The task's MTU leaves room for the envelope; what fits passes, one byte more does not."""
    tasks = pair(c)
    assert tasks is not None
    mtus = [interface(c, task).get("mtu") for task in tasks]
    c.require(mtus == [_largest(c)] * 2, _largest(c), ", ".join(map(str, mtus)))
    through = {number: _pings(c, tasks, number) for number in (c.p.fits, c.p.too_big)}
    c.require(through == {c.p.fits: True, c.p.too_big: False}, c.p.fits,
              ", ".join(f"{number}: {'✓' if passed else '✗'}" for number, passed in through.items()))


def _cable(c: View) -> int:
    return next((int(link["mtu"]) for link in c.world.links(c.p.here) if link["ifname"] == f"{c.p.here}-eth0"), 0)


def _largest(c: View) -> int:
    return int(c.p.fits) + 28


def _pings(c: View, tasks: tuple[LiveTask, LiveTask], number: int) -> bool:
    to = tasks[1].addresses[c.p.network]
    return any(c.run_in(tasks[0], ["ping", "-c", "1", "-W", "2", "-M", "do", "-s", str(number), to]).returncode == 0
               for _ in range(2))


@lab.check("o6", needs=("o2",), points=1)
def number_read(c: View) -> None:
    c.require(c.answer("Q1") == Q1(c), "…", c.said["Q1"], final=True)


@lab.check("o7", needs=("o2",), points=1)
def outer_read(c: View) -> None:
    c.require(c.answer("Q2") == Q2(c), "…", c.said["Q2"], final=True)


@lab.check("o8", needs=("o2",), points=1)
def overhead_read(c: View) -> None:
    c.require(c.answer("Q3") == Q3(c), "…", c.said["Q3"], final=True)


@lab.truth("P1")
def both_envelopes(c: View) -> str | None:
    """C: containers' addresses are seen on the cable, H: the hosts'. Known once the grader has looked itself."""
    tasks = pair(c)
    if tasks is None:
        return None
    nonce, answer = uuid.uuid4().hex, []
    place = {c.p.here: Place(c.p.here, interface=f"{c.p.here}-eth0")}
    seen = c.heard(place, nonce, lambda: answer.append(asked(c, tasks[0], tasks[1].addresses[c.p.network], nonce)))
    met = {address for one in seen[c.p.here] for ends in one.addresses for address in ends}
    kinds = {"C": {task.addresses[c.p.network] for task in tasks}, "H": {c.world.wire(task.host) for task in tasks}}
    return " ".join(letter for letter, addresses in kinds.items() if addresses & met) or None


@lab.truth("P2")
def one_byte_more(c: View) -> str | None:
    tasks = pair(c)
    return None if tasks is None else "yes" if _pings(c, tasks, c.p.too_big) else "no"


@lab.truth("Q1")
def Q1(c: View) -> str | None:  # noqa: N802  it is the question's name
    tasks = pair(c)
    device = envelope(c, tasks[0]) if tasks else None
    return str(vni(device[1])) if device else None


@lab.truth("Q2")
def Q2(c: View) -> str | None:  # noqa: N802
    tasks = pair(c)
    return read_addresses(" ".join(c.world.wire(task.host) for task in tasks)) if tasks else None


@lab.truth("Q3")
def Q3(c: View) -> str | None:  # noqa: N802
    """What the cable may carry, less what the task's interface may."""
    tasks = pair(c)
    return str(_cable(c) - int(interface(c, tasks[0])["mtu"])) if tasks and interface(c, tasks[0]) else None


@lab.truth("Q4")
def Q4(c: View) -> str | None:  # noqa: N802
    tasks = pair(c)
    return c.world.wire(tasks[1].host) if tasks else None


@lab.truth("inner")
def _inner(c: View) -> str | None:
    """What one reads who listens inside; for the wrong answer."""
    tasks = pair(c)
    return read_addresses(" ".join(task.addresses[c.p.network] for task in tasks)) if tasks else None


@lab.truth("far_address")
def _far_address(c: View) -> str | None:
    return c.world.wire(c.p.there)


def _by_hand(c: View) -> list[tuple[str, dict[str, Any]]]:
    """Running containers of no service, but for the three of the first steps: (host, as listed)."""
    return [(one.host, listed) for one in c.world.strangers() if one.name not in (c.p.one, c.p.two, c.p.three)
            for listed in c.world.containers[one.host] if listed["Id"] == one.id]


@lab.mistake("static_routes", "o1", "o2")
def _routes(c: View) -> dict[str, Any] | None:
    """A route to containers of another host, by way of that host."""
    hosts = {c.world.wire(host) for host in c.world.swarm_hosts}
    for host in c.world.swarm_hosts:
        for route in json.loads(c.run(host, ["ip", "-j", "route"]).stdout or "[]"):
            if route.get("gateway") in hosts and route.get("dst") != "default":
                return {"host": host, "route": f"{route['dst']} via {route['gateway']}"}
    return None


@lab.mistake("default_bridge", "near", "o1")
def _default_bridge(c: View) -> dict[str, Any] | None:
    """Without --network a container is on docker0, where nobody has a name."""
    bare = [found.service for found in (container(c, c.p.here, c.p.one), container(c, c.p.here, c.p.two))
            if found and set(found.addresses) == {"bridge"}]
    return {"name": ", ".join(bare)} if bare else None


@lab.mistake("bridge_called_overlay", "made", "o2")
def _not_overlay(c: View) -> dict[str, Any] | None:
    local = [host for host in c.world.swarm_hosts for one in c.engine(host).get("/networks")
             if one["Name"] == c.p.network and one["Driver"] != "overlay"]
    return {"hosts": ", ".join(local)} if local else None


@lab.mistake("host_network", "o2")
def _host_network(c: View) -> dict[str, Any] | None:
    found = [listed["Names"][0].lstrip("/") for _, listed in _by_hand(c)
             if (listed.get("HostConfig") or {}).get("NetworkMode") == "host"]
    return {"name": found[0]} if found else None


@lab.mistake("through_published_port", "o2")
def _published(c: View) -> dict[str, Any] | None:
    for host, listed in _by_hand(c):
        ports = [port["PublicPort"] for port in listed.get("Ports") or [] if port.get("PublicPort")]
        if ports:
            return {"host": host, "port": ports[0]}
    return None


def _both(c: View) -> list[Service]:
    return [c.world.services[name] for name in (c.p.service, c.p.right) if name in c.world.services]


@lab.mistake("used_ingress", "o2")
def _ingress(c: View) -> dict[str, Any] | None:
    bare = [known.name for known in _both(c) if known.ports and not known.networks]
    return {"name": bare[0]} if bare else None


@lab.mistake("no_network", "o2")
def _no_network(c: View) -> dict[str, Any] | None:
    bare = [known.name for known in _both(c) if not known.networks]
    return {"name": bare[0]} if bare else None


@lab.mistake("two_overlays", "o2")
def _two_overlays(c: View) -> dict[str, Any] | None:
    found = [known.networks for known in _both(c)]
    return {} if len(found) == 2 and not found[0] & found[1] else None


@lab.mistake("same_host", "o2")
def _same_host(c: View) -> dict[str, Any] | None:
    a, b = left(c), right(c)
    return {"host": a.host} if a and b and a.host == b.host else None


@lab.mistake("ingress_number", "o6")
def _ingress_number(c: View) -> dict[str, Any] | None:
    return {} if c.said.get("Q1") == str(FIRST_VNI) else None


@lab.mistake("sniffed_inside", "o7")
def _inside(c: View) -> dict[str, Any] | None:
    tasks = pair(c)
    inner = {task.addresses[c.p.network] for task in tasks} if tasks else set()
    return {} if inner & set(c.said.get("Q2", "").split()) else None


@lab.mistake("part_of_the_envelope", "o8")
def _part(c: View) -> dict[str, Any] | None:
    said_now = c.said.get("Q3", "")
    return {"said": said_now, "part": ENVELOPE_PARTS[said_now]} if said_now in ENVELOPE_PARTS else None


