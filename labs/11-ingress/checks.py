"""What lab 11 looks at. Points: 18 here, 2 for the predictions.

The student's own request is known by what the entry node's kernel remembers of it, so the grader sends none before
that. Then it follows requests of its own: through the entry node's rules, in the envelope, into the task.
"""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

from labs.kit.captures import Heard, Place
from labs.kit.checks import Checks
from labs.kit.connections import Connection
from labs.kit.view import View
from labs.kit.world import LiveTask, Service

lab = Checks("11-ingress")
CONVERGE = 20.0
IMAGE, INSIDE = "whoami", 80
INGRESS_VNI = 4096
SEEN = re.compile(r"^RemoteAddr: (\S+):(\d+)$", re.MULTILINE)


def service(c: View) -> Service | None:
    return c.world.services.get(c.p.service)


def published(known: Service | None) -> list[dict[str, Any]]:
    return list(((known.spec if known else {}).get("EndpointSpec") or {}).get("Ports") or [])


def only(c: View) -> LiveTask | None:
    """The one task, while there is just one and no more are wanted."""
    live, known = c.world.live(c.p.service), service(c)
    return live[0] if len(live) == 1 and known and known.wanted == 1 else None


def on_ingress(c: View, host: str) -> str:
    """The host's own address on ingress: that of the bridge which has the port of ingress' VXLAN."""
    links = c.world.links(host)
    bridge = next((link.get("master") for link in links
                   if link.get("linkinfo", {}).get("info_data", {}).get("id") == INGRESS_VNI), None)
    return next((str(one["local"]) for link in links if bridge and link["ifname"] == bridge
                 for one in link.get("addr_info", []) if one.get("family") == "inet"), "")


def connections(c: View, host: str) -> list[Connection]:
    """Those to the published port that a host's kernel remembers, since the service was made."""
    made = [event.t for event in c.events.of("service", "create", name=c.p.service)]
    limit = time.monotonic() - made[0] if made else 0.0
    return [one for one in c.connections(host) if one.port == c.p.port and one.age <= limit]


def recorded(c: View) -> list[tuple[str, Connection]]:
    """Requests from the client that entered at a node without the task, and reached it: (node, connection)."""
    task, client = only(c), c.world.wire("client")
    return [] if task is None else [
        (host, one) for host in c.world.swarm_hosts if host != task.host for one in connections(c, host)
        if one.source == client and one.target == c.world.wire(host) and one.server == task.address]


def entries(c: View) -> list[str]:
    """Nodes without the task."""
    task = only(c)
    return [host for host in c.world.swarm_hosts if task and host != task.host]


def asked(c: View, host: str, port: int, nonce: str = "") -> tuple[str, str]:
    """A request of the grader's to a node: what the application took for its client (address, port); ("", "") if
    nobody answered."""
    answer = c.request(f"http://{host}:{port}/?nonce={nonce or uuid.uuid4().hex}")
    found = SEEN.search(answer["text"]) if answer["status"] == 200 else None
    return (found.group(1), found.group(2)) if found else ("", "")


@lab.check("i0", within=CONVERGE)
def there(c: View) -> None:
    """On the way: the service asks for what it should, and lives. No points."""
    known = service(c)
    c.require(known is not None, c.p.port, "–", final=True)
    assert known is not None
    wanted = [(int(port.get("PublishedPort") or 0), int(port["TargetPort"]), port.get("PublishMode") or "ingress")
              for port in published(known)]
    image = known.image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    c.require(wanted == [(c.p.port, INSIDE, "ingress")] and image == IMAGE, c.p.port,
              ", ".join(f"{image} {out}:{to} {how}" for out, to, how in wanted) or image, final=True)
    c.require(bool(c.world.live(c.p.service)), c.p.port, "–")


@lab.check("i1", needs=("i0",), points=3, ever=True, poll=1)
def entered_elsewhere(c: View) -> None:
    known = service(c)
    c.require(known is not None and known.wanted == 1, 1, known.wanted if known else "–", final=True)
    c.require(bool(recorded(c)), 1, "–", final=True)


