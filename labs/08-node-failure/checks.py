"""What lab 08 looks at. Points: 18 here, 2 for the predictions.

Whether a host lives is asked of the kernel, also where the manager cannot hear it; what lived when a cable was
plugged in again was written down by that act. When the manager gave a node up is told by its own events.
"""

from __future__ import annotations

from typing import Any

from labs.kit.checks import Checks
from labs.kit.events import Event
from labs.kit.lives import lives
from labs.kit.probing import availability
from labs.kit.view import View

lab = Checks("08-node-failure")
CONVERGE = 90.0
GOOD_PERCENT = 99.0
CLOSE, LOOSE = 1.5, 4.0
"""Seconds that an answer may be off: above by more, as it is asked again of a replay, and where it was measured the
machine may have had more to do."""
MARGIN = 1.0
"""Seconds after a node is given up until the last request that was on its way there can be over."""


def act(c: View, what: str, host: str) -> Event | None:
    """The last time this was done to a host."""
    found = c.events.of("lab", what, host=host)
    return found[-1] if found else None


def down(c: View, host: str, after: float) -> float | None:
    """When the manager gave the node up, after that moment."""
    return next((event.t for event in c.events.of("node", "update", name=host)
                 if event.t > after and event.data.get("Attributes", {}).get("state.new") == "down"), None)


def wanted(event: Event) -> int:
    return int((event.data["Spec"].get("Mode", {}).get("Replicated") or {}).get("Replicas", 0))


def node_state(c: View, host: str) -> str:
    node = next((node for node in c.world.nodes if node.name == host), None)
    return "–" if node is None else "Ready" if node.ready else "Down"


def numbers(c: View) -> set[int]:
    return {wanted(event) for event in c.events.changes(c.p.service)} or {c.p.replicas}


def elsewhere(c: View, host: str) -> int:
    """Live tasks on all other hosts."""
    return len([task for task in c.world.live(c.p.service) if task.host != host])


def look_away(c: View, host: str, begun: Event | None, ended: Event | None) -> None:
    """The node is Down and all tasks live elsewhere. Raises Failed; at once where waiting would not help."""
    wish = f"Down / {c.p.replicas}"
    c.require(begun is not None, wish, "–", final=True)
    assert begun is not None
    spoilt = numbers(c) != {c.p.replicas} or node_state(c, host) == "–"
    early = ended is not None and ended.t > begun.t
    others = elsewhere(c, host)
    c.require(down(c, host, begun.t) is not None and node_state(c, host) == "Down" and others == c.p.replicas and
              not spoilt, wish, f"{node_state(c, host)} / {others}", final=spoilt or early)


@lab.check("probing", ever=True, poll=1)
def probing(c: View) -> None:
    """The probe sees the service. No points."""
    c.require(len([shot for shot in c.shots() if shot.good]) >= 10, 10, len(c.shots()))


@lab.check("c1", points=4, ever=True, within=CONVERGE)
def survived(c: View) -> None:
    """The host is off, its processes are gone, and the manager has put their successors elsewhere."""
    look_away(c, c.p.dead, act(c, "poweroff", c.p.dead), act(c, "start", c.p.dead))
    c.require(not c.world.up(c.p.dead) and not c.world.hosts[c.p.dead]["processes"], "Down", "–")


@lab.check("c6", needs=("c1",), points=2, ever=True)
def measured_silence(c: View) -> None:
    said, truth = float(c.answer("Q2")), silence(c)
    assert truth is not None
    low, high = sorted((truth, float(c.p.patience)))
    c.require(low - CLOSE <= said <= high + LOOSE, f"{truth:.1f}", f"{said:g}", final=True)


def silence(c: View) -> float | None:
    """Seconds from the power's end until the manager gave the node up."""
    begun = act(c, "poweroff", c.p.dead)
    end = down(c, c.p.dead, begun.t) if begun else None
    return None if begun is None or end is None else end - begun.t


@lab.check("ready", needs=("c1",), ever=True, within=CONVERGE)
def all_ready(c: View) -> None:
    """Every node is back. No points."""
    states = [node_state(c, host) for host in c.world.swarm_hosts]
    c.require(set(states) == {"Ready"}, len(states), states.count("Ready"), final=not c.world.up(c.p.dead))


@lab.check("silent", ever=True, within=CONVERGE)
def unheard(c: View) -> None:
    """The cable is pulled, the node is given up, and all tasks live elsewhere. No points."""
    look_away(c, c.p.silent, act(c, "cut", c.p.silent), act(c, "heal", c.p.silent))


