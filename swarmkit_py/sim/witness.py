"""Owns what is remembered of a run: the event log, and the first thing that went against a rule.

The same seed gives the same log to the byte, so rows are plain values and ids are shown by their first letters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Violation:
    """A rule that was broken: when, and both things that cannot be true together."""

    rule: str
    text: str
    when: float
    witnesses: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        said = [f"  witness: {each}" for each in self.witnesses]
        return [f"{self.rule}: {self.text} (at {self.when:.3f} s)", *said]


class Witness:
    """`say` what happens, `accuse` what must not; `broken` is told of the first accusation."""

    def __init__(self, time: Callable[[], float], broken: Callable[[], None]) -> None:
        self._time, self._broken = time, broken
        self._rows: list[tuple[float, tuple[object, ...]]] = []
        self.violation: Violation | None = None

    @property
    def count(self) -> int:
        """Events so far."""
        return len(self._rows)

    def say(self, *words: object) -> None:
        self._rows.append((self._time(), words))

    def accuse(self, rule: str, text: str, *witnesses: object) -> None:
        """The first counts: what comes after may be only its consequence."""
        if self.violation is None:
            self.violation = Violation(rule, text, self._time(), tuple(map(str, witnesses)))
            self.say("VIOLATION", rule, text)
            self._broken()

    def lines(self) -> list[str]:
        """The log as text."""
        return [f"{when:10.4f} " + " ".join(map(str, words)) for when, words in self._rows]

    def digest(self) -> str:
        """A fingerprint of the log."""
        return hashlib.sha256("\n".join(self.lines()).encode()).hexdigest()