@lab.check("i2", needs=("i1",), points=4, ever=True, within=CONVERGE)
def translated(c: View) -> None:
    """The entry node's rules lead to the task, and its kernel translated this very request: both of its ends."""
    task = only(c)
    c.require(task is not None, 1, len(c.world.live(c.p.service)), host="–", final=True)
    assert task is not None
    for host in entries(c):
        c.require(c.world.backends(host, c.p.port) == {task.address}, task.address,
                  ", ".join(sorted(c.world.backends(host, c.p.port))) or "–", host=host)
    host = entries(c)[0]
    peer, port = asked(c, host, c.p.port)
    c.require(bool(peer), task.address, "–", host=host)
    same = [one for one in connections(c, host) if (one.peer, str(one.peer_port)) == (peer, port)]
    c.require([(one.source, one.server, one.server_port) for one in same]
              == [(c.world.wire("client"), task.address, INSIDE)] and peer == on_ingress(c, host),
              f"{task.address}:{INSIDE} → {on_ingress(c, host)}", f"{peer}:{port}", host=host)


@lab.check("i3", needs=("i1",), points=4, ever=True, within=CONVERGE)
def three_places(c: View) -> None:
    """One request, three places: in clear at the entry, in the envelope at the task's host, in clear in the task."""
    task = only(c)
    c.require(task is not None, "✓ ✓ ✓", len(c.world.live(c.p.service)), host="–", final=True)
    assert task is not None
    host, nonce = entries(c)[-1], uuid.uuid4().hex
    places = {"entry": Place(host, interface=f"{host}-eth0"), "home": Place(task.host, interface=f"{task.host}-eth0"),
              "task": Place(task.host, task.identity.pid)}
    seen = c.heard(places, nonce, lambda: asked(c, host, c.p.port, nonce))
    inner = (on_ingress(c, host), task.address)
    met = {"entry": _met(seen["entry"], None, (c.world.wire("client"), c.world.wire(host))),
           "home": _met(seen["home"], INGRESS_VNI, (c.world.wire(host), c.world.wire(task.host)), inner),
           "task": _met(seen["task"], None, inner)}
    c.require(all(met.values()), "✓ ✓ ✓", " ".join("✓" if found else "✗" for found in met.values()), host=host)


def _met(packets: list[Heard], vni: int | None, *addresses: tuple[str, str]) -> bool:
    return any(one.vni == vni and one.addresses == list(addresses) for one in packets)


@lab.check("i4", needs=("i1",), points=3, ever=True)
def source_read(c: View) -> None:
    """What was read is what the application is shown of a client that enters at a node without the task."""
    said = c.answer("Q1")
    task = only(c)
    c.require(task is not None, "…", said, final=True)
    doors = [host for host in entries(c) if on_ingress(c, host) == said]
    c.require(bool(doors) and asked(c, doors[0], c.p.port)[0] == said, "…", said, final=True)


@lab.check("i5", needs=("i0",), points=2, within=CONVERGE)
def all_three(c: View) -> None:
    """Every node's rules know every task, and requests through every node reach them all."""
    live, known = c.world.live(c.p.service), service(c)
    c.expect(len(live), equals=c.p.more, host="–", first="–", final=known is None or known.wanted != c.p.more)
    addresses = {task.address for task in live}
    for host in c.world.swarm_hosts:
        found = c.world.backends(host, c.p.port)
        c.require(found == addresses, len(addresses), len(found & addresses), host=host, first="–")
    got = c.everybody(10)
    answered = {task.container[:12] for task in live} & set(got.by_container)
    c.require(len(answered) == c.p.more and not got.errors, c.p.more, len(answered), host="client",
              first=(got.errors or ("–",))[0])


@lab.check("i6", needs=("i1",), points=2, within=CONVERGE)
def straight_to_the_host(c: View) -> None:
    """The second service: only its own node answers (the control), and its application sees the client itself."""
    known = c.world.services.get(c.p.direct)
    c.require(known is not None, c.p.direct_port, "–", host="–", final=True)
    ports = [(int(port.get("PublishedPort") or 0), port.get("PublishMode")) for port in published(known)]
    c.require(ports == [(c.p.direct_port, "host")], c.p.direct_port,
              ", ".join(f"{out} {how}" for out, how in ports) or "–", host="–", final=True)
    live = c.world.live(c.p.direct)
    c.require(len(live) == 1, 1, len(live), host="–", final=known is not None and known.wanted != 1)
    for host in c.world.swarm_hosts:
        wanted = c.world.wire("client") if host == live[0].host else ""
        found = asked(c, host, c.p.direct_port)[0]
        c.require(found == wanted, wanted or "–", found or "–", host=host)


@lab.truth("P1")
def without_a_task(c: View) -> str | None:
    return "yes" if recorded(c) else None


@lab.truth("P2")
def who_is_the_client(c: View) -> str | None:
    """C: the client itself, N: the node that was asked, I: the same node's address on ingress."""
    for host, one in recorded(c):
        kinds = {c.world.wire("client"): "C", c.world.wire(host): "N", on_ingress(c, host): "I"}
        return kinds.get(one.peer)
    return None


