"""Owns what happened so far in a run: every settled state of every service, in order. Pure, and JSON on disk.

It answers the questions a single look cannot: who lived before the last change, what a scale-down left behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from labs.kit.world import Identity, LiveTask, World


@dataclass(frozen=True)
class Settled:
    """The service at rest: as many tasks live as were wanted."""

    wanted: int
    service_id: str
    tasks: tuple[LiveTask, ...]
    per_node: Mapping[str, int]

    @property
    def identities(self) -> frozenset[Identity]:
        return frozenset(task.identity for task in self.tasks)


@dataclass
class Past:
    """One service's rests. The first entry is the baseline: what the student was given, or first made."""

    entries: list[Settled] = field(default_factory=list)

    @property
    def baseline(self) -> Settled | None:
        return self.entries[0] if self.entries else None

    def before(self, wanted: int) -> Settled | None:
        """The last rest before the present wish for `wanted` tasks."""
        for entry in reversed(self.entries):
            if entry.wanted != wanted:
                return entry
        return None

    def at(self, wanted: int) -> Settled | None:
        """The last rest with this many tasks."""
        return next((entry for entry in reversed(self.entries) if entry.wanted == wanted), None)

    def reached(self, wanted: int) -> Settled | None:
        """The first rest with this many tasks, after the baseline."""
        return next((entry for entry in self.entries[1:] if entry.wanted == wanted), None)


@dataclass
class History:
    """Every service's past, by its name."""

    services: dict[str, Past] = field(default_factory=dict)

    def of(self, service: str) -> Past:
        """Empty for a service that never was at rest."""
        return self.services.setdefault(service, Past())

    def record(self, world: World) -> bool:
        """Add the present state of each service that is at rest, where it is new. True if something was added."""
        return bool([name for name in world.services if self._record(world, name)])

    def _record(self, world: World, service: str) -> bool:
        known, past = world.services[service], self.of(service)
        if not world.settled(service):
            return False
        entry = Settled(known.wanted, known.id, tuple(world.live(service)), world.per_node(service))
        if past.entries and _same(past.entries[-1], entry):
            return False
        past.entries.append(entry)
        return True

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        return {
            name: [{"wanted": entry.wanted, "service_id": entry.service_id, "per_node": dict(entry.per_node),
                    "tasks": [asdict(task) for task in entry.tasks]} for entry in past.entries]
            for name, past in self.services.items()
        }


def _same(one: Settled, other: Settled) -> bool:
    return (one.wanted, one.service_id, one.identities) == (other.wanted, other.service_id, other.identities)


def from_json(data: dict[str, list[dict[str, Any]]]) -> History:
    """What `to_json` wrote."""
    return History({name: Past([_settled(item) for item in items]) for name, items in data.items()})


def _settled(item: dict[str, Any]) -> Settled:
    tasks = tuple(LiveTask(**{**task, "identity": Identity(**task["identity"])}) for task in item["tasks"])
    return Settled(item["wanted"], item["service_id"], tasks, item["per_node"])
