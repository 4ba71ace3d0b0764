"""What lab 04 looks at. Points: 18 here, 2 for the predictions.

c1 asks every task itself, in its own network namespace; start times are the kernel's; the event log only gives the
order. What the service asks for (c2, c6) counts beside that, never instead.
"""

from __future__ import annotations

import os
from typing import Any

from labs.kit.checks import Checks
from labs.kit.events import Event
from labs.kit.lives import fewest, lives
from labs.kit.probe import Shot
from labs.kit.serving import in_words, tag, versions
from labs.kit.view import View

lab = Checks("04-rolling-update")
CONVERGE = 90.0
SLACK = 0.3
TICKS = os.sysconf("SC_CLK_TCK")


def image_of(event: Event) -> str:
    return tag(str(event.data["Spec"]["TaskTemplate"]["ContainerSpec"].get("Image", "")))


def policy_of(spec: Any) -> tuple[int, float]:
    """Tasks together and seconds between, as a service's specification says; what it leaves out is 1 and 0."""
    config = spec.get("UpdateConfig") or {}
    return int(config.get("Parallelism", 1)), float(config.get("Delay") or 0) / 1e9


def the_update(c: View) -> Event | None:
    """The change that asked for the new version."""
    return next((event for event in c.events.changes(c.p.service) if image_of(event) == c.p.new), None)


def starts(c: View) -> list[float]:
    """When the live tasks' processes started, seconds since boot, by the kernel."""
    return sorted(task.identity.start / TICKS for task in c.world.live(c.p.service))


@lab.check("old", within=CONVERGE)
def old(c: View) -> None:
    """On the way: everybody serves the first version. No points."""
    c.require(versions(c) == {c.p.old: c.p.replicas}, c.p.replicas, in_words(versions(c)))


@lab.check("probing", ever=True, poll=1)
def probing(c: View) -> None:
    """The probe sees the service. No points."""
    c.require(len([shot for shot in c.shots() if shot.good]) >= 10, 10, len(c.shots()))


@lab.check("c1", points=4, within=CONVERGE)
def new_version(c: View) -> None:
    found = versions(c)
    service = c.world.services.get(c.p.service)
    stopped = service is None or service.update.get("State") == "paused"
    c.require(found == {c.p.new: c.p.replicas}, c.p.replicas, in_words(found),
              final=stopped or the_update(c) is None)


@lab.check("c2", points=2)
def policy(c: View) -> None:
    update = the_update(c)
    c.require(update is not None and policy_of(update.data["Spec"]) == (c.p.parallelism, c.p.delay)
              and update.action == "update", f"{c.p.parallelism} / {c.p.delay} s",
              _policy_said(update))


def _policy_said(update: Event | None) -> str:
    return "–" if update is None else "{} / {:g} s".format(*policy_of(update.data["Spec"]))


@lab.check("c3", needs=("c1",), points=4)
def enough_alive(c: View) -> None:
    """At no moment fewer than replicas − p processes, counted from each host's starts and ends."""
    update, least = the_update(c), c.p.replicas - c.p.parallelism
    lowest = c.p.replicas if update is None else fewest(lives(c.events, c.p.service), _since(c, update))
    c.require(lowest >= least, least, lowest)


def _since(c: View, update: Event) -> float:
    """From the rest before the update on: a scale to 0 just before belongs to it."""
    olds = [event for event in c.events.changes(c.p.service) if event.t < update.t and image_of(event) == c.p.old]
    rest = [event.t for event in olds if _wanted(event) < c.p.replicas]
    return min([update.t, *rest])


def _wanted(event: Event) -> int:
    return int((event.data["Spec"].get("Mode", {}).get("Replicated") or {}).get("Replicas", 0))


@lab.check("c4", needs=("c1",), points=4)
def apart(c: View) -> None:
    """Any p+1 successive starts span a delay: each of the p places waits after its task."""
    found = starts(c)
    gaps = [later - first for first, later in zip(found, found[c.p.parallelism:], strict=False)]
    least = min(gaps, default=0.0)
    c.require(least >= c.p.delay - SLACK, c.p.delay, f"{least:.1f}")


def during(c: View) -> list[Shot]:
    """What the probe saw from just before the update on."""
    update = the_update(c)
    return [shot for shot in c.shots() if update is not None and shot.t >= update.t - 1]


@lab.check("c5", needs=("c1", "c3"), points=3, poll=1)
def no_hole(c: View) -> None:
    update, seen = the_update(c), during(c)
    watched = bool(seen) and update is not None and min(shot.t for shot in c.shots()) < update.t
    c.require(watched and len({shot.server for shot in seen if shot.good}) > 1, 0, "–", asked=len(seen), first="–")
    bad = [shot for shot in seen if not shot.good]
    c.require(not bad, 0, len(bad), asked=len(seen), first=(bad[0].status or bad[0].text[:60]) if bad else "–")


