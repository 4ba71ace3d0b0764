"""Owns what the numbers of one cluster mean: which container, task or node an id stands for, out of the events
of all hosts. Pure. Asked of the student's cluster when a hand-in is made, and of the replay's when it is typed again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from labs.kit.events import PID, Event

SERVICE, TASK_NAME, TASK = ("com.docker.swarm.service.name", "com.docker.swarm.task.name", "com.docker.swarm.task.id")
OBJECTS = ("node", "service", "network", "secret", "config")
EARLY = 0.5
"""Seconds that a line may seem to be typed before the event of what it speaks of."""


@dataclass(frozen=True)
class Box:
    """One container. `slot`: of its service; "" for one that was made by hand, which then is the `nth` of its host.
    Times: seconds on the events' clock."""

    id: str
    host: str
    name: str
    service: str = ""
    slot: str = ""
    task: str = ""
    nth: int = 0
    made: float = 0.0
    starts: tuple[tuple[float, int], ...] = ()
    ends: tuple[float, ...] = ()
    gone: float | None = None

    def there(self, at: float) -> bool:
        """Is there such a container, living or not?"""
        return self.made <= at + EARLY and (self.gone is None or at <= self.gone)

    def lives(self, at: float) -> bool:
        began = max((t for t, _ in self.starts if t <= at + EARLY), default=None)
        return began is not None and not any(began <= end < at for end in self.ends)

    def has(self, pid: int, at: float) -> bool:
        """Was this its first process at that time? What it ends by may be told before it is."""
        return any(number == pid and began <= at + EARLY and not any(began <= end < at - EARLY for end in self.ends)
                   for began, number in self.starts)


@dataclass
class Register:
    """`objects`: id of a node, service, network, … → (kind, name)."""

    boxes: dict[str, Box] = field(default_factory=dict)
    objects: dict[str, tuple[str, str]] = field(default_factory=dict)

    def on(self, host: str) -> list[Box]:
        """In the order they were made."""
        return sorted((box for box in self.boxes.values() if box.host == host), key=lambda box: box.made)


def registered(events: Iterable[Event]) -> Register:
    """All that these events tell."""
    found = Register()
    for event in events:
        if event.kind == "container":
            _container(found, event)
        elif event.kind in OBJECTS and event.id and event.name:
            found.objects[event.id] = (event.kind, event.name)
    return found


def _container(found: Register, event: Event) -> None:
    box = found.boxes.get(event.id) or _new(found, event)
    if event.action == "start":
        pid = int(event.data.get(PID) or 0)
        box = replace(box, starts=(*box.starts, (event.t, pid)))
    elif event.action == "die":
        box = replace(box, ends=(*box.ends, event.t))
    elif event.action == "destroy":
        box = replace(box, gone=event.t)
    found.boxes[event.id] = box


def _new(found: Register, event: Event) -> Box:
    service, words = str(event.data.get(SERVICE, "")), str(event.data.get(TASK_NAME) or event.name).split(".")
    nth = sum(not box.service for box in found.boxes.values() if box.host == event.host)
    return Box(event.id, event.host, event.name, service, words[1] if service and len(words) > 1 else "",
               str(event.data.get(TASK, "")), 0 if service else nth, event.t)
