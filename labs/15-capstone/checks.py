"""What lab 15 looks at. Points: 18 here, 2 for the predictions.

What the client saw is the probe's answers; who lives, where, and which version it serves is asked of the kernel and
of each task; what was done about an incident, and in which order, is told by the log. Nothing of c1 and c2 counts
before the whole night has passed.
"""

from __future__ import annotations

from typing import Any

from labs.kit.checks import Checks
from labs.kit.deeds import act, asked_tag, availabilities, came_to, changed_to, first, forced, given_up, parallelism
from labs.kit.events import Event
from labs.kit.incidents import rang, rings
from labs.kit.lives import POWER_OFF, fewest, lives
from labs.kit.predictions import split
from labs.kit.probe import PROBE_FLAG, WINDOW
from labs.kit.probing import availability, longest_pause, lost
from labs.kit.serving import in_words, tag, versions
from labs.kit.view import View
from labs.kit.world import Service, first_processes

lab = Checks("15-capstone")
CONVERGE = 90.0
NIGHT = 7
"""So often the pager rings."""
MOST_ERRORS, SERVED = 1.0, "< 1 %"
FEW = 3
"""So many lost requests are no reason to call a night bad, however short it was."""
GENTLE = 10.0
"""Requests a second of the graders' own: the client is there, and must not be refused because of them."""
LONGEST_GAP = 5.0
"""Seconds without a question of the probe's, at most: a request that is lost takes three."""
MARGIN = 2.0
"""Seconds after a node is given up, or has its cable again, until its last requests are over."""
STARTED, COMPLETED = "rollback_started", "rollback_completed"
TIMES = {"Q1": "release", "Q2": "rollback", "Q3": "cut", "Q4": "drain", "Q5": "rm"}
ORDER = "drain < reboot < active"


def service(c: View) -> Service | None:
    return c.world.services.get(c.p.service)


def busy(c: View) -> bool:
    known = service(c)
    return known is not None and known.update.get("State") in ("updating", STARTED)


def same_service(c: View) -> bool:
    known, baseline = service(c), c.history.baseline
    return known is not None and baseline is not None and known.id == baseline.service_id


def wanted(c: View) -> int:
    known = service(c)
    return known.wanted if known else 0


def released(c: View) -> Event | None:
    """The colleague's change."""
    begun = rang(c.events, "release")
    return None if begun is None else changed_to(c.events, c.p.service, c.p.bad, begun - 1)


def back_to_good(c: View) -> Event | None:
    """The first change after the release that asked for the good version."""
    event = released(c)
    return changed_to(c.events, c.p.service, c.p.good, event.t) if event else None


def rollbacks(c: View, state: str) -> list[Event]:
    event = released(c)
    return [one for one in came_to(c.events, c.p.service, state) if event is not None and one.t > event.t]


def cut(c: View) -> Event | None:
    """The night's own: a student's is an act with a line."""
    return next((event for event in c.events.of("lab", "cut", host=c.p.silent) if "line" not in event.data), None)


def healed(c: View) -> Event | None:
    """When the cable was first in again."""
    pulled = cut(c)
    return next((one for one in c.events.of("lab", "heal", host=c.p.silent) if pulled and one.t > pulled.t), None)


def closed_for_it(c: View) -> bool:
    """Was the node without a cable drained, as if that mended it?"""
    pulled = cut(c)
    return pulled is not None and any(t > pulled.t for t, _ in availabilities(c.events, c.p.silent))


def moments(c: View) -> dict[str, float]:
    """When what the report asks for happened."""
    removed = c.events.of("service", "remove", name=c.p.old)
    found = {"release": released(c), "rollback": back_to_good(c), "cut": cut(c),
             "rm": removed[0] if removed else None}
    emptied = first(availabilities(c.events, c.p.node), "drain")
    return {name: event.t for name, event in found.items() if event} | ({"drain": emptied} if emptied else {})


