"""Owns playing a hand-in again: typed line by line in students' shells, bounded in time and output, then judged.

Whatever a command does to its own cluster is the student's affair; a command that does not come back is left behind
with its shell, and the rest is typed in a new one.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from labs.kit.checks import GraderError
from labs.kit.engine_client import EngineError
from labs.kit.grading.counterpart import Counterparts, NoCounterpart
from labs.kit.grading.handin import Command, HandIn
from labs.kit.grading.literals import Literal
from labs.kit.grading.tokens import typed_again
from labs.kit.incidents import RING_LINE, arrive, rung
from labs.kit.judge import PASSED, Result
from labs.kit.outside import OUTSIDE
from labs.kit.referee import Referee, settle
from labs.kit.screen import keeps_open
from labs.kit.typist import ShellStopped, Typist

COMMAND_SECONDS = 45.0
REPLAY_SECONDS = 240.0
STEP_SECONDS = 20.0
RING_TRIES = 3
ESCAPES = re.compile(r"[^\n\t\x20-\x7e\u00a0-\uffff]")


@dataclass
class Replay:
    """`notes`: what went wrong on the way, for the report. `unclear`: what could not be typed here, though it could
    be where it was typed first."""

    referee: Referee
    typist: Typist
    clock: Callable[[], float] = time.monotonic
    notes: list[str] = field(default_factory=list)
    _told: bool = False
    unclear: list[str] = field(default_factory=list)

    _rung: set[str] = field(default_factory=set)
    _counterparts: Counterparts | None = None
    _meant: dict[str, tuple[Literal, ...]] = field(default_factory=dict)

    def play(self, hand_in: HandIn) -> None:
        """Type everything that time allows."""
        self.referee.progress.said.update(
            {code: said for code, said in hand_in.said.items() if code in self.referee.lab.questions})
        self._meant = dict(hand_in.meant)
        self._sit_down(hand_in)
        deadline = self.clock() + REPLAY_SECONDS * self.referee.run.speed
        hosts = {OUTSIDE, *(host.name for host in self.referee.eyes.cluster.hosts)}
        self._close_steps()
        for number, command in enumerate(hand_in.commands):
            if self.clock() > deadline:
                self.notes.append(f"time is up after {number} of {len(hand_in.commands)} commands")
                return
            if command.at:
                self.referee.clocks.marks.append((self.clock(), command.at))
            if rung(command.host, command.line):
                self._ring(command.line.removeprefix(RING_LINE))
            elif command.host not in hosts:
                self.notes.append(f"there is no host {command.host!r}: {shown(command)} was not typed")
            else:
                self._type(command)

    def _sit_down(self, hand_in: HandIn) -> None:
        """What a sitting was like: the hints that were asked for, the clock on the wall, and who rings the pager."""
        self.referee.progress.hints.update(hand_in.sitting.hints)
        if hand_in.sitting.zone is not None:
            self.referee.clocks.zone = hand_in.sitting.zone
        self._told = any(rung(command.host, command.line) for command in hand_in.commands)

    def _ring(self, step_id: str) -> None:
        """The student went on to this step here; it may take longer now. Out of reach, nothing rings."""
        progress, steps = self.referee.progress, self.referee.lab.steps
        for _ in range(RING_TRIES):
            if steps[progress.step].id == step_id:
                self._rung.add(step_id)
                arrive(self.referee)
                break
            self._close_steps()
        self._close_steps()

    def _type(self, command: Command) -> None:
        try:
            self.typist.type(command.host, typed_again(self._here(command), self._tokens))
        except NoCounterpart as none:
            self.unclear.append(f"{shown(command)} was not typed: {none}, and there is none here")
            self.notes.append(self.unclear[-1])
        except ShellStopped as stopped:
            self.notes.append(f"{shown(command)} did not come back: {str(stopped).partition('; last')[0]}")
            self.typist.forget(command.host)
        self._close_steps()

    def _tokens(self) -> dict[str, str]:
        """Those of this cluster's swarm; none where there is no swarm (the student's affair, too)."""
        try:
            return dict(self.referee.eyes.engines[self.referee.eyes.asked].get("/swarm")["JoinTokens"])
        except (OSError, EngineError):
            return {}

    def _here(self, command: Command) -> str:
        """The line as it has to be typed in this cluster. Raises NoCounterpart."""
        if not command.literals:
            return command.line
        referee = self.referee
        self._counterparts = self._counterparts or Counterparts(
            referee.eyes.engines, lambda: referee.store.events, referee.see, referee.run.speed)
        return self._counterparts.line(command)

    def _translate(self, codes: Iterable[str]) -> None:
        """Answers with numbers of another cluster, once their question is reached."""
        said = self.referee.progress.said
        for code in [code for code in codes if code in self._meant]:
            try:
                said[code] = self._here(Command("", said[code], literals=self._meant[code]))
                del self._meant[code]
            except NoCounterpart:
                pass  # it is not there yet; the next time

    def _close_steps(self) -> None:
        """As the guide does: what a step asks for is judged when it is reached, and then the next one."""
        progress, steps = self.referee.progress, self.referee.lab.steps
        while progress.step < len(steps) - 1:
            step = steps[progress.step]
            if self._told and step.rings and step.id not in self._rung:
                return  # what it is about has not happened yet: all may look well
            self._translate(step.asked)
            if not step.checks:
                self._go_on()
                continue
            results = settle(self.referee, lambda step=step: self.referee.judge_step(step),  # type: ignore[misc]
                             STEP_SECONDS, threading.Event().wait)
            if any(result.status != PASSED and keeps_open(result, step) for result in results):
                return
            self._go_on()

    def _go_on(self) -> None:
        """Where the hand-in does not tell when the pager rang, it rings at once."""
        self.referee.progress.step += 1
        if not self._told:
            arrive(self.referee)

    def judged(self, judge: Callable[[], list[Result]]) -> list[Result]:
        """The final judgement. Raises GraderError where the cluster is not to be judged at all."""
        try:
            return judge()
        except OSError as error:
            raise GraderError(f"the cluster does not answer: {error}") from None


def shown(command: Command) -> str:
    """A command for a report: one short line without control characters."""
    line = ESCAPES.sub("?", command.line).replace("\n", " ⏎ ")
    return f"“{line if len(line) <= 80 else line[:79] + '…'}” on {command.host[:16]}"