@lab.truth("Q1")
def Q1(c: View) -> str | None:  # noqa: N802  it is the question's name
    """By the entry node's kernel: whom the server answers. Either node without the task will do."""
    peers = [one.peer for _, one in recorded(c)]
    said = c.said.get("Q1")
    return said if said in peers else next(iter(peers), None)


@lab.truth("Q2")
def Q2(c: View) -> str | None:  # noqa: N802
    """The number of ingress in the envelope, by the entry node's kernel."""
    numbers = [link["linkinfo"]["info_data"]["id"] for host in entries(c)[:1] for link in c.world.links(host)
               if link.get("linkinfo", {}).get("info_kind") == "vxlan"]
    return str(numbers[0]) if numbers else None


@lab.truth("entry")
def _entry(c: View) -> str | None:
    return next(iter(entries(c)), None)


@lab.truth("home")
def _home(c: View) -> str | None:
    task = only(c)
    return task.host if task else None


@lab.truth("vip")
def _vip(c: View) -> str | None:
    return next(iter(sorted(virtual(c))), None)


@lab.truth("task")
def _task(c: View) -> str | None:
    task = only(c)
    return task.address if task else None


@lab.truth("client")
def _client(c: View) -> str | None:
    return c.world.wire("client")


@lab.truth("node")
def _node(c: View) -> str | None:
    return next((c.world.wire(host) for host in entries(c)), None)


def virtual(c: View) -> set[str]:
    """The service's virtual addresses, as `service inspect` shows them."""
    known = service(c)
    found = c.manager.get(f"/services/{known.id}").get("Endpoint", {}) if known else {}
    return {str(one["Addr"]).partition("/")[0] for one in found.get("VirtualIPs") or [] if one.get("Addr")}


@lab.mistake("host_mode_everywhere", "i0")
def _host_mode(c: View) -> dict[str, Any] | None:
    return {} if any(port.get("PublishMode") == "host" for port in published(service(c))) else None


@lab.mistake("not_published", "i0")
def _not_published(c: View) -> dict[str, Any] | None:
    return {} if service(c) and not published(service(c)) else None


@lab.mistake("other_port", "i0")
def _other_port(c: View) -> dict[str, Any] | None:
    ports = [port.get("PublishedPort") for port in published(service(c))]
    return {"port": ports[0]} if ports and c.p.port not in ports else None


@lab.mistake("wrong_image", "i0")
def _wrong_image(c: View) -> dict[str, Any] | None:
    known = service(c)
    image = known.image.partition("@")[0] if known else ""
    return {"image": image} if known and IMAGE not in image else None


@lab.mistake("scaled_first", "i1", "i2", "i3")
def _scaled_first(c: View) -> dict[str, Any] | None:
    known = service(c)
    return {"n": known.wanted} if known and known.wanted > 1 else None


@lab.mistake("curl_localhost", "i1")
def _from_a_node(c: View) -> dict[str, Any] | None:
    nodes = {c.world.wire(host) for host in c.world.swarm_hosts}
    for host in c.world.swarm_hosts:
        if any(one.source in nodes or one.source.startswith("127.") for one in connections(c, host)):
            return {"host": host}
    return None


@lab.mistake("entry_is_replica", "i1")
def _at_home(c: View) -> dict[str, Any] | None:
    task = only(c)
    if task is None:
        return None
    met = any(one.source == c.world.wire("client") for one in connections(c, task.host))
    return {"host": task.host} if met else None


@lab.mistake("copied_vip", "i4")
def _copied(c: View) -> dict[str, Any] | None:
    return {} if c.said.get("Q1") in virtual(c) else None


@lab.mistake("client_address", "i4")
def _says_client(c: View) -> dict[str, Any] | None:
    return {} if c.said.get("Q1") == c.world.wire("client") else None


@lab.mistake("node_address", "i4")
def _says_node(c: View) -> dict[str, Any] | None:
    hosts = {c.world.wire(host): host for host in c.world.swarm_hosts}
    return {"host": hosts[c.said["Q1"]]} if c.said.get("Q1") in hosts else None


@lab.mistake("task_address", "i4")
def _says_task(c: View) -> dict[str, Any] | None:
    return {} if c.said.get("Q1") in {task.address for task in c.world.live(c.p.service)} else None


@lab.mistake("direct_in_ingress", "i6")
def _direct_in_ingress(c: View) -> dict[str, Any] | None:
    ports = published(c.world.services.get(c.p.direct))
    return {} if any((port.get("PublishMode") or "ingress") == "ingress" for port in ports) else None