def unheard(c: View) -> tuple[float, float]:
    """From the cut until the manager knows of it, or the cable is in again: nobody could spare the client this."""
    pulled, mended = cut(c), healed(c)
    if pulled is None:
        return 0.0, 0.0
    ends = [t for t in (mended.t if mended else None, given_up(c.events, c.p.silent, pulled.t)) if t is not None]
    return pulled.t - 0.5, min(ends, default=c.world.taken) + MARGIN * c.speed


def blind(c: View) -> str:
    """Why the probe did not see the whole night through a door that stayed; "" if it did."""
    shots, begun = c.shots(), min((event.t for event in rings(c.events).values()), default=0.0)
    if not shots or shots[0].t > begun:
        return "late"
    if any(f"//{host}" in shot.url for host in (c.p.node, c.p.silent) for shot in (shots[0], shots[-1])):
        return "door"
    last = max([event.t for event in c.events.changes(c.p.service)], default=0.0)
    return "stopped" if shots[-1].t < last or longest_pause(shots) > LONGEST_GAP * c.speed else ""


def old_networks(c: View) -> list[str]:
    return [one["Name"] for one in c.manager.get("/networks") if one["Name"] == c.p.old_net]


def leftovers(c: View) -> list[str]:
    """Other services, the old network, containers of no service, and processes of the old service by the kernel."""
    ids = {life.id for life in lives(c.events, c.p.old)}
    old = {f"{c.p.old} ({host})" for host, seen in first_processes(c.world.hosts).items()
           for one in seen if one["container"] in ids}
    others = [name for name in c.world.services if name != c.p.service]
    return [*others, *old_networks(c), *sorted(old), *c.world.by_hand()]


def uneven(c: View) -> str:
    """Tasks by machine if they are more than one apart; "" if they are not."""
    counts = [sum(task.host == node.name for task in c.world.live(c.p.service)) for node in c.world.nodes]
    return "" if counts and max(counts) - min(counts) <= 1 else split(counts)


@lab.check("probing", ever=True, poll=1)
def probing(c: View) -> None:
    """The probe sees the service. No points."""
    c.require(len([shot for shot in c.shots() if shot.good]) >= 10, 10, len(c.shots()))


@lab.check("sized", within=CONVERGE)
def sized(c: View) -> None:
    """As many live as the campaign needs. No points."""
    c.expect(wanted(c), equals=c.p.more, final=True)
    c.expect(len(c.world.live(c.p.service)), equals=c.p.more)


@lab.check("c3a", points=1, ever=True, within=CONVERGE, poll=1)
def wave_served(c: View) -> None:
    """Three times the traffic runs, and is served by as many tasks as were asked for."""
    c.require(rang(c.events, "wave") is not None, SERVED, "–", asked=0, final=True)
    traffic = c.requests.traffic()
    c.require(traffic is not None and traffic.rate >= c.p.extra, SERVED, "–", asked=0, final=True)
    c.require(traffic.seconds >= WINDOW, SERVED, "…", asked=traffic.asked)
    c.require(traffic.error_percent < MOST_ERRORS, SERVED, f"{traffic.error_percent:.1f} %", asked=traffic.asked)
    c.require(wanted(c) == c.p.more, c.p.more, wanted(c), asked=traffic.asked, final=True)


@lab.check("gone", within=CONVERGE)
def old_gone(c: View) -> None:
    """The old service and its network are away. No points."""
    c.require(not leftovers(c), 0, ", ".join(leftovers(c)), final=bool(old_networks(c)))


@lab.check("emptied", ever=True, within=CONVERGE)
def emptied(c: View) -> None:
    """The node's tasks live elsewhere. No points."""
    here = [one for one in c.world.processes_of(c.p.service) if one.host == c.p.node]
    live, asked = len(c.world.live(c.p.service)), first(availabilities(c.events, c.p.node), "drain") is not None
    c.require(asked and not here and live == c.p.more, f"0 / {c.p.more}", f"{len(here)} / {live}", final=not asked)


