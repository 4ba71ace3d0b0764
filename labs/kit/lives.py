"""Owns what became of a service's containers: one life each, from start to end, out of the events of all hosts. Pure.

A host whose plug is pulled tells nobody that its containers ended: the kit's own act says so instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from labs.kit.events import Event, Events

SERVICE, TASK, IMAGE = "com.docker.swarm.service.name", "com.docker.swarm.task.name", "image"
POWER_OFF = ("poweroff", "reboot")
KILLED = 137


@dataclass(frozen=True)
class Life:
    """One container of a service. Times: monotonic seconds. `ended` None: it lives. `code`: its exit status, None
    with its host's power. `slot`: as in `web.3`; "" for a task of a global service."""

    id: str
    host: str
    slot: str
    image: str
    began: float
    ended: float | None = None
    code: int | None = None
    powered_off: bool = False

    def lived_at(self, t: float) -> bool:
        return self.began <= t and (self.ended is None or t < self.ended)


def lives(events: Events, service: str) -> list[Life]:
    """In the order they began."""
    found: dict[str, Life] = {}
    for event in events:
        if event.kind == "lab" and event.action in POWER_OFF:
            found |= {id_: replace(life, ended=event.t, powered_off=True) for id_, life in found.items()
                      if life.host == event.host and life.ended is None}
        elif event.kind == "container" and event.data.get(SERVICE) == service:
            if event.action == "start":
                found[event.id] = _born(event)
            elif event.action == "die" and event.id in found and found[event.id].ended is None:
                found[event.id] = replace(found[event.id], ended=event.t, code=_code(event))
    return sorted(found.values(), key=lambda life: life.began)


def _born(event: Event) -> Life:
    words = str(event.data.get(TASK) or event.name).split(".")
    return Life(event.id, event.host, words[1] if len(words) > 1 else "", str(event.data.get(IMAGE, "")), event.t)


def _code(event: Event) -> int | None:
    try:
        return int(event.data["exitCode"])
    except (KeyError, ValueError):
        return None


def fewest(found: Iterable[Life], since: float, until: float = float("inf")) -> int:
    """The smallest number alive at once, from `since` on."""
    found = list(found)
    moments = [since, *(life.ended for life in found if life.ended is not None and since <= life.ended <= until)]
    return min(sum(life.lived_at(moment) for life in found) for moment in moments)


def successor(found: Iterable[Life], life: Life) -> Life | None:
    """The next of the same place in the service; None as long as there is none."""
    return next((one for one in found if one.slot == life.slot and one.id != life.id
                 and life.ended is not None and one.began >= life.ended - 0.5), None)