def still_there(c: View) -> int | None:
    """How many of the service's containers live on the host that nobody hears, by its kernel; None if never cut."""
    begun, mended = act(c, "cut", c.p.silent), act(c, "heal", c.p.silent)
    end = down(c, c.p.silent, begun.t) if begun else None
    if begun is None or end is None:
        return None
    if mended is not None and mended.t > end:
        return counted(c, mended, c.p.silent)
    if node_state(c, c.p.silent) == "Down":
        return len([one for one in c.world.processes_of(c.p.service) if one.host == c.p.silent])
    return len([life for life in lives(c.events, c.p.service) if life.host == c.p.silent and life.lived_at(end)])


def counted(c: View, mended: Event, *hosts: str) -> int:
    """The service's containers on these hosts at the moment of that act."""
    ours = {life.id for life in lives(c.events, c.p.service)} | {""}
    return len([one for host in hosts for one in mended.data["before"].get(host, ()) if one["container"] in ours])


@lab.check("c2", needs=("silent",), points=4, ever=True)
def asked_the_machine(c: View) -> None:
    said, truth = float(c.answer("Q1")), still_there(c)
    c.require(bool(truth) and said == truth, truth, f"{said:g}", final=True)


@lab.check("c4", needs=("silent",), points=4, within=CONVERGE, stable=5)
def no_duplicates(c: View) -> None:
    """The cable is in, every node is Ready, and exactly the wanted processes live."""
    states = [node_state(c, host) for host in c.world.swarm_hosts]
    mended = act(c, "heal", c.p.silent) is not None or node_state(c, c.p.silent) == "Ready"
    alive, live = c.world.processes_of(c.p.service), c.world.live(c.p.service)
    c.require(mended and states.count("Ready") == len(states) and len(alive) == len(live) == c.p.replicas,
              c.p.replicas, len(alive), ready=f"{states.count('Ready')}/{len(states)}",
              final=not mended or not all(c.world.up(host) for host in c.world.swarm_hosts))


def windows(c: View) -> list[tuple[float, float]]:
    """From each node's being given up until its coming back, or now."""
    found = []
    for host, begin, end in ((c.p.dead, "poweroff", "start"), (c.p.silent, "cut", "heal")):
        begun, ended = act(c, begin, host), act(c, end, host)
        given_up = down(c, host, begun.t) if begun else None
        if given_up is not None:
            until = ended.t if ended else c.world.taken
            found.append((given_up + min(MARGIN * c.speed, (until - given_up) / 2), until))
    return found


@lab.check("c3", needs=("c1", "c4"), points=3, poll=1)
def client_served(c: View) -> None:
    """Once a node is given up, the probe loses nothing more."""
    shots, begun = c.shots(), act(c, "poweroff", c.p.dead)
    c.require(bool(shots) and begun is not None and shots[0].t < begun.t, f"{GOOD_PERCENT:g}", "–", asked=len(shots),
              final=True)
    seen = [[shot for shot in shots if start <= shot.t <= end] for start, end in windows(c)]
    every = [shot for part in seen for shot in part]
    c.require(bool(every) and availability(every) >= GOOD_PERCENT, f"{GOOD_PERCENT:g}", f"{availability(every):.2f}",
              asked=len(every))


@lab.check("c5", needs=("c1", "c4"), points=1)
def left_alone(c: View) -> None:
    """Nobody helped: no node was emptied or removed, no number changed, nothing forced."""
    helped = [event.name for event in c.events.of("node", "remove")]
    helped += [f"{event.name}: {event.data['Spec'].get('Availability')}" for event in c.events.of("node", "update")
               if event.data.get("Spec", {}).get("Availability", "active") != "active"]
    helped += [f"{c.p.service}: {number}" for number in numbers(c) - {c.p.replicas}]
    helped += ["--force" for event in c.events.changes(c.p.service)
               if event.data["Spec"]["TaskTemplate"].get("ForceUpdate")]
    c.require(not helped, 0, ", ".join(dict.fromkeys(helped)), final=True)


@lab.truth("P1")
def alive_without_it(c: View) -> str | None:
    begun, started = act(c, "poweroff", c.p.dead), act(c, "start", c.p.dead)
    if begun is None or down(c, c.p.dead, begun.t) is None:
        return None
    if started is None and not c.world.settled(c.p.service):
        return None
    end = started.t if started and started.t > begun.t else c.world.taken
    return str(sum(life.lived_at(end) for life in lives(c.events, c.p.service)))