@lab.check("whole", within=CONVERGE, stable=2)
def whole(c: View) -> None:
    """Every node is heard, and exactly as many processes live as are wanted. No points."""
    ready, of = sum(node.ready for node in c.world.nodes), len(c.world.swarm_hosts)
    alive, live = len(c.world.processes_of(c.p.service)), len(c.world.live(c.p.service))
    c.require(healed(c) is not None and ready == of and alive == live == c.p.more, f"{of} / {c.p.more}",
              f"{ready} / {alive}", final=healed(c) is None)


@lab.check("c3d", points=1, within=CONVERGE)
def cable_repaired(c: View) -> None:
    """The cable is in, and the node was neither struck off nor emptied for it."""
    spoilt = bool(c.events.of("node", "remove", name=c.p.silent) or closed_for_it(c))
    c.require(healed(c) is not None and not spoilt and c.world.node_state(c.p.silent) == "Ready, active",
              "Ready, active", c.world.node_state(c.p.silent) if cut(c) else "–", final=healed(c) is None or spoilt)


@lab.check("works", within=CONVERGE)
def works(c: View) -> None:
    """The node was worked on, and takes tasks again. No points."""
    state, rebooted = c.world.node_state(c.p.node), act(c.events, *POWER_OFF, host=c.p.node)
    c.require(rebooted is not None and state == "Ready, active", "Ready, active", state if rebooted else "–",
              final=rebooted is None or "active" not in state)


@lab.check("c3c", points=1)
def maintained(c: View) -> None:
    """Emptied, nothing lived there when the power went, given back."""
    power = [(event.t, "reboot") for event in c.events.of("lab", *POWER_OFF, host=c.p.node)]
    done = " < ".join(what for _, what in sorted(availabilities(c.events, c.p.node) + power)) or "–"
    c.require(done == ORDER, ORDER, done, alive="–")
    ours = {life.id for life in lives(c.events, c.p.service)} | {""}
    first = c.events.of("lab", *POWER_OFF, host=c.p.node)[0]
    alive = [one for one in first.data["before"][c.p.node] if one["container"] in ours]
    c.require(not alive, ORDER, done, alive=len(alive))


@lab.check("good", within=CONVERGE)
def good(c: View) -> None:
    """Every task answers with the good version, and nothing is under way. No points."""
    known, found = service(c), versions(c)
    c.require(known is not None and tag(known.image) == c.p.good, c.p.more, tag(known.image) if known else "–",
              final=True)
    c.require(found == {c.p.good: c.p.more} and not busy(c), c.p.more, in_words(found))


@lab.check("c3b", points=1, within=CONVERGE)
def rolled_back(c: View) -> None:
    """One rollback, asked for, completed, to the good version; and it is what the tasks serve."""
    begun = rollbacks(c, STARTED)
    c.require([asked_tag(event) for event in begun] == [c.p.good], c.p.good, ", ".join(map(asked_tag, begun)) or "–",
              final=True)
    c.require(bool(rollbacks(c, COMPLETED)), c.p.good, STARTED)
    found = versions(c)
    c.require(set(found) == {c.p.good}, c.p.good, in_words(found))


@lab.check("even", within=CONVERGE)
def evenly(c: View) -> None:
    """Every node has its share. No points."""
    rests = c.world.settled(c.p.service) and not busy(c)
    c.require(rests and not uneven(c), 1, uneven(c) or "…", final=rests)


@lab.check("night")
def night(c: View) -> None:
    """Everything that was to happen has happened. No points."""
    c.expect(len(rings(c.events)), equals=NIGHT, final=True)


@lab.check("c2a", needs=("night",), points=2, within=CONVERGE)
def right_ones(c: View) -> None:
    """The same service as in the evening: as many tasks as wanted, each serves the good version, each is reached."""
    same, found = same_service(c), versions(c)
    c.require(same and wanted(c) == c.p.more, c.p.more, wanted(c) if same else "–", final=True)
    c.require(found == {c.p.good: c.p.more}, c.p.more, in_words(found))
    live, got = {task.container[:12] for task in c.world.live(c.p.service)}, c.everybody(1, most=GENTLE)
    lately = [shot.text for shot in c.shots() if shot.good and shot.t > c.world.taken - WINDOW * c.speed]
    met = {one for one in live if one in got.by_container or any(one in text for text in lately)}
    c.require(met == live and not got.errors, c.p.more, len(met))


