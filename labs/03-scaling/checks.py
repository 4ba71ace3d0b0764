"""What lab 03 looks at. Points: 18 here, 2 for the predictions.

Everything hangs on sc2 (what the service asks for), so an untouched cluster, well spread as it is, earns nothing;
and sc2 alone is one point: the others ask the kernel and real packets.
"""

from __future__ import annotations

from typing import Any

from labs.kit.checks import Checks, Failed, NotYet, TooSlow
from labs.kit.predictions import split
from labs.kit.probe import WINDOW
from labs.kit.view import View
from labs.kit.world import Identity, LiveTask

lab = Checks("03-scaling")
CONVERGE = 20.0
MOST_ERRORS = 1.0
SENT = 0.97
"""Of the traffic: with less, one task too few could serve it."""


def wanted(c: View) -> int | None:
    """What the service asks for; None if there is no such service."""
    service = c.world.services.get(c.p.service)
    return None if service is None else service.wanted


def hosts_of(tasks: list[LiveTask]) -> str:
    return ", ".join(f"{host}: {sum(task.host == host for task in tasks)}"
                     for host in sorted({task.host for task in tasks})) or "0"


@lab.check("sized", within=CONVERGE)
def sized(c: View) -> None:
    """Steps on the way: as many live as this step asks for. No points."""
    c.expect(wanted(c), equals=c.goal, final=True)
    c.expect(len(c.world.live(c.p.service)), equals=c.goal)


@lab.check("sc2", points=1)
def asked(c: View) -> None:
    c.expect(wanted(c) if wanted(c) is not None else "–", equals=c.goal)


@lab.check("sc3", needs=("sc2",), points=2, within=CONVERGE, stable=3)
def alive(c: View) -> None:
    live = c.world.live(c.p.service)
    stuck = [task for task in c.world.tasks_of(c.p.service) if _stuck(task)]
    c.expect(len(live), equals=c.goal, hosts=hosts_of(live), final=bool(stuck) and len(live) + len(stuck) == c.goal)
    c.expect(len({task.identity.netns for task in live}), equals=c.goal, hosts=hosts_of(live))


def _stuck(task: Any) -> bool:
    return task.get("Status", {}).get("State") == "pending" and bool(task["Status"].get("Err"))


@lab.check("sc4", needs=("sc3",), points=2, within=CONVERGE)
def plugged(c: View) -> None:
    live = c.world.live(c.p.service)
    loose = [f"{c.p.service}.{task.slot} ({task.host})" for task in live if not _plugged(c, task)]
    c.expect(len(live) - len(loose), equals=len(live), loose=", ".join(loose))


def _plugged(c: View, task: LiveTask) -> bool:
    """A veth with the task's ingress address inside, whose other end is a port of a bridge that has a VXLAN port."""
    inside = c.world.links(task.host, task.identity.netns)
    outside = c.world.links(task.host)
    ends = [link for link in inside
            if any(address.get("local") == task.address for address in link.get("addr_info", []))]
    peers = [link for link in outside for end in ends if link["ifindex"] == end.get("link_index")]
    overlays = {link.get("master") for link in outside if link.get("linkinfo", {}).get("info_kind") == "vxlan"}
    return any(peer.get("master") in overlays - {None} for peer in peers)


@lab.check("sc5", needs=("sc4",), points=2, within=CONVERGE)
def balanced(c: View) -> None:
    addresses = {task.address for task in c.world.live(c.p.service)}
    for host in c.world.swarm_hosts:
        found = c.world.backends(host, c.p.port)
        c.require(found == addresses, len(addresses), len(found & addresses), host=host,
                  ghosts=", ".join(sorted(found - addresses)) or "–",
                  missing=", ".join(sorted(addresses - found)) or "–")


@lab.check("sc6", needs=("sc5",), points=3, within=CONVERGE)
def answers(c: View) -> None:
    live = {task.container[:12] for task in c.world.live(c.p.service)}
    got = c.everybody()
    strangers = set(got.by_container) - live
    # 503 is a task's own answer, that it has enough to do: each of them has to answer better than that once.
    c.require(not strangers and not got.errors and live <= set(got.by_container), len(live),
              len(live & set(got.by_container)), asked=got.asked, strangers=", ".join(sorted(strangers)) or "–",
              errors=len(got.errors) + got.busy, first=(got.errors or ("–",))[0])


