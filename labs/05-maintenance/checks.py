"""What lab 05 looks at. Points: 18 here, 2 for the predictions.

What lived on the node when its power went is the kernel's word, written down by the act itself; what came back and
what was replaced are starts and ends of containers; the node's work for the client is judged by the probe.
"""

from __future__ import annotations

from typing import Any

from labs.kit.checks import Checks, NotYet
from labs.kit.events import Event
from labs.kit.lives import POWER_OFF, fewest, lives
from labs.kit.predictions import split
from labs.kit.probing import availability
from labs.kit.view import View

lab = Checks("05-maintenance")
CONVERGE = 60.0
GOOD_PERCENT = 99.0
SLACK = 0.3
PORT = ":2377"
ORDER = "drain < reboot < active"


def wishes(c: View, node: str = "") -> list[tuple[float, str]]:
    """When the node's availability was changed, and to what."""
    found: list[tuple[float, str]] = []
    for event in c.events.node_changes(node or c.p.node):
        value = str(event.data["Spec"].get("Availability", ""))
        if value != (found[-1][1] if found else "active"):
            found.append((event.t, value))
    return found


def first(found: list[tuple[float, str]], value: str, after: float = 0.0) -> float | None:
    return next((t for t, what in found if what == value and t > after), None)


def reboot(c: View) -> Event | None:
    """The last time the node lost its power."""
    found = c.events.of("lab", *POWER_OFF, host=c.p.node)
    return found[-1] if found else None


def done(c: View) -> str:
    """What was done to the node, in order: `drain < reboot < active`."""
    power = [(event.t, "reboot") for event in c.events.of("lab", *POWER_OFF, host=c.p.node)]
    return " < ".join(what for _, what in sorted(wishes(c) + power)) or "–"


def forced(c: View) -> Event | None:
    """The change that raised the force counter after the node was given back."""
    back = given_back(c)
    before = 0
    for event in c.events.changes(c.p.service):
        counter = int(event.data["Spec"]["TaskTemplate"].get("ForceUpdate") or 0)
        if counter > before and back is not None and event.t > back:
            return event
        before = counter
    return None


def given_back(c: View) -> float | None:
    event = reboot(c)
    return first(wishes(c), "active", event.t) if event else None


def wanted(event: Event) -> int:
    return int((event.data["Spec"].get("Mode", {}).get("Replicated") or {}).get("Replicas", 0))


@lab.check("probing", ever=True, poll=1)
def probing(c: View) -> None:
    """The probe sees the service. No points."""
    c.require(len([shot for shot in c.shots() if shot.good]) >= 10, 10, len(c.shots()))


@lab.check("emptied", within=CONVERGE, ever=True)
def emptied(c: View) -> None:
    """The node's tasks live elsewhere. No points."""
    live = c.world.live(c.p.service)
    here = [identity for identity in c.world.processes_of(c.p.service) if identity.host == c.p.node]
    asked = any(node.name == c.p.node and node.availability == "drain" for node in c.world.nodes)
    c.require(asked and not here and len(live) == c.p.replicas, f"0 / {c.p.replicas}", f"{len(here)} / {len(live)}",
              final=not asked)


@lab.check("c1", points=4)
def nothing_lived(c: View) -> None:
    """At the reboot the kernel showed no container of the service there."""
    event = reboot(c)
    c.require(event is not None, 0, "–", final=True)
    assert event is not None
    ours = {life.id for life in lives(c.events, c.p.service)} | {""}
    c.expect(len([one for one in event.data["before"][c.p.node] if one["container"] in ours]), equals=0, final=True)


@lab.check("c3", points=3)
def in_order(c: View) -> None:
    drained, event, back = first(wishes(c), "drain"), reboot(c), given_back(c)
    c.require(drained is not None and event is not None and back is not None and drained < event.t, ORDER, done(c))


@lab.check("c4", needs=("c3",), points=2, within=CONVERGE)
def works_again(c: View) -> None:
    """Ready, active, and connected to the manager."""
    node = next((node for node in c.world.nodes if node.name == c.p.node), None)
    c.require(node is not None and node.ready and node.active, "Ready, Active", "–" if node is None else (
        f"{'Ready' if node.ready else 'Down'}, {node.availability}"))
    lines = c.run(c.p.node, ["ss", "-Htn", "state", "established"]).stdout.splitlines()
    c.require(any(line.split()[-1].endswith(PORT) for line in lines if line.strip()), PORT, "–")


