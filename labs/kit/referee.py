"""Owns one run's judgement: looks at the cluster, writes the history down, and asks the judge. No terminal here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from labs.kit.checks import GraderError
from labs.kit.clocks import Clocks
from labs.kit.events import ENTERED, note
from labs.kit.folder import Lab, Step
from labs.kit.judge import ERROR, PASSED, SURE, Judge, Result, score
from labs.kit.look import Eyes
from labs.kit.params import Params
from labs.kit.predictions import read
from labs.kit.progress import Progress, Run, Store
from labs.kit.speed import speed_now
from labs.kit.view import Requests, View
from labs.kit.world import World

PREDICTED, HINTS = "p", "h"
SLOWER = 5.0
"""A machine may become so slow during a lab; the longer the deadlines, the longer each wrong hand-in takes."""
ERROR_TRIES, ERROR_PAUSE = 3, 0.3
"""What vanished while it was looked at is gone at the next look."""


@dataclass
class Referee:
    """`see` for each look; then `judge_step` or `judge_all` of that look. Without `keep` it only reads: another
    process (the guide) writes the history down."""

    lab: Lab
    params: Params
    eyes: Eyes
    store: Store
    progress: Progress
    run: Run
    keep: bool = True
    clock: Callable[[], float] = time.monotonic
    world: World | None = None
    clocks: Clocks = field(default_factory=Clocks)
    _wish: object = None
    _requests: Requests = field(init=False)
    _speed: float = field(init=False)

    def __post_init__(self) -> None:
        self.checks = self.lab.checks()
        self.judge = Judge(self.checks, self.run.speed, self.progress.passed)
        self._requests = Requests(self.eyes)
        self._speed = self.run.speed

    def see(self) -> World:
        """Look; remember what is new. Raises GraderError."""
        world = self.eyes.look()
        wish = (sorted((service.id, service.wanted, service.force, service.image, service.update.get("State", ""))
                       for service in world.services.values()),
                sorted((node.name, node.active, node.ready) for node in world.nodes), len(world.strangers()),
                [name for name in world.hosts if world.up(name)])
        changed = self._wish is not None and wish != self._wish
        if changed:
            self.run.changed = self.clock()
        self._wish, self.world = wish, world
        if (self.run.history.record(world) or changed) and self.keep:
            self.store.save_run(self.run)
        return world

    def view(self, goal: int) -> View:
        """The last look, for the checks."""
        assert self.world is not None
        return View(self.params, self.world, self.run.history, goal, self._requests, self.eyes, self.see,
                    self.progress.said, self.run.speed, self.store.events, self.progress.passed, self.clocks)

    def goal(self, step: Step) -> int:
        """The number of tasks a step is about; 0 in a lab that counts none."""
        return int(self.params.get(step.goal, 0))

    @property
    def last_goal(self) -> int:
        """The number of tasks that the whole lab is about."""
        return int(self.params.get(str(self.lab.table.get("goal", "target")), 0))

    def judge_step(self, step: Step, *, perturb: bool = False) -> list[Result]:
        """The checks that close this step, and those shown beside them."""
        return self._judge((*step.checks, *step.also), self.goal(step), perturb)

    def judge_all(self, *, perturb: bool = False, known: Iterable[Result] = ()) -> list[Result]:
        """Every check that has points, for the lab's goal, the predictions, and in an exam what hints cost. `known`
        are not judged again."""
        codes = [check.code for check in self.checks.checks.values() if check.points]
        found = [*self._judge(codes, self.last_goal, perturb, known), self._predicted()]
        return [*found, *self._hints(score(found))]

    def begin(self) -> None:
        """A judgement that costs points begins, after something was done. The machine may be slower now than when the
        lab was given: deadlines grow with it."""
        self.run.speed = max(self._speed, min(SLOWER, speed_now()))
        self.judge.speed, self.judge.sure = self.run.speed, SURE
        self.judge.begin()

    def _judge(
        self, codes: Iterable[str], goal: int, perturb: bool, known: Iterable[Result] = (),
    ) -> list[Result]:
        results = self.judge.judge(self.view(goal), self.clock(), self.run.changed, codes, perturb=perturb,
                                   known=known)
        self._earn(results)
        return results

    def _earn(self, results: list[Result]) -> None:
        earned = {result.code for result in results if result.status == PASSED and result.max_points}
        if self.keep and not (earned | self.progress.passed) <= self.progress.earned:
            self.progress.earned |= earned | self.progress.passed
            self.store.save_progress(self.progress)

    @property
    def earned(self) -> int:
        """The running score: every check that passed at some time, and the predictions."""
        points = sum(self.checks.checks[code].points for code in self.progress.earned if code in self.checks.checks)
        points += self._predicted().points
        return points + score(self._hints(points))

    @property
    def max_points(self) -> int:
        return self.checks.max_points + int(self.lab.table["predicted_points"])

    def reload(self) -> None:
        """Another process wrote: take what it left."""
        self.progress = self.store.progress(self.lab.id)
        self.judge.passed_ever = self.progress.passed
        self.run = self.store.run() or self.run

    def _predicted(self) -> Result:
        said = sum(code in self.progress.said for code in self.lab.predictions)
        asked, points = len(self.lab.predictions), int(self.lab.table["predicted_points"])
        done = said == asked
        return Result(PREDICTED, PASSED if done else "failed", points if done else 0, points,
                      expected=asked, actual=said)

    def _hints(self, earned: int) -> list[Result]:
        """In an exam each hint takes a point, down to none."""
        used = sum(self.progress.hints.values())
        return [Result(HINTS, PASSED, -min(used, earned), actual=used)] if self.lab.exam and used else []

    def predict(self, code: str, text: str) -> str | None:
        """Keep an answer, in one spelling; None if it is no answer to this question."""
        answer = read(self.lab.table["predictions"][code], text)
        if answer is not None:
            self.progress.said[code] = answer
            self.store.save_progress(self.progress)
        return answer

    def enter(self, number: int) -> None:
        """The student is at this step now."""
        self.progress.step = number
        self.store.save_progress(self.progress)
        note(self.eyes.cluster.outside, ENTERED, step=self.lab.steps[number].id)

    def value(self, name: str) -> str:
        """What fills a hole of a script; `…` for what is not measured any more, or not yet."""
        if name.startswith("truth_"):
            return (self.truth(name.removeprefix("truth_")) if self.world is not None else None) or "…"
        return str(self.params.values()[name])

    def truth(self, code: str) -> str | None:
        """What is measured of this question now; None if nothing can be measured yet."""
        found = self.checks.truths.get(code)
        return found(self.view(self.last_goal)) if found else None

    def truths(self) -> dict[str, str]:
        """What was measured, for every prediction that can be compared by now."""
        found = {}
        for code in (code for code in self.lab.questions if code in self.checks.truths):
            measured = self.truth(code)
            if measured is not None:
                found[code] = measured
        return found


def settle(
    referee: Referee, judged: Callable[[], list[Result]], within: float, pause: Callable[[float], object],
    tell: Callable[[list[Result]], None] = lambda results: None, *, poll: bool = False,
) -> list[Result]:
    """Look and judge again until nothing is under way. For `lab check` and `--solve`, which have no events."""
    referee.begin()
    deadline = referee.clock() + within * referee.run.speed
    tries = ERROR_TRIES
    while True:
        try:
            referee.see()
            results = judged()
        except GraderError as error:
            results = [Result("look", ERROR, error=str(error))]
        tell(results)
        wait = referee.judge.next_look(results, poll=poll)
        if tries and any(result.status == ERROR for result in results):
            tries, wait = tries - 1, wait or ERROR_PAUSE
        if wait is None or referee.clock() > deadline:
            return results
        pause(wait)
