"""Owns typing a line in another cluster than it was typed in first: each number that it names something by becomes
that of its counterpart there. What has none is said, and costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from labs.kit.engine_client import Engine, EngineError
from labs.kit.events import Events
from labs.kit.grading.handin import Command
from labs.kit.grading.literals import CONTAINER, NAME, NAMESPACE, OBJECT, PROCESS, TASK, Literal
from labs.kit.grading.register import Box, Register, registered
from labs.kit.waiting import until
from labs.kit.world import World

APPEARS = 10.0
"""Seconds that a counterpart may take to appear: a replay is faster than who typed first."""


class NoCounterpart(Exception):
    """Nothing here is what the number stood for; the message says what that was."""


@dataclass
class Counterparts:
    """`look`: the cluster now. Who was somebody's counterpart once stays it, and nobody else's."""

    engines: dict[str, Engine]
    events: Callable[[], Events]
    look: Callable[[], World]
    speed: float = 1.0
    _known: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def line(self, command: Command) -> str:
        """The line to type here. Raises NoCounterpart."""
        text = command.line
        for one in sorted(command.literals, key=lambda one: -one.start):
            text = text[:one.start] + self._word(one) + text[one.start + len(one.word):]
        return text

    def _word(self, one: Literal) -> str:
        found: list[str] = []

        def there() -> bool:
            try:
                found[:] = [word for word in [_FINDERS[one.what](self, one)] if word]
            except (OSError, EngineError, KeyError):
                found.clear()
            return bool(found)

        if not until(there, APPEARS * self.speed, pace=0.2):
            raise NoCounterpart(f"{one.word} was the {one.said}")
        return found[0]

    def _register(self) -> Register:
        return registered(self.events())

    def _box(self, one: Literal) -> Box | None:
        """The same place of the same service, or another task of it on that host: one is as good as the other. Of
        those made by hand the one of that name, or the one that was made as the so-manieth."""
        here, key = self._register().on(one.host), (one.host, one.service, one.slot, one.name, one.nth)
        known = next((box for box in here if box.id == self._known.get(key)), None)
        if known is not None:
            return known
        taken = set(self._known.values())
        fit = [box for box in here if box.service == one.service and box.id not in taken
               and self._alive(box) is one.alive]
        same = [box for box in fit if (box.slot == one.slot if one.service else box.name == one.name)]
        others = fit if one.service else [box for box in fit if box.nth == one.nth]
        chosen = next(iter(same[::-1] + others), None)
        if chosen is not None:
            self._known[key] = chosen.id
        return chosen

    def _alive(self, box: Box) -> bool:
        try:
            return bool(self._inspected(box)["State"]["Running"])
        except EngineError as error:
            if error.status != 404:
                raise
            return False

    def _inspected(self, box: Box) -> dict[str, Any]:
        found: dict[str, Any] = self.engines[box.host].get(f"/containers/{box.id}/json")
        return found

    def _process(self, one: Literal) -> str:
        if not (one.service or one.name):
            return self._of_the_host(one)
        box = self._box(one)
        pid = int(self._inspected(box)["State"]["Pid"]) if box else 0
        return str(pid if one.first or not pid else self._child(one, pid) or "") if pid else ""

    def _child(self, one: Literal, first: int) -> int:
        """A process of that name in the same container that is not the first: 0 where there is none."""
        processes = self.look().hosts[one.host]["processes"]
        home = next((process["netns"] for process in processes if process["pid"] == first), None)
        return min((process["pid"] for process in processes if process["netns"] == home and process["pid"] != first
                    and process["comm"] == one.role), default=0)

    def _of_the_host(self, one: Literal) -> str:
        """The host's own process of that name, if there is just one."""
        host = self.look().hosts[one.host]
        found = [process["pid"] for process in host["processes"]
                 if process["comm"] == one.role and process["netns"] == host["netns"]]
        return str(found[0]) if len(found) == 1 else ""

    def _namespace(self, one: Literal) -> str:
        box = self._box(one)
        pid = int(self._inspected(box)["State"]["Pid"]) if box else 0
        return next((str(process["netns"]) for process in self.look().hosts[one.host]["processes"]
                     if process["pid"] == pid), "") if pid else ""

    def _container(self, one: Literal) -> str:
        box = self._box(one)
        return box.id[:max(12, len(one.word))] if box else ""

    def _name(self, one: Literal) -> str:
        box = self._box(one)
        return box.name if box else ""

    def _task(self, one: Literal) -> str:
        box = self._box(one)
        return box.task if box else ""

    def _object(self, one: Literal) -> str:
        found = [id_ for id_, what in self._register().objects.items() if what == (one.role, one.name)]
        return found[-1] if found else ""


_FINDERS: dict[str, Callable[[Counterparts, Literal], str]] = {
    PROCESS: Counterparts._process, CONTAINER: Counterparts._container, NAME: Counterparts._name,
    NAMESPACE: Counterparts._namespace,
    TASK: Counterparts._task, OBJECT: Counterparts._object,
}