@lab.check("waited", needs=("c3",), ever=True)
def waited(c: View) -> None:
    """Time enough has passed to see whether anything comes back. No points."""
    left = (given_back(c) or 0.0) + c.p.patience - c.world.taken
    if left > 0 and forced(c) is None:
        raise NotYet(0, returned(c), left + 0.1)


def returned(c: View) -> int:
    """How many tasks started there after the node was given back and before anything was forced."""
    back, event = given_back(c), forced(c)
    end = event.t if event else c.world.taken
    return len([life for life in lives(c.events, c.p.service)
                if life.host == c.p.node and back is not None and back < life.began < end])


@lab.check("c5", needs=("c3",), points=3, within=CONVERGE)
def spread(c: View) -> None:
    counts = {node.name: 0 for node in c.world.nodes}
    for task in c.world.live(c.p.service):
        counts[task.host] = counts.get(task.host, 0) + 1
    c.require(max(counts.values()) - min(counts.values()) <= 1 and counts.get(c.p.node, 0) >= 1, 1,
              split(counts.values()), final=c.world.settled(c.p.service) and forced(c) is None,
              counts=", ".join(f"{name}: {count}" for name, count in counts.items()))


@lab.check("c6", needs=("c3",), points=3, within=CONVERGE)
def all_anew(c: View) -> None:
    """--force replaced every task, one at a time, and changed no number."""
    event = forced(c)
    c.require(event is not None, c.p.replicas, "–", lowest="–", final=True)
    assert event is not None
    numbers = {wanted(change) for change in c.events.changes(c.p.service)}
    c.require(numbers == {c.p.replicas}, c.p.replicas, ", ".join(map(str, sorted(numbers))), lowest="–", final=True)
    found = lives(c.events, c.p.service)
    alive = {task.container for task in c.world.live(c.p.service)}
    fresh = len([life for life in found if life.id in alive and life.began > event.t - SLACK])
    lowest = fewest(found, event.t - SLACK)
    c.require(lowest >= c.p.replicas - 1, c.p.replicas, fresh, lowest=lowest, final=True)
    c.require(fresh == len(alive) == c.p.replicas, c.p.replicas, fresh, lowest=lowest)


@lab.check("c2", needs=("c5", "c6"), points=3, poll=1)
def client_served(c: View) -> None:
    """The probe saw it all, from before the drain to after --force, through a node that stayed."""
    shots, drained, event = c.shots(), first(wishes(c), "drain"), forced(c)
    assert drained is not None and event is not None
    through = {shot.url.partition("://")[2].partition("/")[0].partition(":")[0] for shot in shots}
    c.require(bool(shots) and c.p.node not in through, f"{GOOD_PERCENT:g}", "–", asked=len(shots), final=bool(shots))
    c.require(shots[0].t < drained and shots[-1].t > event.t, f"{GOOD_PERCENT:g}", "–", asked=len(shots),
              final=shots[0].t >= drained)
    percent = availability(shots)
    c.require(percent >= GOOD_PERCENT, f"{GOOD_PERCENT:g}", f"{percent:.2f}", asked=len(shots))


@lab.truth("P1")
def came_back_alone(c: View) -> str | None:
    back = given_back(c)
    if back is None or (forced(c) is None and c.world.taken < back + c.p.patience):
        return None
    return str(returned(c))


@lab.truth("P2")
def others_restarted(c: View) -> str | None:
    """Did --force touch the tasks of the nodes that nobody maintained?"""
    event = forced(c)
    if event is None or not c.world.settled(c.p.service):
        return None
    others = [life for life in lives(c.events, c.p.service)
              if life.lived_at(event.t - SLACK) and life.host != c.p.node]
    return "yes" if all(life.ended is not None for life in others) else "no"