@lab.check("sc7", needs=("sc3",), points=2, within=CONVERGE)
def spread(c: View) -> None:
    live = c.world.live(c.p.service)
    counts = {node.name: sum(task.host == node.name for task in live) for node in c.world.nodes}
    # Swarm never moves a running task to even things out: once all is at rest, waiting would not help.
    c.require(max(counts.values()) - min(counts.values()) <= 1, 1, split(counts.values()),
              final=c.world.settled(c.p.service),
              counts=", ".join(f"{name}: {count}" for name, count in counts.items()))


@lab.check("sc8", needs=("sc3",), points=2)
def unmoved(c: View) -> None:
    now = {task.identity for task in c.world.live(c.p.service)}
    kept, of = _kept(c, now)
    c.expect(kept, equals=of)


def _kept(c: View, now: set[Identity]) -> tuple[int, int]:
    """How many tasks kept process and namespace across the last change, of how many that should have."""
    before = c.history.before(c.goal)
    if before is None:
        return 0, c.goal
    return len(before.identities & now), min(len(before.identities), len(now))


@lab.check("sc9", points=1, within=CONVERGE, ever=True, poll=2)
def served(c: View) -> None:
    """The traffic is served, and without waste."""
    traffic = c.requests.traffic()
    c.require(traffic is not None, MOST_ERRORS, "–", final=True, asked=0)
    c.require(traffic.rate >= c.p.traffic, MOST_ERRORS, f"{traffic.rate:g}/s", final=True, asked=traffic.asked)
    if traffic.seconds < WINDOW:
        raise NotYet(MOST_ERRORS, "…", WINDOW - traffic.seconds + 0.5, asked=traffic.asked)
    c.require(traffic.error_percent < MOST_ERRORS, MOST_ERRORS, f"{traffic.error_percent:.1f} %",
              asked=traffic.asked)
    sent = traffic.asked / traffic.seconds
    if sent < SENT * c.p.traffic:
        raise TooSlow(f"the client sends {sent:.0f} requests a second of {traffic.rate:g}: too slow a machine")
    c.require((wanted(c) or 0) <= c.p.most, c.p.most, wanted(c), final=True, asked=traffic.asked)


@lab.check("sc10", points=2, within=CONVERGE, ever=True)
def clean(c: View) -> None:
    """At the low number: who left has left nothing, and who stayed did not move."""
    c.expect(wanted(c), equals=c.p.low, left="–", final=True)
    live = c.world.live(c.p.service)
    c.expect(len(live), equals=c.p.low, left="–")
    before = c.history.before(c.p.low)
    if before is None or before.wanted < c.p.low:
        raise Failed(c.p.low, c.p.low, {"left": "–", "final": True})
    now = {task.identity for task in live}
    c.require(now <= before.identities, c.p.low, len(now & before.identities), left="–", final=True)
    left = [trace for task in before.tasks if task.identity not in now for trace in _traces(c, task)]
    c.require(not left, c.p.low, c.p.low, left=", ".join(left))


def _traces(c: View, task: LiveTask) -> list[str]:
    name = f"{task.service}.{task.slot}"
    found = [f"{name}: process {task.identity.pid}"] if c.world.alive(task.identity) else []
    found += [f"{name}: netns {task.identity.netns}"] if c.world.namespace_exists(task.identity) else []
    return found + [f"{name}: {task.address} on {host}" for host in c.world.swarm_hosts
                    if task.address in c.world.backends(host, c.p.port)]


@lab.check("sc12", needs=("sc3", "sc8"), points=1, perturb=True)
def obeys(c: View) -> None:
    """The grader itself asks for one more, and then for the goal again."""
    for number in (c.goal + 1, c.goal):
        c.require(c.scale(number), number, "–")


@lab.truth("P1")
def tasks_per_node(c: View) -> str | None:
    entry = c.history.reached(c.p.target)
    return split(entry.per_node.values()) if entry else None