@lab.check("c2b", needs=("night",), points=2, within=CONVERGE)
def spread(c: View) -> None:
    """Every node works and has its share, and while it got it the service was never thinned out."""
    states = [c.world.node_state(host) for host in c.world.swarm_hosts]
    begun = rang(c.events, "spread")
    assert begun is not None
    lowest = fewest(lives(c.events, c.p.service), begun)
    facts = {"lowest": lowest, "ready": f"{states.count('Ready, active')}/{len(states)}"}
    c.require(lowest >= c.p.more - 2, 1, uneven(c) or "≤ 1", final=True, **facts)
    c.require(set(states) == {"Ready, active"} and not uneven(c), 1, uneven(c) or "≤ 1",
              final=c.world.settled(c.p.service), **facts)


@lab.check("c2c", needs=("night",), points=2, within=CONVERGE)
def clean(c: View) -> None:
    c.require(not leftovers(c), 0, ", ".join(leftovers(c)), final=bool(c.world.by_hand() or old_networks(c)))


def _available(code: str, least: float) -> None:
    @lab.check(code, needs=("night",), points=2)
    def seen(c: View) -> None:
        (begin, end), wrong = unheard(c), blind(c)
        shots = [shot for shot in c.shots() if not begin <= shot.t <= end]
        percent, facts = availability(shots), {"asked": len(shots), "lost": lost(shots)}
        c.require(not wrong, f"{least:g}", "–", final=True, **facts)
        c.require(percent >= least or lost(shots) <= FEW, f"{least:g}", f"{percent:.2f}", **facts)


for _code, _least in (("c1a", 95.0), ("c1b", 99.0), ("c1c", 99.9)):
    _available(_code, _least)


@lab.check("c4", needs=("night",), points=2)
def reported(c: View) -> None:
    """Each time is within a minute of the log's."""
    known = moments(c)
    off = [code for code, name in TIMES.items()
           if name not in known or not c.clocks.agrees(c.answer(code), known[name])]
    c.require(not off, len(TIMES), len(TIMES) - len(off), off=", ".join(off), final=True)


@lab.truth("P1")
def costly(c: View) -> str | None:
    """S: scaling, O: the old service's end, D: drain, C: the cable, R: the rollback; 0: none."""
    known, scaled = moments(c), [event.t for event in c.events.changes(c.p.service)]
    if len(rings(c.events)) < NIGHT or set(known) != set(TIMES.values()) or not scaled:
        return None
    first = {"S": rang(c.events, "campaign") or 0.0, "O": known["rm"], "D": known["drain"], "R": known["rollback"]}
    pulled = known["cut"]
    spans = {letter: (begun, min(begun + WINDOW, pulled - 0.5) if begun < pulled else begun + WINDOW)
             for letter, begun in first.items()} | {"C": unheard(c)}
    return " ".join(sorted(letter for letter, span in spans.items() if lost(c.shots(), *span))) or "0"


@lab.truth("P2")
def came_back_alone(c: View) -> str | None:
    """Started on the node between its being given back and the next change of the service."""
    rebooted = act(c.events, *POWER_OFF, host=c.p.node)
    back = first(availabilities(c.events, c.p.node), "active", rebooted.t) if rebooted else None
    event = released(c)
    if back is None or event is None:
        return None
    return str(len([life for life in lives(c.events, c.p.service)
                    if life.host == c.p.node and back < life.began < event.t]))


def at(c: View, name: str, said: str = "", less: float = 0.0) -> str | None:
    """When it happened; what was said of it, where that agrees."""
    known = moments(c)
    if said and name in known and c.clocks.agrees(said, known[name]):
        return said
    return c.clocks.text(known[name] - less) if name in known else None


# Which machine the manager does not hear, as `node ls` shows it; and a time at which nothing happened.
lab.truth("silent")(lambda c: next((node.name for node in c.world.nodes if not node.ready), None))
lab.truth("guess")(lambda c: at(c, "cut", less=47 * 60))
for _question, _name in TIMES.items():
    lab.truth(_question)(lambda c, code=_question, name=_name: at(c, name, c.said.get(code, "")))  # type: ignore[misc]


