"""What lab 06 looks at. Points: 18 here, 2 for the predictions.

c1 asks every task itself; which tasks the bad version reached, and which it did not, is told by starts and ends of
containers and the kernel's start times. The service's own word (c2, c5) is believed only beside those.
"""

from __future__ import annotations

from typing import Any

from labs.kit.checks import Checks
from labs.kit.events import Event
from labs.kit.lives import KILLED, Life, lives
from labs.kit.probing import availability
from labs.kit.serving import in_words, tag, versions
from labs.kit.view import View

lab = Checks("06-rollback")
CONVERGE = 90.0
GOOD_PERCENT = 99.0
BY_HAND, BY_ITSELF = "manually requested", "rolled back due to"
STARTED, COMPLETED = "rollback_started", "rollback_completed"
PAGE = "1.20-broken-page"


def asked_tag(event: Event) -> str:
    """The version that this change asked for."""
    return tag(str(event.data["Spec"]["TaskTemplate"]["ContainerSpec"].get("Image", "")))


def tag_now(c: View) -> str:
    service = c.world.services.get(c.p.service)
    return tag(service.image) if service else "–"


def wanted(event: Event) -> int:
    return int((event.data["Spec"].get("Mode", {}).get("Replicated") or {}).get("Replicas", 0))


def states(c: View, state: str) -> list[Event]:
    """When the service's update came to this state."""
    return [event for event in c.events.changes(c.p.service)
            if event.data.get("Attributes", {}).get("updatestate.new") == state]


def by_itself(event: Event) -> bool:
    """Was this rollback begun by the policy? Its message says so; where the next message came first, the state
    it came from and the policy do."""
    message = str((event.data.get("UpdateStatus") or {}).get("Message", ""))
    if BY_HAND in message or BY_ITSELF in message:
        return BY_ITSELF in message
    policy = str((event.data["Spec"].get("UpdateConfig") or {}).get("FailureAction", ""))
    return policy == "rollback" and event.data.get("Attributes", {}).get("updatestate.old") == "updating"


def rollbacks(c: View, alone: bool) -> list[tuple[Event, Event | None]]:
    """Each rollback of one kind that asked for the good version, with its completion."""
    begun = [event for event in states(c, STARTED) if by_itself(event) is alone and asked_tag(event) == c.p.good]
    ends = states(c, COMPLETED)
    return [(event, next((end for end in ends if end.t >= event.t), None)) for event in begun]


def bad_lives(c: View) -> list[Life]:
    return [life for life in lives(c.events, c.p.service) if tag(life.image) in (c.p.bad, c.p.bad_auto)]


@lab.check("probing", ever=True, poll=1)
def probing(c: View) -> None:
    """The probe sees the service. No points."""
    c.require(len([shot for shot in c.shots() if shot.good]) >= 10, 10, len(c.shots()))


@lab.check("c4", points=2, ever=True, within=CONVERGE)
def bad_ran(c: View) -> None:
    """A container of the bad version ran: it ended by itself, or answered badly."""
    found = [life for life in bad_lives(c) if tag(life.image) == c.p.bad]
    ended = [life for life in found if life.code not in (None, 0, KILLED)]
    c.require(bool(found if c.p.page else ended), 1, len(found), final=not found and tag_now(c) != c.p.bad)


@lab.check("good", within=CONVERGE)
def good(c: View) -> None:
    """On the way: everybody serves the good version. No points."""
    found = versions(c)
    c.require(found == {c.p.good: c.p.replicas}, c.p.replicas, in_words(found), final=tag_now(c) != c.p.good)


@lab.check("c2", needs=("c4",), points=4, ever=True, within=CONVERGE)
def rolled_back(c: View) -> None:
    """A rollback that somebody asked for was completed, and the tasks serve the good version."""
    found = rollbacks(c, alone=False)
    c.require(bool(found), COMPLETED, "–", final=True)
    c.require(any(end is not None for _, end in found), COMPLETED, STARTED)
    live = versions(c)
    c.require(live == {c.p.good: c.p.replicas}, COMPLETED, in_words(live))


