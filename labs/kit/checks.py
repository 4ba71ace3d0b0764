"""Owns how a lab declares what it looks at: checks with needs, points and time, and wrong ideas it recognises.

A check is a function of a `View`; it raises `Failed` (through `view.expect`) when what it found is not what it
wants, and anything else it raises is the grader's fault. Sentences are not here: the lab's texts have them, under
the codes used here. Knows nothing of clusters, clocks or terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

V = TypeVar("V")
CheckFunction = Callable[[Any], None]
TruthFunction = Callable[[Any], "str | None"]
MistakeFunction = Callable[[Any], "Mapping[str, Any] | None"]


class Failed(Exception):
    """What a check found is not what it wants. `facts` fill the holes of the check's texts."""

    def __init__(self, expected: Any, actual: Any, facts: Mapping[str, Any]) -> None:
        super().__init__(f"expected {expected!r}, found {actual!r}")
        self.expected, self.actual, self.facts = expected, actual, dict(facts)


class NotYet(Exception):
    """Too early to tell; `left` seconds until it can be told."""

    def __init__(self, expected: Any, actual: Any, left: float, **facts: Any) -> None:
        super().__init__(f"{left} s left")
        self.expected, self.actual, self.left, self.facts = expected, actual, left, facts


class GraderError(Exception):
    """The grader could not look: the machine's or the kit's fault, never the student's."""


class TooSlow(GraderError):
    """The machine is too slow to show it. Where it is over by the time of the judgement, it counts for nobody."""


def expect(actual: V, equals: V, **facts: Any) -> None:
    """Raises Failed unless they are equal. With `final=True` waiting would not help: it counts at once."""
    if actual != equals:
        raise Failed(equals, actual, facts)


def require(holds: bool, expected: Any, actual: Any, **facts: Any) -> None:
    """Raises Failed unless it holds, for what is not an equality."""
    if not holds:
        raise Failed(expected, actual, facts)


@dataclass(frozen=True)
class Mistake:
    """A wrong idea: asked only once one of `checks` failed; answers the facts for its text, or None."""

    code: str
    checks: tuple[str, ...]
    find: MistakeFunction


@dataclass(frozen=True)
class Check:
    """`within`: seconds a change may take before a failure counts. `stable`: seconds it must hold.

    `ever`: once passed it stays passed (something that was done on the way, not a state). `perturb`: the grader
    acts on the cluster, so it runs only when the student asks for the final judgement. `poll`: seconds between looks
    while it fails, for what no event of the engine tells."""

    code: str
    look: CheckFunction
    needs: tuple[str, ...] = ()
    points: int = 0
    within: float = 0.0
    stable: float = 0.0
    ever: bool = False
    perturb: bool = False
    poll: float = 0.0


@dataclass
class Checks:
    """All checks of one lab, in the order they were declared."""

    lab: str
    checks: dict[str, Check] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    truths: dict[str, TruthFunction] = field(default_factory=dict)

    def check(self, code: str, **options: Any) -> Callable[[CheckFunction], CheckFunction]:
        """Declares a check; options are the fields of Check. Raises ValueError for an unknown need."""
        for need in options.get("needs", ()):
            if need not in self.checks:
                raise ValueError(f"{self.lab}: check {code} needs {need}, which is not declared before it")

        def add(function: CheckFunction) -> CheckFunction:
            self.checks[code] = Check(code, function, **options)
            return function

        return add

    def mistake(self, code: str, *checks: str) -> Callable[[MistakeFunction], MistakeFunction]:
        """Declares a wrong idea, recognised after one of `checks` failed. The first that answers speaks."""

        def add(function: MistakeFunction) -> MistakeFunction:
            self.mistakes.append(Mistake(code, checks, function))
            return function

        return add

    def truth(self, code: str) -> Callable[[TruthFunction], TruthFunction]:
        """Declares how the answer to a prediction is measured; None while it cannot be known yet."""

        def add(function: TruthFunction) -> TruthFunction:
            self.truths[code] = function
            return function

        return add

    @property
    def patience(self) -> float:
        """Seconds after which no check is under way any more, unless the wish changes again."""
        return max((check.within + check.stable for check in self.checks.values()), default=0.0)

    @property
    def max_points(self) -> int:
        return sum(check.points for check in self.checks.values())
