"""Owns playing a lab's script (`solution.sh`, `wrong/*.sh`): typing, predicting, and waiting for steps to close."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from labs.kit.folder import FIRST_HOST, HOLE
from labs.kit.incidents import arrive
from labs.kit.judge import PASSED, Result
from labs.kit.referee import Referee, settle
from labs.kit.report import all_passed
from labs.kit.screen import keeps_open
from labs.kit.typist import Typist
from labs.kit.waiting import until

STEP_SECONDS = 60.0
TRUTH_SECONDS = 20.0


class StepNotDone(Exception):
    """A step of the solution did not close."""

    def __init__(self, step: str, results: list[Result]) -> None:
        super().__init__(step)
        self.step, self.results = step, results


@dataclass
class Player:
    """`on_step(number)`, `on_prediction(code, answer)` and `on_results(results)` tell what happens."""

    referee: Referee
    typist: Typist
    on_step: Callable[[int], None] = lambda number: None
    on_prediction: Callable[[str, str], None] = lambda code, answer: None
    on_results: Callable[[list[Result]], None] = lambda results: None
    host: str = FIRST_HOST
    green: set[str] = field(default_factory=set)

    def play(self, script: str) -> None:
        """Every line of the script. Raises StepNotDone, ShellStopped."""
        self.on_step(self.referee.progress.step)
        for line in script.splitlines():
            if line.strip() and not line.startswith("#"):
                self._line(HOLE.sub(self._value, line))

    def _value(self, hole: re.Match[str]) -> str:
        """A value of the lab; `{truth_Q1}` is what is measured once it can be. KeyError for a name nobody knows."""
        name = hole.group(1)
        if name.startswith("truth_"):
            return self._measured(name.removeprefix("truth_"))
        return str(self.referee.params.values()[name])

    def _measured(self, code: str) -> str:
        """Looks until there is something to read from the screen, as who types would."""
        found: list[str] = []

        def known() -> bool:
            self.referee.see()
            found[:] = [measured for measured in [self.referee.truth(code)] if measured is not None]
            return bool(found)

        until(known, TRUTH_SECONDS * self.referee.run.speed)
        return next(iter(found), "-")

    def _line(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "@step":
            self._close(rest.strip())
        elif word == "@predict":
            code, _, answer = rest.partition(" ")
            self._predict(code, answer)
        elif word.startswith("@"):
            self.host = word[1:]
        else:
            self.typist.type(self.host, line)
            self.referee.see()

    def _close(self, step_id: str) -> None:
        numbers = {step.id: number for number, step in enumerate(self.referee.lab.steps)}
        number = numbers[step_id]
        step = self.referee.lab.steps[number]
        results = settle(self.referee, lambda: self.referee.judge_step(step), STEP_SECONDS,
                         threading.Event().wait, self._tell, poll=True)
        if not all_passed([result for result in results if keeps_open(result, step)]):
            raise StepNotDone(step_id, results)
        if number + 1 < len(self.referee.lab.steps):
            self._go_to(number + 1)

    def _predict(self, code: str, answer: str) -> None:
        self.referee.predict(code, answer)
        self.on_prediction(code, answer)
        number = self.referee.progress.step
        step = self.referee.lab.steps[number]
        last = number + 1 == len(self.referee.lab.steps)
        if step.asked and not step.checks and not last and all(
                one in self.referee.progress.said for one in step.asked):
            self._go_to(number + 1)

    def _go_to(self, number: int) -> None:
        self.referee.enter(number)
        self.green.clear()
        self.on_step(number)
        arrive(self.referee)

    def _tell(self, results: list[Result]) -> None:
        fresh = [result for result in results if result.status == PASSED and result.code not in self.green]
        self.green |= {result.code for result in fresh}
        if fresh:
            self.on_results(fresh)
