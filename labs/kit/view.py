"""Owns what a check may see: the world now, what happened before, the lab's values, and the graders' own requests."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from labs.kit.checks import expect, require
from labs.kit.engine_client import Engine
from labs.kit.history import History
from labs.kit.look import Eyes
from labs.kit.params import Params
from labs.kit.probe import Answers, Traffic, ask_everybody, read_traffic
from labs.kit.waiting import until
from labs.kit.world import World

PROBE_RATE = 60.0


class Requests:
    """The graders' requests, sent once for each state of the world: looking again at the same state costs nothing."""

    def __init__(self, eyes: Eyes) -> None:
        self._eyes = eyes
        self._last: tuple[Hashable, Answers] | None = None

    def everybody(self, port: int, count: int, rate: float, state: Hashable, known: list[str]) -> Answers:
        key = (port, count, state)
        if self._last is None or self._last[0] != key:
            urls = list(self._eyes.published(port))
            self._last = key, ask_everybody(self._eyes.cluster, self._eyes.client, urls, count, rate, known)
        return self._last[1]

    def forget(self) -> None:
        """Ask again next time: the last answers were no good."""
        self._last = None

    def traffic(self) -> Traffic | None:
        return read_traffic(self._eyes.cluster, self._eyes.client)


@dataclass
class View:
    """One look, for the checks. `goal`: the number of tasks this step is about."""

    p: Params
    world: World
    history: History
    goal: int
    requests: Any
    manager: Any = None
    look: Callable[[], World] | None = None
    said: Mapping[str, str] = field(default_factory=dict)
    speed: float = 1.0

    expect = staticmethod(expect)
    require = staticmethod(require)

    def everybody(self, per_task: int = 8) -> Answers:
        """Fresh requests through every node in turn, slowly enough that no task's rate limit is met."""
        live = self.world.live(self.p.service)
        rate = min(PROBE_RATE, 0.5 * self.p.rate * max(1, len(live)))
        known = [task.container[:12] for task in live]
        answers: Answers = self.requests.everybody(
            self.p.port, per_task * len(live), rate, self.world.fingerprint(self.p.service), known)
        return answers

    def scale(self, wanted: int) -> bool:
        """The grader acts: ask the manager for this number, and wait until the kernel shows it. False: it did not."""
        scale(self.manager, self.p.service, wanted)
        return until(lambda: self._has(wanted), within=20 * self.speed)

    def _has(self, wanted: int) -> bool:
        assert self.look is not None
        world = self.look()
        known = world.services.get(self.p.service)
        return known is not None and known.wanted == wanted and world.settled(self.p.service)


def scale(manager: Engine, service: str, wanted: int) -> None:
    """What `docker service scale` does. EngineError as the engine says it."""
    found = manager.get(f"/services/{service}")
    spec = found["Spec"]
    spec["Mode"] = {"Replicated": {"Replicas": wanted}}
    manager.post(f"/services/{found['ID']}/update", spec, version=found["Version"]["Index"])