@lab.mistake("all_drained", "emptied", "c1", "c3")
def _all_drained(c: View) -> dict[str, Any] | None:
    return {"n": len(c.world.nodes)} if c.world.nodes and not any(node.active for node in c.world.nodes) else None


@lab.mistake("wrong_node", "emptied", "c1", "c3")
def _wrong_node(c: View) -> dict[str, Any] | None:
    others = [node.name for node in c.world.nodes if node.name != c.p.node and wishes(c, node.name)]
    return {"other": others[0]} if others and not wishes(c) else None


@lab.mistake("node_removed", "emptied", "c1", "c3", "c4")
def _removed(c: View) -> dict[str, Any] | None:
    return {} if c.world.nodes and c.p.node not in {node.name for node in c.world.nodes} else None


@lab.mistake("swarm_left", "emptied", "c1", "c3", "c4")
def _left(c: View) -> dict[str, Any] | None:
    node = next((node for node in c.world.nodes if node.name == c.p.node), None)
    if node is None or node.ready or not c.world.up(c.p.node):
        return None
    return {} if c.engine(c.p.node).get("/info")["Swarm"]["LocalNodeState"] == "inactive" else None


@lab.mistake("paused_not_drained", "emptied", "c1", "c3")
def _paused(c: View) -> dict[str, Any] | None:
    changes, event = wishes(c), reboot(c)
    paused = first(changes, "pause")
    if paused is None or first(changes, "drain") is not None:
        return None
    return {"n": len(event.data["before"][c.p.node]) if event else len(
        [one for one in c.world.processes_of(c.p.service) if one.host == c.p.node])}


@lab.mistake("stopped_by_hand", "emptied", "c1", "c3")
def _by_hand(c: View) -> dict[str, Any] | None:
    """Containers ended there though nobody wanted the node empty."""
    event = reboot(c)
    ends = [life for life in lives(c.events, c.p.service) if life.host == c.p.node and life.ended is not None
            and not life.powered_off and (event is None or life.ended < event.t)]
    return {"n": len(ends)} if ends and not wishes(c) else None


@lab.mistake("rebooted_first", "c1", "c3")
def _rebooted_first(c: View) -> dict[str, Any] | None:
    event, drained = reboot(c), first(wishes(c), "drain")
    if event is None or (drained is not None and drained < event.t):
        return None
    return {"n": len(event.data["before"][c.p.node])}


@lab.mistake("not_empty_yet", "c1")
def _not_empty(c: View) -> dict[str, Any] | None:
    event = reboot(c)
    return {"n": len(event.data["before"][c.p.node])} if event else None


@lab.mistake("forgot_active", "c3", "c4")
def _forgot(c: View) -> dict[str, Any] | None:
    closed = any(node.name == c.p.node and node.availability != "active" for node in c.world.nodes)
    return {} if closed and reboot(c) is not None else None


@lab.mistake("recreated", "c6")
def _recreated(c: View) -> dict[str, Any] | None:
    service, baseline = c.world.services.get(c.p.service), c.history.baseline
    return {} if baseline and (service is None or service.id != baseline.service_id) else None


@lab.mistake("balanced_by_scaling", "c6")
def _scaled(c: View) -> dict[str, Any] | None:
    numbers = [wanted(change) for change in c.events.changes(c.p.service)]
    steps = [number for number, before in zip(numbers, [c.p.replicas, *numbers], strict=False) if number != before]
    return {"times": len(steps)} if steps else None


@lab.mistake("all_at_once", "c6")
def _all_at_once(c: View) -> dict[str, Any] | None:
    event = forced(c)
    config = (event.data["Spec"].get("UpdateConfig") or {}) if event else {}
    number = int(config.get("Parallelism", 1))
    return {"together": number or "∞"} if number != 1 else None


@lab.mistake("probed_through_node", "c2")
def _through_node(c: View) -> dict[str, Any] | None:
    return {} if any(f"//{c.p.node}" in shot.url for shot in c.shots()) else None


@lab.mistake("probed_too_late", "c2")
def _too_late(c: View) -> dict[str, Any] | None:
    shots, drained = c.shots(), first(wishes(c), "drain")
    return {} if drained is not None and (not shots or shots[0].t >= drained) else None