@lab.truth("P2")
def alive_in_all(c: View) -> str | None:
    """All of the service's processes in the lab while the cable was pulled and the node given up."""
    begun, mended = act(c, "cut", c.p.silent), act(c, "heal", c.p.silent)
    if begun is None or down(c, c.p.silent, begun.t) is None:
        return None
    if mended is not None and mended.t > begun.t:
        return str(counted(c, mended, *c.world.swarm_hosts))
    settled = elsewhere(c, c.p.silent) == c.p.replicas and node_state(c, c.p.silent) == "Down"
    return str(len(c.world.processes_of(c.p.service))) if settled else None


@lab.truth("Q1")
def on_the_silent_one(c: View) -> str | None:
    number = still_there(c)
    return None if number is None else str(number)


@lab.truth("Q2")
def seconds_of_silence(c: View) -> str | None:
    seconds = silence(c)
    return None if seconds is None else str(round(seconds))


@lab.mistake("manager_off", "c1", "silent", "c4", "ready")
def _manager_off(c: View) -> dict[str, Any] | None:
    return {} if not c.world.up("manager1") else None


@lab.mistake("drained_first", "c1", "silent", "c5")
def _drained(c: View) -> dict[str, Any] | None:
    """Emptied while it still worked."""
    drains = [event for event in c.events.of("node", "update")
              if event.data.get("Spec", {}).get("Availability") == "drain"]
    return {"node": drains[0].name} if drains else None


@lab.mistake("node_removed", "c1", "silent", "c4", "c5")
def _removed(c: View) -> dict[str, Any] | None:
    gone = [event.name for event in c.events.of("node", "remove")]
    return {"node": gone[0]} if gone else None


@lab.mistake("scaled_to_compensate", "c1", "silent", "c5")
def _scaled(c: View) -> dict[str, Any] | None:
    others = numbers(c) - {c.p.replicas}
    return {"n": max(others)} if others else None


@lab.mistake("daemon_stopped", "c1", "silent")
def _daemon(c: View) -> dict[str, Any] | None:
    found = c.events.of("lab", "daemon-stop", "daemon-kill")
    return {"host": found[-1].host} if found and not act(c, "poweroff", c.p.dead) else None


@lab.mistake("started_too_early", "c1")
def _started_too_early(c: View) -> dict[str, Any] | None:
    begun, started = act(c, "poweroff", c.p.dead), act(c, "start", c.p.dead)
    if begun is None or started is None or started.t < begun.t:
        return None
    return {"seconds": f"{started.t - begun.t:.0f}"}


@lab.mistake("rebooted", "c1")
def _rebooted(c: View) -> dict[str, Any] | None:
    return {} if act(c, "reboot", c.p.dead) and not act(c, "poweroff", c.p.dead) else None


@lab.mistake("cut_not_off", "c1")
def _cut_not_off(c: View) -> dict[str, Any] | None:
    return {} if act(c, "cut", c.p.dead) and not act(c, "poweroff", c.p.dead) else None


@lab.mistake("off_wrong_host", "c1")
def _off_wrong(c: View) -> dict[str, Any] | None:
    others = {event.host for event in c.events.of("lab", "poweroff")} - {c.p.dead}
    return {"other": ", ".join(sorted(others))} if others and not act(c, "poweroff", c.p.dead) else None


@lab.mistake("healed_too_early", "silent")
def _healed_too_early(c: View) -> dict[str, Any] | None:
    begun, mended = act(c, "cut", c.p.silent), act(c, "heal", c.p.silent)
    if begun is None or mended is None or mended.t < begun.t:
        return None
    return {"seconds": f"{mended.t - begun.t:.0f}"}


@lab.mistake("cut_wrong_host", "silent")
def _cut_wrong(c: View) -> dict[str, Any] | None:
    others = {event.host for event in c.events.of("lab", "cut")} - {c.p.silent, c.p.dead}
    return {"other": ", ".join(sorted(others))} if others and not act(c, "cut", c.p.silent) else None


@lab.mistake("counted_in_ps", "c2")
def _counted_in_ps(c: View) -> dict[str, Any] | None:
    return {"truth": still_there(c)} if c.said.get("Q1") == "0" else None


@lab.mistake("counted_wrongly", "c2")
def _counted_wrongly(c: View) -> dict[str, Any] | None:
    return {"said": c.said["Q1"]} if "Q1" in c.said else None


@lab.mistake("forgot_heal", "c4")
def _forgot_heal(c: View) -> dict[str, Any] | None:
    return {} if act(c, "cut", c.p.silent) and node_state(c, c.p.silent) == "Down" else None
