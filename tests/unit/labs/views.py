"""Views for tests of a lab's checks: a world, what happened before, and requests that answer as told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labs.kit.folder import find_lab
from labs.kit.history import History
from labs.kit.judge import Judge, Result
from labs.kit.probe import WINDOW, Answers, Traffic
from labs.kit.view import View
from labs.kit.world import World

LAB = find_lab("03-scaling")
PARAMS = LAB.params(None)
LATE = 1000.0
"""Long after the last change: no deadline is left."""


@dataclass
class FakeRequests:
    silent: Sequence[str] = ()
    """Short container ids that never answer."""
    errors: tuple[str, ...] = ()
    busy: int = 0
    running: Traffic | None = None

    def everybody(self, port: int, count: int, rate: float, state: Any, known: list[str]) -> Answers:
        return Answers(count, Counter({who: 8 for who in known if who not in self.silent}), self.errors,
                       self.busy)

    def traffic(self) -> Traffic | None:
        return self.running


def traffic(failed_percent: float = 0.0, seconds: int = WINDOW, sent: float = 1.0) -> Traffic:
    asked = round(PARAMS.traffic * seconds * sent)
    return Traffic(PARAMS.traffic, seconds, asked, round(asked * failed_percent / 100))


def history(*worlds: World) -> History:
    past = History()
    for world in worlds:
        past.record(world)
    return past


def view(world: World, *before: World, goal: int | None = None, requests: FakeRequests | None = None) -> View:
    """The last of `before` may be the baseline alone."""
    past = history(*before, world)
    return View(PARAMS, world, past, PARAMS.target if goal is None else goal, requests or FakeRequests())


def judged(view: View, *codes: str, now: float = LATE, judge: Judge | None = None) -> dict[str, Result]:
    """Judged twice, ten seconds apart, so that what must hold for a while has held."""
    referee = judge or Judge(LAB.checks())
    referee.judge(view, now, 0.0, codes or None)
    return {result.code: result for result in referee.judge(view, now + 10, 0.0, codes or None)}
