"""What lab 13 looks at. Points: 18 here, 2 for the predictions.

The kernel tells of power and processes; the managers' stores (etcd) of who leads in which term, and of what is
stored. How both were when a plug was pulled was written down by that act.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from labs.kit.checks import Checks
from labs.kit.engine_client import EngineError
from labs.kit.events import Event
from labs.kit.look import NO_LEADER
from labs.kit.members import Member, leader
from labs.kit.view import View
from labs.kit.world import Node, first_processes

lab = Checks("13-managers")
CONVERGE = 90.0
"""Seconds for another leader: 12 as a rule, 22 seen on a machine with twenty processes waiting for each core."""
PEER_PORT = 2380
ESTABLISHED = "01"
ASKED = 12
"""Requests to each entrance while nobody leads."""


def managers(c: View) -> list[Node]:
    """Those the swarm lists as managers."""
    return [node for node in c.world.nodes if node.manager]


def workers_by_now(c: View) -> list[str]:
    """Of the managers' machines, those that are in the swarm as workers only; an entry of an earlier life aside."""
    there = {node.name for node in managers(c)}
    return [node.name for node in c.world.nodes if node.name in c.p.managers and node.name not in there]


def off(c: View) -> list[str]:
    """The managers' machines without power."""
    return [host for host in c.p.managers if not c.world.up(host)]


def on(c: View) -> list[str]:
    return [host for host in c.p.managers if c.world.up(host)]


def wanted(c: View) -> int:
    known = c.world.services.get(c.p.service)
    return known.wanted if known else 0


def lives(c: View) -> int:
    return len(c.world.live(c.p.service))


def connected(c: View, host: str) -> set[str]:
    """Addresses with which this host's kernel has a connection of the stores' open, whoever began it."""
    found = set()
    for line in c.run(host, ["cat", "/proc/net/tcp"]).stdout.splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        if state == ESTABLISHED and PEER_PORT in (_port(local), _port(remote)):
            found.add(_address(remote))
    return found


def _port(end: str) -> int:
    return int(end.partition(":")[2], 16)


def _address(end: str) -> str:
    return ".".join(str(byte) for byte in reversed(bytes.fromhex(end.partition(":")[0])))


@lab.check("two", ever=True, within=CONVERGE)
def two(c: View) -> None:
    """On the way: a second manager. No points."""
    c.require(len(managers(c)) >= 2, 2, len(managers(c)), final=not c.world.leaderless)