@lab.check("worse", needs=("c2",), ever=True, within=CONVERGE)
def worse(c: View) -> None:
    """The second --rollback: the bad version is back, and a container of it started. No points."""
    first = rollbacks(c, alone=False)[0][0].t
    changed = [event for event in states(c, STARTED) if event.t > first and asked_tag(event) == c.p.bad]
    c.require(bool(changed), c.p.bad, tag_now(c), final=True)
    c.require(any(life.began > changed[0].t for life in bad_lives(c)), c.p.bad, tag_now(c))


@lab.check("policy", needs=("c2",))
def policy(c: View) -> None:
    """The service goes back by itself from now on. No points."""
    service = c.world.services.get(c.p.service)
    config = (service.spec.get("UpdateConfig") if service else None) or {}
    monitor = float(config.get("Monitor") or 0) / 1e9
    action = str(config.get("FailureAction") or "pause")
    c.require(action == "rollback" and monitor == c.p.monitor, f"rollback / {c.p.monitor} s",
              f"{action} / {monitor:g} s", final=True)


@lab.check("c5", needs=("c2",), points=3, within=CONVERGE)
def by_policy(c: View) -> None:
    """A rollback that nobody asked for was completed, after a container of the bad version ended by itself."""
    found = rollbacks(c, alone=True)
    service = c.world.services.get(c.p.service)
    action = ((service.spec.get("UpdateConfig") if service else None) or {}).get("FailureAction")
    c.require(bool(found), COMPLETED, "–", final=tag_now(c) == c.p.good or action != "rollback")
    event, end = found[-1]
    failed = [life for life in bad_lives(c) if life.code not in (None, 0, KILLED) and life.began < event.t + 1]
    c.require(end is not None and bool(failed), COMPLETED, STARTED)


@lab.check("c1", needs=("c2",), points=4, within=CONVERGE)
def all_good(c: View) -> None:
    found = versions(c)
    c.require(found == {c.p.good: c.p.replicas}, c.p.replicas, in_words(found), final=tag_now(c) != c.p.good)


def untouched(c: View) -> tuple[int, int]:
    """How many first tasks, of places that no bad version reached, live on; of how many."""
    baseline = c.history.baseline
    reached = {life.slot for life in bad_lives(c)}
    should = [task for task in (baseline.tasks if baseline else ()) if str(task.slot) not in reached]
    return sum(c.world.alive(task.identity) for task in should), len(should)


@lab.check("c3", needs=("c4", "c2"), points=3)
def others_kept(c: View) -> None:
    service, baseline = c.world.services.get(c.p.service), c.history.baseline
    kept, of = untouched(c)
    same = service is not None and baseline is not None and service.id == baseline.service_id
    c.require(same and kept == of and (of > 0 or c.p.page), of, kept)


@lab.check("c6", needs=("c1", "c5"), points=2, poll=1)
def client_served(c: View) -> None:
    """The probe, from before the bad version; an error page counts from the last return by hand on."""
    shots, first_bad = c.shots(), bad_lives(c)[0].began
    c.require(bool(shots) and shots[0].t < first_bad, f"{GOOD_PERCENT:g}", "–", asked=len(shots), final=True)
    since = max((end.t for _, end in rollbacks(c, alone=False) if end), default=0.0) + 1 if c.p.page else 0.0
    seen = [shot for shot in shots if shot.t >= since]
    percent = availability(seen)
    c.require(percent >= GOOD_PERCENT, f"{GOOD_PERCENT:g}", f"{percent:.2f}", asked=len(seen))


@lab.truth("P1")
def untouched_restart(c: View) -> str | None:
    if not any(end for _, end in rollbacks(c, alone=False)):
        return None
    kept, of = untouched(c)
    return "no" if kept == of else "yes"