@lab.check("c6", needs=("c1",), points=1)
def previous_kept(c: View) -> None:
    spec = c.manager.get(f"/services/{c.p.service}").get("PreviousSpec") or {}
    image = (spec.get("TaskTemplate", {}).get("ContainerSpec") or {}).get("Image", "–")
    c.expect(tag(str(image)) or "–", equals=c.p.old)


@lab.truth("P1")
def least_seconds(c: View) -> str | None:
    """Whole delays between the first and the last start."""
    if the_update(c) is None or not c.world.settled(c.p.service) or versions(c) != {c.p.new: c.p.replicas}:
        return None
    found = starts(c)
    batches, begun = 0, found[0]
    for moment in found:
        if moment - begun >= c.p.delay - SLACK:
            batches, begun = batches + 1, moment
    return f"{batches * c.p.delay:g}"


@lab.truth("P2")
def client_saw_errors(c: View) -> str | None:
    seen = during(c)
    if not seen or not c.world.settled(c.p.service):
        return None
    return "no" if all(shot.good for shot in seen) else "yes"


@lab.mistake("recreated", "c1", "c2", "c3", "c4", "c5", "c6")
def _recreated(c: View) -> dict[str, Any] | None:
    service, baseline = c.world.services.get(c.p.service), c.history.baseline
    return {} if service and baseline and service.id != baseline.service_id else None


@lab.mistake("removed", "c1", "old")
def _removed(c: View) -> dict[str, Any] | None:
    return {} if c.p.service not in c.world.services else None


@lab.mistake("through_zero", "c3", "c4", "c5", "c6")
def _through_zero(c: View) -> dict[str, Any] | None:
    return {} if any(_wanted(event) == 0 for event in c.events.changes(c.p.service)) else None


def _update_now(c: View) -> Any:
    service = c.world.services.get(c.p.service)
    return service.update if service else {}


def _tag_now(c: View) -> str:
    service = c.world.services.get(c.p.service)
    return tag(service.image) if service else ""


@lab.mistake("missing_image", "c1", "c2")
def _missing(c: View) -> dict[str, Any] | None:
    errors = [str(task.get("Status", {}).get("Err") or "") for task in c.world.tasks_of(c.p.service)]
    return {"tag": _tag_now(c)} if any("no such image" in error.lower() for error in errors) else None


@lab.mistake("half_done", "c1", "c2")
def _half_done(c: View) -> dict[str, Any] | None:
    return {"why": _update_now(c).get("Message", "")} if _update_now(c).get("State") == "paused" else None


@lab.mistake("wrong_tag", "c1", "c2")
def _wrong_tag(c: View) -> dict[str, Any] | None:
    now = _tag_now(c)
    return {"tag": now} if now not in (c.p.new, c.p.old, "latest", "nginx", "") else None


@lab.mistake("forced", "c1", "c2")
def _forced(c: View) -> dict[str, Any] | None:
    service = c.world.services.get(c.p.service)
    return {} if service and service.force and the_update(c) is None else None


@lab.mistake("pulled_only", "c1", "c2")
def _pulled_only(c: View) -> dict[str, Any] | None:
    if the_update(c) is not None:
        return None
    hosts = {event.host for event in c.events.of("image", "pull")}
    return {"hosts": ", ".join(sorted(hosts))} if hosts else None


@lab.mistake("policy_too_late", "c2", "c3", "c4")
def _too_late(c: View) -> dict[str, Any] | None:
    service, update = c.world.services.get(c.p.service), the_update(c)
    wanted = (c.p.parallelism, float(c.p.delay))
    if service is None or update is None or policy_of(update.data["Spec"]) == wanted:
        return None
    late = [event for event in c.events.changes(c.p.service)
            if event.t > update.t and policy_of(event.data["Spec"]) == wanted]
    return {"seconds": f"{late[0].t - update.t:.0f}"} if late else None


@lab.mistake("all_at_once", "c2", "c3", "c4", "c5")
def _all_at_once(c: View) -> dict[str, Any] | None:
    update = the_update(c)
    return {} if update is not None and policy_of(update.data["Spec"])[0] == 0 else None


@lab.mistake("no_delay", "c2", "c4")
def _no_delay(c: View) -> dict[str, Any] | None:
    update = the_update(c)
    return {} if update is not None and policy_of(update.data["Spec"])[1] == 0 else None
