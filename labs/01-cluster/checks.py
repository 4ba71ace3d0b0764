"""What lab 01 looks at. Points: 18 here, 2 for the predictions.

Membership is taken from three sides: the node's own certificate (a file on its disk), the sockets of its kernel, and
what the managers list. The list alone is never enough.
"""

from __future__ import annotations

import re
from typing import Any

from labs.kit.checks import Checks
from labs.kit.engine_client import EngineError
from labs.kit.view import View

lab = Checks("01-cluster")
HOSTS = ("manager1", "worker1", "worker2")
MANAGER, WORKERS = HOSTS[0], HOSTS[1:]
PORT = 2377
JOIN = 8.0
CERTIFICATE = "swarm-node.crt"
READ = (f"f=$(find /srv /var/lib -name {CERTIFICATE} 2>/dev/null | head -n 1); "
        'test -n "$f" && openssl x509 -in "$f" -noout -subject -nameopt sep_multiline')


def certificates(c: View) -> dict[str, dict[str, str]]:
    """Of every host that has one: O (the cluster's id), OU (its role), CN (its own id), from the file on its disk."""
    found = {}
    for host in HOSTS:
        fields = dict(re.findall(r"^\s*(OU|O|CN)=(.+)$", c.run(host, ["sh", "-c", READ]).stdout, re.MULTILINE))
        if fields:
            found[host] = fields
    return found


def listed(c: View) -> list[dict[str, Any]]:
    """The nodes as manager1 lists them, once they have said their names; none while it is no manager."""
    try:
        nodes: list[dict[str, Any]] = c.engine(MANAGER).get("/nodes")
    except EngineError as error:
        if error.status in (406, 503):
            return []
        raise
    return [node for node in nodes if node["Description"].get("Hostname")]


def sockets(c: View, host: str, *options: str) -> list[tuple[str, str]]:
    """(own end, other end) of TCP sockets in a host's namespace."""
    lines = c.run(host, ["ss", "-Htn", *options]).stdout.splitlines()
    return [(words[-2], words[-1]) for words in (line.split() for line in lines) if len(words) >= 4]


def advertised(c: View) -> str:
    """The address that manager1 tells the others; "" while it manages no swarm."""
    swarm = c.engine(MANAGER).get("/info")["Swarm"]
    return str(swarm.get("NodeAddr") or "") if swarm["ControlAvailable"] else ""


def in_words(found: dict[str, dict[str, str]], field: str) -> str:
    return ", ".join(f"{host}: {fields.get(field, '–')[:16]}" for host, fields in found.items()) or "–"


@lab.check("alone")
def alone(c: View) -> None:
    """No host is in a swarm. No points."""
    c.expect(len(certificates(c)), equals=0)


@lab.check("two", within=JOIN)
def two(c: View) -> None:
    """On the way: manager1 and worker1 share a cluster. No points."""
    found = certificates(c)
    together = {fields["O"] for host, fields in found.items() if host != "worker2"}
    c.require(MANAGER in found and "worker1" in found and len(together) == 1, 2, in_words(found, "O"))


@lab.check("cl1", points=3, within=JOIN)
def one_cluster(c: View) -> None:
    found = certificates(c)
    ids = {fields["O"] for fields in found.values()}
    c.require(len(found) == len(HOSTS) and len(ids) == 1, len(HOSTS), in_words(found, "O"),
              final=len(found) != len(HOSTS) - 1)


@lab.check("cl2", needs=("cl1",), points=3, within=JOIN)
def roles(c: View) -> None:
    found = certificates(c)
    wanted = {MANAGER: "swarm-manager", **dict.fromkeys(WORKERS, "swarm-worker")}
    c.require({host: fields["OU"] for host, fields in found.items()} == wanted, in_words(
        {host: {"OU": role} for host, role in wanted.items()}, "OU"), in_words(found, "OU"), final=True)


@lab.check("cl3", needs=("cl2",), points=4, within=JOIN)
def connected(c: View) -> None:
    """The kernel's own word: manager1 listens, and from each worker a connection stands to it."""
    ports = [own.rpartition(":")[2] for own, _ in sockets(c, MANAGER, "-l")]
    c.require(str(PORT) in ports, len(WORKERS), f"{MANAGER}: –")
    goal = f"{_wire(c)}:{PORT}"
    calling = [host for host in WORKERS
               if goal in {other for _, other in sockets(c, host, "state", "established")}]
    c.require(len(calling) == len(WORKERS), len(WORKERS), ", ".join(calling) or "–")


def _wire(c: View) -> str:
    """manager1's address on the cable, as its kernel has it."""
    found = [str(address.get("local")) for link in c.world.links(MANAGER) if link["ifname"].endswith("-eth0")
             for address in link.get("addr_info", []) if address.get("family", "inet") == "inet"]
    return found[0] if found else ""


@lab.check("cl4", points=2, within=JOIN)
def reachable(c: View) -> None:
    """What manager1 advertises is on the interface that has the cable."""
    told = advertised(c)
    c.require(bool(told) and told == _wire(c), _wire(c), told or "–", final=True)