@lab.check("c1", points=3, ever=True, within=CONVERGE, poll=1)
def three(c: View) -> None:
    """The three are managers and nobody else is; each two of them are connected."""
    listed = {node.name for node in managers(c)}
    c.require(listed == set(c.p.managers), len(c.p.managers), len(listed), pairs=0, final=not c.world.leaderless)
    stores = c.stores
    wires = {host: c.world.wire(host) for host in c.p.managers}
    pairs = [(one, other) for one in c.p.managers for other in c.p.managers if one != other]
    open_ = {host: connected(c, host) for host in c.p.managers}
    linked = [pair for pair in pairs if wires[pair[1]] in open_[pair[0]]]
    ready = [node.name for node in managers(c) if node.ready]
    c.require(len(ready) == len(stores) == len(listed) and len(linked) == len(pairs), len(listed), len(ready),
              pairs=len(linked) // 2)


def lost(c: View) -> Event | None:
    """The last time that the one which led lost its power, while there were three."""
    found = [event for event in c.events.of("lab", "poweroff")
             if event.host in c.p.managers and len(stores_at(event)) == len(c.p.managers)
             and leader(stores_at(event)) == event.host]
    return found[-1] if found else None


def stores_at(event: Event) -> Mapping[str, Member]:
    """What the stores said just before an act."""
    return {host: Member(**said) for host, said in event.data.get("stores", {}).items()}


@lab.check("c2", needs=("c1",), points=4, ever=True, within=CONVERGE, poll=1)
def another_leads(c: View) -> None:
    """The leader's machine is off, another leads in a later term, and the others' processes are the same."""
    act = lost(c)
    c.require(act is not None, 1, 0, final=True)
    assert act is not None
    term = stores_at(act)[act.host].term
    c.require(not c.world.up(act.host), 1, 0, before=term, final=True)
    stores = c.stores
    now = leader(stores)
    known = {node.name for node in c.world.nodes if node.leader}
    c.require(bool(now) and stores[now].term > term and known == {now}, 1, 0, before=term,
              term=stores[now].term if now else "–")
    before = {name: found for name, found in act.data["before"].items() if name != act.host}
    alive = first_processes(c.world.hosts)
    gone = [one for name, found in before.items() for one in found if one not in alive[name]]
    c.require(not gone, 1, 1, before=term, term=stores[now].term, gone=len(gone), final=True)


@lab.check("obeys", needs=("c2",), ever=True, within=CONVERGE)
def obeys(c: View) -> None:
    """With two of three, what is asked for is done. No points."""
    c.require(len(off(c)) == 1, 1, len(off(c)), off=len(off(c)), final=True)
    c.require(wanted(c) == c.p.some, c.p.some, wanted(c), off=1, final=not c.world.leaderless)
    c.require(lives(c) == c.p.some, c.p.some, lives(c), off=1)


@lab.check("minority", needs=("obeys",), ever=True, within=CONVERGE, poll=1)
def nobody_leads(c: View) -> None:
    """Two of three have no power, and the store that is left knows no leader. No points."""
    c.require(len(off(c)) == 2, 2, len(off(c)), final=True)
    store = c.stores.get(on(c)[0])
    c.require(c.world.leaderless and store is not None and not store.leader, 2, 2)


@lab.check("c3", needs=("minority",), points=4, ever=True, within=CONVERGE, poll=1)
def served_and_refused(c: View) -> None:
    """Meanwhile a write is refused, and every request is answered."""
    c.require(len(off(c)) == 2, 2, len(off(c)), bad="–", final=True)
    c.require(c.world.leaderless, 2, 2, bad="–")
    c.require(refused(c, on(c)[0]), 2, 2, bad="–", final=True)
    bad = unanswered(c)
    c.require(not bad, 2, 2, bad=bad)


def refused(c: View, host: str) -> bool:
    """A write of the grader's own is not taken. (If it is, it is taken back.)"""
    engine, name = c.engine(host), f"grader-{uuid.uuid4().hex[:8]}"
    try:
        engine.post("/configs/create", {"Name": name, "Data": ""})
    except EngineError as error:
        return NO_LEADER in str(error)
    engine.delete(f"/configs/{name}")
    return False


def unanswered(c: View) -> int:
    """Of the grader's requests to every node that is on: how many were not answered by the service."""
    entrances = [host for host in c.world.swarm_hosts if c.world.up(host)]
    return sum(ASKED - sum(c.ask(f"http://{c.world.wire(host)}:{c.p.port}/", ASKED).by_container.values())
               for host in entrances)


@lab.check("again", needs=("c3",), ever=True, within=CONVERGE)
def accepted_again(c: View) -> None:
    """Two of three are on, and a write was taken. No points."""
    c.require(len(off(c)) == 1, c.p.more, "–", off=len(off(c)), final=True)
    c.require(wanted(c) == c.p.more and not c.world.leaderless, c.p.more, wanted(c), off=1,
              final=not c.world.leaderless)
    c.require(lives(c) == c.p.more, c.p.more, lives(c), off=1)


@lab.check("c4", needs=("again",), points=4, within=CONVERGE, poll=1)
def equal_stores(c: View) -> None:
    """All three are on, follow one leader and hold the same, by digest and revision. What was asked for lives."""
    c.require(not off(c), len(c.p.managers), len(on(c)), revision="–", final=True)
    stores = {host: store for host, store in c.stores.items() if host in c.p.managers}
    c.require(len(stores) == len(c.p.managers) and len({store.leader for store in stores.values()}) == 1,
              len(c.p.managers), len(stores), revision="–")
    revision = min(store.revision for store in stores.values())
    answers = c.ask_stores(list(stores), "maintenance/hash", revision=str(revision))
    digests = {(str(answer.get("hash")), str(answer.get("compact_revision", 0))) for answer in answers.values()}
    same = len({store.revision for store in stores.values()}) == 1 and len(answers) == len(stores)
    c.require(same and len(digests) == 1, len(c.p.managers), len(digests), revision=revision)
    c.require(not c.world.leaderless and lives(c) == c.p.more, len(c.p.managers), len(stores), revision=revision)


@lab.check("four", needs=("c1",), ever=True, within=CONVERGE, poll=1)
def four(c: View) -> None:
    """On the way: a fourth manager, with a store of its own. No points."""
    names = {node.name for node in managers(c) if node.ready}
    c.require(names == {*c.p.managers, c.p.fourth} and set(c.stores) == names, len(c.p.managers) + 1, len(names),
              final=c.p.fourth not in names)


@lab.check("c5", needs=("c1", "four"), points=1, within=CONVERGE, poll=1)
def odd(c: View) -> None:
    """At the end there are three again: in the list, and as stores that run."""
    names = sorted(node.name for node in managers(c) if node.ready)
    stores = sorted(c.stores)
    c.require(len(managers(c)) % 2 == 1 and names == stores == sorted(c.p.managers), len(c.p.managers), len(stores),
              names=", ".join(names) or "–", final=len(managers(c)) != len(c.p.managers) and not c.world.leaderless)


def tolerated(count: int) -> int:
    """How many of so many may be lost, so that more than half are left."""
    return count - (count // 2 + 1)


@lab.check("c6", points=2, ever=True)
def counted(c: View) -> None:
    c.require(c.answer("Q1") == Q1(c), "…", c.said["Q1"], final=True)


@lab.truth("P1")
def served(c: View) -> str | None:
    """Measured while nobody leads; what was measured then stays."""
    if "c3" in c.passed:
        return "yes"
    return None if len(off(c)) != 2 or not c.world.leaderless else "no" if unanswered(c) else "yes"


@lab.truth("P2")
def accepted(c: View) -> str | None:
    return "no" if "c3" in c.passed else None


@lab.truth("Q1")
def Q1(c: View) -> str:  # noqa: N802  it is the question's name
    return " ".join(str(tolerated(count)) for count in range(1, 8))


@lab.truth("token")
def _token(c: View) -> str | None:
    """What a student copies from one terminal to the other; for the scripts, as all that follow."""
    return _tokens(c).get("Manager")


@lab.truth("worker_token")
def _worker_token(c: View) -> str | None:
    return _tokens(c).get("Worker")


def _tokens(c: View) -> dict[str, str]:
    return dict(c.manager.get("/swarm")["JoinTokens"]) if managers(c) and not c.world.leaderless else {}


@lab.truth("leader")
def _leader(c: View) -> str | None:
    return next((node.name for node in managers(c) if node.leader), None)


@lab.truth("follower")
def _follower(c: View) -> str | None:
    """One that may be lost besides: not the one that stays on, nor, while all are on, the one that leads."""
    return next((host for host in (c.p.second, *c.p.managers)
                 if c.world.up(host) and host != c.p.last and (off(c) or host != _leader(c))), None)


@lab.truth("left")
def _left(c: View) -> str | None:
    return on(c)[0] if len(on(c)) == 1 else None


@lab.truth("lost")
def _lost(c: View) -> str | None:
    return next(iter(off(c)), None)


@lab.truth("spoken")
def _spoken(c: View) -> str | None:
    """A manager that answers."""
    return c.manager.path.parent.name if managers(c) and not c.world.leaderless else None


@lab.mistake("joined_as_worker", "two", "c1")
def _joined_as_worker(c: View) -> dict[str, Any] | None:
    found = workers_by_now(c)
    return {"host": found[0]} if found else None


@lab.mistake("two_managers", "c1", "c5")
def _two(c: View) -> dict[str, Any] | None:
    return {} if len(managers(c)) == 2 else None


@lab.mistake("four_managers", "c1", "c5")
def _four(c: View) -> dict[str, Any] | None:
    return {} if len(managers(c)) == 4 else None


@lab.mistake("killed_a_worker", "c2", "minority", "c3")
def _killed_a_worker(c: View) -> dict[str, Any] | None:
    found = [host for host in c.world.swarm_hosts if host not in c.p.managers and not c.world.up(host)]
    return {"host": found[0]} if found else None


@lab.mistake("drained_not_killed", "c2", "minority", "c3")
def _drained(c: View) -> dict[str, Any] | None:
    found = [node.name for node in managers(c) if node.availability != "active"]
    return {"node": found[0]} if found else None


@lab.mistake("demoted_instead", "c2", "minority", "c3")
def _demoted(c: View) -> dict[str, Any] | None:
    found = workers_by_now(c)
    return {"node": found[0]} if found else None


@lab.mistake("daemon_stopped", "c2", "minority", "c3")
def _daemon(c: View) -> dict[str, Any] | None:
    found = [event.host for event in c.events.of("lab", "daemon-stop", "daemon-kill") if event.host in c.p.managers]
    return {"host": found[-1]} if found and not lost(c) else None


@lab.mistake("cut_not_off", "c2", "minority", "c3")
def _cut(c: View) -> dict[str, Any] | None:
    found = [event.host for event in c.events.of("lab", "cut") if event.host in c.p.managers]
    return {"host": found[-1]} if found else None


@lab.mistake("rebooted", "c2")
def _rebooted(c: View) -> dict[str, Any] | None:
    found = [event.host for event in c.events.of("lab", "reboot") if event.host in c.p.managers]
    return {"host": found[-1]} if found else None


@lab.mistake("follower_off", "c2")
def _follower_off(c: View) -> dict[str, Any] | None:
    found = [event for event in c.events.of("lab", "poweroff") if event.host in c.p.managers]
    if not found or leader(stores_at(found[-1])) in ("", found[-1].host):
        return None
    return {"host": found[-1].host, "leader": leader(stores_at(found[-1]))}


@lab.mistake("one_back_on", "minority", "c3")
def _one_back(c: View) -> dict[str, Any] | None:
    act = lost(c)
    back = [event for event in c.events.of("lab", "start") if act and event.host == act.host and event.t > act.t]
    return {"host": back[-1].host} if back and len(off(c)) < 2 else None


@lab.mistake("all_off", "minority", "c3")
def _all_off(c: View) -> dict[str, Any] | None:
    return {} if not on(c) else None


@lab.mistake("forced_new_cluster", "again", "c4")
def _forced(c: View) -> dict[str, Any] | None:
    """One manager is left in the list, and nobody demoted the others: they have no power."""
    alone = [node.name for node in managers(c)]
    return {"host": alone[0]} if len(alone) == 1 and not c.world.leaderless else None


@lab.mistake("removed_dead", "again", "c4", "c5")
def _removed(c: View) -> dict[str, Any] | None:
    there = {node.name for node in c.world.nodes if node.manager}
    missing = [host for host in c.p.managers if host not in there]
    return {"host": missing[0]} if missing and there else None


@lab.mistake("restarted_all", "again")
def _restarted_all(c: View) -> dict[str, Any] | None:
    return {} if not off(c) else None


@lab.mistake("wrong_number", "obeys", "again")
def _wrong_number(c: View) -> dict[str, Any] | None:
    known = (0, c.p.replicas, c.p.some, c.p.more)
    return {"n": wanted(c)} if wanted(c) not in known else None


@lab.mistake("unreachable_manager", "c4", "c5")
def _unreachable(c: View) -> dict[str, Any] | None:
    return {"host": off(c)[0]} if len(off(c)) == 1 else None


@lab.mistake("half_is_enough", "c6")
def _half(c: View) -> dict[str, Any] | None:
    return {} if c.said.get("Q1") in ("0 1 1 2 2 3 3", "1 1 2 2 3 3 4") else None


@lab.mistake("one_is_enough", "c6")
def _one(c: View) -> dict[str, Any] | None:
    return {} if c.said.get("Q1") == "0 1 2 3 4 5 6" else None


@lab.mistake("miscounted", "c6")
def _miscounted(c: View) -> dict[str, Any] | None:
    return {"said": c.said["Q1"]} if "Q1" in c.said else None