@lab.truth("P2")
def first_ones_restart(c: View) -> str | None:
    entry, baseline = c.history.reached(c.p.target), c.history.baseline
    return ("no" if baseline.identities <= entry.identities else "yes") if entry and baseline else None


@lab.truth("P3")
def left_on_each_node(c: View) -> str | None:
    entry = c.history.reached(c.p.low)
    return split(entry.per_node.values()) if entry else None


def _others(c: View) -> list[Any]:
    return [service for service in c.world.services.values() if service.name != c.p.service and service.wanted]


@lab.mistake("removed", "sc2", "sized", "sc10")
def _removed(c: View) -> dict[str, Any] | None:
    return {} if c.p.service not in c.world.services and not _others(c) else None


@lab.mistake("hand_made_containers", "sc2", "sc3", "sized")
def _hand_made(c: View) -> dict[str, Any] | None:
    strangers = [stranger for stranger in c.world.strangers() if "nginx" in stranger.image]
    hosts = ", ".join(sorted({stranger.host for stranger in strangers}))
    return {"n": len(strangers), "hosts": hosts} if strangers else None


@lab.mistake("wrong_service", "sc2", "sized", "sc10")
def _wrong_service(c: View) -> dict[str, Any] | None:
    exact = [service.name for service in _others(c) if service.wanted == c.goal]
    return {"other": exact[0]} if exact else None


@lab.mistake("second_service", "sc2", "sized")
def _second_service(c: View) -> dict[str, Any] | None:
    others = _others(c)
    return {"other": others[0].name, "n": wanted(c) or 0} if others else None


@lab.mistake("zero", "sc2", "sized", "sc10")
def _zero(c: View) -> dict[str, Any] | None:
    return {} if wanted(c) == 0 else None


@lab.mistake("scaled_too_far", "sc2")
def _too_far(c: View) -> dict[str, Any] | None:
    number = wanted(c) or 0
    return {"n": number} if number > c.goal else None


@lab.mistake("not_enough", "sc2")
def _not_enough(c: View) -> dict[str, Any] | None:
    number = wanted(c) or 0
    return {"n": number} if c.p.start < number < c.goal else None


@lab.mistake("pending", "sc3", "sized")
def _pending(c: View) -> dict[str, Any] | None:
    stuck = [task for task in c.world.tasks_of(c.p.service) if _stuck(task)]
    if not stuck:
        return None
    live, reason = len(c.world.live(c.p.service)), stuck[0]["Status"]["Err"]
    return {"n": c.goal, "live": live, "wait": len(stuck), "reason": reason}


@lab.mistake("node_drained", "sc7")
def _node_drained(c: View) -> dict[str, Any] | None:
    idle = [node.name for node in c.world.nodes if not node.active]
    counts = split(c.world.per_node(c.p.service).values())
    return {"node": idle[0], "counts": counts} if idle else None


@lab.mistake("recreated", "sc8")
def _recreated(c: View) -> dict[str, Any] | None:
    service, baseline = c.world.services.get(c.p.service), c.history.baseline
    return {} if service and baseline and service.id != baseline.service_id else None


@lab.mistake("forced", "sc8")
def _forced(c: View) -> dict[str, Any] | None:
    service = c.world.services.get(c.p.service)
    return {"force": service.force} if service and service.force else None


@lab.mistake("stopped_extra", "sc10")
def _stopped_extra(c: View) -> dict[str, Any] | None:
    ended = [task for task in c.world.tasks_of(c.p.service) if task.get("Status", {}).get("State") in ENDED]
    return {"n": wanted(c), "stopped": len(ended)} if ended and wanted(c) != c.p.low else None


ENDED = ("complete", "failed")


@lab.mistake("over_sized", "sc9")
def _over_sized(c: View) -> dict[str, Any] | None:
    largest = max([entry.wanted for entry in c.history.entries] + [wanted(c) or 0])
    return {"n": largest} if largest > c.p.most else None


@lab.mistake("under_sized", "sc9")
def _under_sized(c: View) -> dict[str, Any] | None:
    traffic = c.requests.traffic()
    number = wanted(c) or 0
    if traffic is None or traffic.error_percent < MOST_ERRORS or number >= c.p.enough:
        return None
    return {"n": number, "capacity": number * c.p.rate}