@lab.check("cl5", needs=("cl3",), points=3, within=JOIN, stable=10)
def ready(c: View) -> None:
    """Three Ready for ten seconds on end: three heartbeats, and nobody came or went."""
    states = {node["Description"]["Hostname"]: node["Status"]["State"] for node in listed(c)}
    c.require(dict.fromkeys(HOSTS, "ready") == states, len(HOSTS),
              ", ".join(f"{host}: {state}" for host, state in states.items()) or "–")


@lab.check("cl6", needs=("cl2",), points=1, within=JOIN)
def workers_refuse(c: View) -> None:
    """A question about the cluster is refused by a worker; the same question to the manager is the control."""
    c.require(bool(listed(c)), c.p.worker, MANAGER)
    c.require(_refuses(c, c.p.worker), c.p.worker, "200")


def _refuses(c: View, host: str) -> bool:
    try:
        c.engine(host).get("/nodes")
    except EngineError as error:
        if error.status in (406, 503):
            return True
        raise
    return False


@lab.check("cl7", needs=("cl2",), points=2, within=JOIN)
def tidy(c: View) -> None:
    """The list has each host once, with the id of the certificate on its disk, and open for work."""
    nodes, found = listed(c), certificates(c)
    names = [f"{node['Description']['Hostname']} {node['Status']['State']} {node['Spec']['Availability']}"
             for node in nodes]
    same = {node["ID"] for node in nodes} == {fields["CN"] for fields in found.values()}
    fine = all(node["Status"]["State"] == "ready" and node["Spec"]["Availability"] == "active" for node in nodes)
    c.require(same and fine and len(nodes) == len(HOSTS), len(HOSTS), ", ".join(names) or "–")


@lab.truth("P1")
def worker_answers(c: View) -> str | None:
    return None if c.p.worker not in certificates(c) else "no" if _refuses(c, c.p.worker) else "yes"


@lab.truth("P2")
def manager_calls(c: View) -> str | None:
    """Who opened the connections to port 2377: the end that has that port was called."""
    own = sockets(c, MANAGER, "state", "established")
    between = [pair for pair in own if str(PORT) in (pair[0].rpartition(":")[2], pair[1].rpartition(":")[2])
               and pair[0].rpartition(":")[0] != pair[1].rpartition(":")[0]]
    if not between:
        return None
    return "yes" if any(other.endswith(f":{PORT}") for _, other in between) else "no"


def _clusters(c: View) -> int:
    return len({fields["O"] for fields in certificates(c).values()})


@lab.mistake("three_swarms", "cl1")
def _three(c: View) -> dict[str, Any] | None:
    return {"n": _clusters(c)} if _clusters(c) == len(HOSTS) else None


@lab.mistake("two_swarms", "cl1")
def _two(c: View) -> dict[str, Any] | None:
    found = certificates(c)
    home = found.get(MANAGER, {}).get("O")
    apart = [host for host in WORKERS if host in found and found[host]["O"] != home]
    return {"host": ", ".join(apart)} if home and apart else None


@lab.mistake("left_again", "cl1")
def _left(c: View) -> dict[str, Any] | None:
    found = certificates(c)
    gone = {node["Description"]["Hostname"] for node in listed(c)} - set(found)
    return {"host": ", ".join(sorted(gone))} if gone else None


@lab.mistake("worker_missing", "cl1")
def _missing(c: View) -> dict[str, Any] | None:
    found = certificates(c)
    missing = [host for host in HOSTS if host not in found]
    return {"host": ", ".join(missing)} if len(found) == len(HOSTS) - 1 and MANAGER in found else None


@lab.mistake("roles_swapped", "cl2", "cl4")
def _swapped(c: View) -> dict[str, Any] | None:
    chiefs = [host for host, fields in certificates(c).items() if fields["OU"] == "swarm-manager"]
    return {"host": chiefs[0]} if chiefs and MANAGER not in chiefs else None


@lab.mistake("loopback", "cl4")
def _loopback(c: View) -> dict[str, Any] | None:
    return {"address": advertised(c)} if advertised(c).startswith("127.") else None


@lab.mistake("wrong_nic", "cl4")
def _wrong_nic(c: View) -> dict[str, Any] | None:
    told = advertised(c)
    return {"address": told} if told and told != _wire(c) else None


@lab.mistake("ghost_node", "cl7", "cl5")
def _ghost(c: View) -> dict[str, Any] | None:
    names = [node["Description"]["Hostname"] for node in listed(c)]
    twice = sorted({name for name in names if names.count(name) > 1})
    return {"host": ", ".join(twice)} if twice else None


@lab.mistake("closed_node", "cl7")
def _closed(c: View) -> dict[str, Any] | None:
    idle = [(node["Description"]["Hostname"], node["Spec"]["Availability"]) for node in listed(c)
            if node["Spec"]["Availability"] != "active"]
    return {"host": idle[0][0], "how": idle[0][1]} if idle else None


@lab.truth("token")
def _token(c: View) -> str | None:
    """What a student copies from one terminal to the other; for the scripts."""
    for host in HOSTS:
        try:
            return str(c.engine(host).get("/swarm")["JoinTokens"]["Worker"])
        except EngineError:
            continue
    return None
