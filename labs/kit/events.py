"""Owns what happened in a lab's cluster, in order and with its time: the events of every host's engine, what services
and nodes were changed to, and what the kit itself did to hosts and cables. Reads and writes one file; judges nothing.

Times are monotonic seconds of this machine, one clock for all hosts and for the kernel's process start times.
A line is JSON: {"t", "host", "kind", "action", "name", "id", "data"}.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

EVENTS_FILE = "events.jsonl"
GIVEN = "given"
"""The act of putting a lab back as it was."""
ENTERED = "entered"
"""The student came to a step: `data["step"]`."""
PID = "pid"
"""Beside a started container: its first process, as its host counts."""
_lock = threading.Lock()


@dataclass(frozen=True)
class Event:
    """`kind`: container, service, node, network, secret, config, or `lab` for the kit's own acts. `name`: of the
    object (a node's host name). `data`: attributes; of changed services and nodes, their whole new object."""

    t: float
    host: str
    kind: str
    action: str
    name: str = ""
    id: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Events:
    """All so far, oldest first."""

    found: tuple[Event, ...] = ()

    def of(self, kind: str, *actions: str, name: str = "", host: str = "") -> list[Event]:
        """Those of one kind; narrowed by action, name and host where given."""
        return [event for event in self.found if event.kind == kind and (not actions or event.action in actions)
                and (not name or event.name == name) and (not host or event.host == host)]

    def __iter__(self) -> Iterator[Event]:
        return iter(self.found)

    def since_given(self) -> Events:
        """Without what was before the last time the lab was put back: that counts for nobody."""
        again = [number for number, event in enumerate(self.found) if (event.kind, event.action) == ("lab", GIVEN)]
        return Events(self.found[again[-1]:]) if again else self

    def entered(self) -> list[tuple[float, str]]:
        """When (monotonic seconds) the student came to which step."""
        return [(event.t, str(event.data.get("step", ""))) for event in self.of("lab", ENTERED)]

    def changes(self, service: str) -> list[Event]:
        """What a service was asked to be, each time it was created or updated: `data` is the API's object."""
        return [event for event in self.of("service", "create", "update", name=service) if event.data.get("Spec")]

    def node_changes(self, node: str) -> list[Event]:
        """The same for a node."""
        return [event for event in self.of("node", "create", "update", name=node) if event.data.get("Spec")]


def write(path: Path, events: Iterable[Event]) -> None:
    """Append. One `write` call for all: readers see whole lines."""
    text = "".join(json.dumps(asdict(event), separators=(",", ":")) + "\n" for event in events)
    with _lock, path.open("a", encoding="utf-8") as file:
        file.write(text)


def note(run_dir: Path, action: str, host: str = "", t: float | None = None, **data: Any) -> None:
    """The kit did something to the cluster: a host was powered off, a cable cut. `t`: when it began, else now."""
    write(run_dir / EVENTS_FILE, [Event(time.monotonic() if t is None else t, host, "lab", action, host, "", data)])


def read_events(path: Path) -> Events:
    """All that can be read; nothing where there is no file. A line cut short by a crash is passed over."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return Events()
    return Events(tuple(sorted(_parsed(lines), key=lambda event: event.t)))


def _parsed(lines: Iterable[str]) -> Iterator[Event]:
    for line in lines:
        try:
            yield Event(**json.loads(line))
        except (ValueError, TypeError):
            continue