@lab.truth("P2")
def bad_again(c: View) -> str | None:
    found = rollbacks(c, alone=False)
    second = [event for event in states(c, STARTED) if found and event.t > found[0][0].t and not by_itself(event)]
    return None if not second else "yes" if asked_tag(second[0]) == c.p.bad else "no"


@lab.mistake("recreated", "c1", "c2", "c3", "c4", "good")
def _recreated(c: View) -> dict[str, Any] | None:
    service, baseline = c.world.services.get(c.p.service), c.history.baseline
    return {} if baseline and (service is None or service.id != baseline.service_id) else None


@lab.mistake("through_zero", "c1", "c2", "c3", "good")
def _through_zero(c: View) -> dict[str, Any] | None:
    return {} if any(wanted(event) == 0 for event in c.events.changes(c.p.service)) else None


@lab.mistake("other_version", "c4")
def _other(c: View) -> dict[str, Any] | None:
    now = tag_now(c)
    return {"tag": now} if now not in (c.p.good, c.p.bad, c.p.bad_auto, PAGE, "–") else None


@lab.mistake("scaled_then_rolled_back", "c1", "c2", "good")
def _scaled(c: View) -> dict[str, Any] | None:
    """The last change before --rollback was the number."""
    found = c.events.changes(c.p.service)
    for before, change, after in zip(found, found[1:], found[2:], strict=False):
        same = asked_tag(before) == asked_tag(change) == asked_tag(after)
        if wanted(before) != wanted(change) and same and asked_tag(after) != c.p.good:
            return {"n": wanted(change)} if states(c, STARTED) else None
    return None


@lab.mistake("double_rollback", "c1", "good")
def _double(c: View) -> dict[str, Any] | None:
    number = len([event for event in states(c, STARTED) if not by_itself(event)])
    return {"n": number} if tag_now(c) != c.p.good and number and number % 2 == 0 else None


@lab.mistake("killed_bad_tasks", "c1", "c2", "good")
def _killed(c: View) -> dict[str, Any] | None:
    killed = [life for life in lives(c.events, c.p.service) if life.code == KILLED]
    return {"n": len(killed)} if killed and tag_now(c) != c.p.good else None


@lab.mistake("forward_fix", "c2")
def _forward(c: View) -> dict[str, Any] | None:
    ran = bool(bad_lives(c))
    return {} if ran and tag_now(c) == c.p.good and not states(c, STARTED) else None


@lab.mistake("looks_fine", "c1", "c2", "c4", "good")
def _looks_fine(c: View) -> dict[str, Any] | None:
    return {"n": len(c.world.live(c.p.service))} if tag_now(c) == PAGE else None


@lab.mistake("waited", "c1", "c2", "good")
def _waited(c: View) -> dict[str, Any] | None:
    service = c.world.services.get(c.p.service)
    paused = service is not None and service.update.get("State") == "paused"
    return {"why": service.update.get("Message", "")} if service and paused and not states(c, STARTED) else None


@lab.mistake("continued", "c5", "policy")
def _continued(c: View) -> dict[str, Any] | None:
    actions = [str((event.data["Spec"].get("UpdateConfig") or {}).get("FailureAction", ""))
               for event in c.events.changes(c.p.service)]
    return {} if "continue" in actions else None


@lab.mistake("rolled_back_by_hand", "c5")
def _by_hand(c: View) -> dict[str, Any] | None:
    """The bad version came twice, and went twice by a human hand."""
    number = len(rollbacks(c, alone=False))
    asked = [event for event in c.events.changes(c.p.service) if event.action == "update" and asked_tag(event) in (
        c.p.bad, c.p.bad_auto) and "image.new" in event.data.get("Attributes", {})
        and event.data["Attributes"].get("updatestate.new") not in (STARTED,)]
    return {"n": number} if number > 1 and len(asked) > 1 else None