def told(holds: object, **facts: Any) -> dict[str, Any] | None:
    return facts if holds else None


def rebooted_first(c: View) -> bool:
    power = c.events.of("lab", *POWER_OFF, host=c.p.node)[:1]
    asked = first(availabilities(c.events, c.p.node), "drain")
    return bool(power) and (asked is None or asked > power[0].t)


def doors(c: View) -> str:
    """The machine through which the probe asks now, if it is one that will not stay."""
    return "".join(host for host in (c.p.node, c.p.silent) for shot in c.shots()[-1:] if f"//{host}" in shot.url)


def probe_stopped(c: View) -> bool:
    """At the end by its gaps; before, by whether it runs."""
    if len(rings(c.events)) == NIGHT:
        return blind(c) in ("stopped", "late")
    return bool(c.shots()) and c.run("client", ["test", "-e", PROBE_FLAG]).returncode != 0


def together(c: View) -> str:
    """How many tasks were made anew at a time, if it was not one; "" otherwise."""
    found = [number for number in map(parallelism, forced(c.events, c.p.service)) if number != 1]
    return str(found[0] or "∞") if found else ""


CLIENT = ("c1a", "c1b", "c1c")
lab.mistake("removed", "night", "sized", "good", "c2a", *CLIENT)(lambda c: told(service(c) is None))
lab.mistake("recreated", "night", "good", "c2a", *CLIENT)(lambda c: told(not same_service(c)))
lab.mistake("all_drained", "night", "emptied", "c2b", "c3c", *CLIENT)(
    lambda c: told(c.world.nodes and not any(node.active for node in c.world.nodes), n=len(c.world.nodes)))
lab.mistake("rebooted_first", "night", "emptied", "c3c")(lambda c: told(rebooted_first(c)))
lab.mistake("probed_through_node", "night", "probing", *CLIENT)(lambda c: told(doors(c), host=doors(c)))
lab.mistake("probe_stopped", "night", *CLIENT)(lambda c: told(probe_stopped(c)))
lab.mistake("fixed_by_hand", "night", "good", "c2a", "c2c", "c3b")(
    lambda c: told(c.world.by_hand(), which=", ".join(c.world.by_hand())))
lab.mistake("over_scaled", "night", "sized", "good", "c2a", "c3a", "c3b")(
    lambda c: told(wanted(c) > c.p.more, n=wanted(c)))
lab.mistake("forced_at_once", "night", "c2b", *CLIENT)(lambda c: told(together(c), together=together(c)))
lab.mistake("zeroed_old", "night", "gone", "c2c")(
    lambda c: told(c.p.old in c.world.services and c.world.services[c.p.old].wanted == 0))
lab.mistake("network_left", "night", "gone", "c2c")(
    lambda c: told(c.p.old not in c.world.services and old_networks(c)))
lab.mistake("node_removed", "night", "whole", "c2b", "c3d")(
    lambda c: next((told(True, node=event.name) for event in c.events.of("node", "remove")), None))
lab.mistake("drained_silent", "night", "whole", "c2b", "c3d")(lambda c: told(closed_for_it(c)))
lab.mistake("forgot_drained", "works", "c2b", "c3c")(
    lambda c: told("drain" in c.world.node_state(c.p.node) and act(c.events, *POWER_OFF, host=c.p.node)))
lab.mistake("double_rollback", "good", "c2a", "c3b")(
    lambda c: told(len(rollbacks(c, STARTED)) > 1, n=len(rollbacks(c, STARTED))))
lab.mistake("forward_fix", "c3b")(lambda c: told(back_to_good(c) and not rollbacks(c, STARTED)))
lab.mistake("frozen", "good", "c2a", "c3b")(
    lambda c: told(released(c) and not back_to_good(c), n=len(
        {life.slot for life in lives(c.events, c.p.service) if tag(life.image) == c.p.bad})))
lab.mistake("report_off", "c4")(lambda c: told(all(code in c.said for code in TIMES)))
