"""Owns the judgement over time: which checks pass, fail, wait or could not look, and when to look again.

Pure but for calling the checks: the time is an argument. A failure counts only after the check's deadline, scaled
by how slow this machine is, and where somebody is graded only once several looks in a row have seen it; a success
counts only once it held long enough.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from labs.kit.checks import Check, Checks, Failed, GraderError, NotYet, TooSlow

PASSED, FAILED, CONVERGING, WAITING, ERROR = "passed", "failed", "converging", "waiting", "error"
ERROR_POLL = 2.0
"""Seconds until the grader tries again where it could not look."""

SURE = 1.0
"""Seconds that a failure must last before it counts, where it costs points: a request that was lost, an event that is
not told yet and an address that is on its way are over by then. Scaled by the machine's speed, up to SUREST."""
SUREST = 2.0

SIGNS = {PASSED: "✓", FAILED: "✗", CONVERGING: "…", WAITING: "–", ERROR: "!"}


@dataclass(frozen=True)
class Result:
    """One check, judged. `left`: seconds until its deadline or until it held long enough."""

    code: str
    status: str
    points: int = 0
    max_points: int = 0
    expected: Any = None
    actual: Any = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    mistake: str = ""
    mistake_facts: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    elapsed: float = 0.0
    left: float = 0.0
    error: str = ""
    perturb: bool = False
    """The grader would have to act: it waits for the final inspection."""


@dataclass
class Judge:
    """Remembers since when each check holds or fails, and what was done on the way (`ever`). `sure`: seconds that a
    failure must last, be it final or not; 0 tells a student at once."""

    checks: Checks
    speed: float = 1.0
    passed_ever: set[str] = field(default_factory=set)
    sure: float = 0.0
    _holding: dict[str, float] = field(default_factory=dict)
    _failing: dict[str, float] = field(default_factory=dict)
    _too_slow: dict[str, str] = field(default_factory=dict)

    def begin(self) -> None:
        """Something was done: a failure of before says nothing any more."""
        self._failing.clear()

    def judge(
        self, view: Any, now: float, changed: float, codes: Iterable[str] | None = None, *, perturb: bool = False,
        known: Iterable[Result] = (),
    ) -> list[Result]:
        """Judge `codes` (default: all) and what they need, at `now`; `changed` is when the wish last changed. What is
        `known` is not asked again."""
        wanted = self._with_needs(codes if codes is not None else self.checks.checks)
        before = {result.code: result for result in known}
        results: dict[str, Result] = {}
        for check in self.checks.checks.values():
            if check.code in wanted:
                results[check.code] = before.get(check.code) or self._one(check, view, now, changed, results, perturb)
        return self._with_mistakes(view, list(results.values()))

    def next_look(self, results: Iterable[Result], *, poll: bool = True) -> float | None:
        """Seconds after which something may have changed without an event; None: nothing is under way.
        Without `poll`, failures count as settled."""
        found = list(results)
        pending = [min(0.5, r.left) for r in found if r.status == CONVERGING]
        pending += [self._poll(r.code) for r in found if poll and r.status == FAILED and self._poll(r.code)]
        pending += [ERROR_POLL for r in found if poll and r.status == ERROR]
        return max(0.05, min(pending)) if pending else None

    def _poll(self, code: str) -> float:
        check = self.checks.checks.get(code)
        return check.poll if check else 0.0

    def _with_needs(self, codes: Iterable[str]) -> set[str]:
        wanted: set[str] = set()
        queue = list(codes)
        while queue:
            code = queue.pop()
            if code not in wanted:
                wanted.add(code)
                queue += self.checks.checks[code].needs
        return wanted

    def _one(
        self, check: Check, view: Any, now: float, changed: float, done: Mapping[str, Result], perturb: bool,
    ) -> Result:
        blank = Result(check.code, WAITING, max_points=check.points, needs=check.needs, perturb=check.perturb)
        if check.ever and check.code in self.passed_ever:
            return replace(blank, status=PASSED, points=check.points)
        if check.perturb and not perturb:
            return blank
        if any(done[need].status != PASSED for need in check.needs):
            self._holding.pop(check.code, None)
            self._failing.pop(check.code, None)
            return self._after_needs(blank, done)
        return self._timed(check, self._look(check, view, blank), now, changed)

    def _after_needs(self, blank: Result, done: Mapping[str, Result]) -> Result:
        error = any(done[need].status == ERROR for need in blank.needs)
        return replace(blank, status=ERROR, error="needs a check that could not look") if error else blank

    def _look(self, check: Check, view: Any, blank: Result) -> Result:
        try:
            check.look(view)
        except Failed as failed:
            if check.code in self._too_slow and failed.facts.get("final"):
                return replace(blank, status=ERROR, error=self._too_slow[check.code])
            return replace(blank, status=FAILED, expected=failed.expected, actual=failed.actual, facts=failed.facts)
        except NotYet as soon:
            return replace(blank, status=CONVERGING, expected=soon.expected, actual=soon.actual,
                           facts=soon.facts, left=soon.left)
        except TooSlow as error:
            if check.ever:
                self._too_slow[check.code] = str(error)
            return replace(blank, status=ERROR, error=str(error))
        except GraderError as error:
            return replace(blank, status=ERROR, error=str(error))
        except Exception:  # noqa: BLE001  whatever else a check raises is the grader's fault and must cost nothing
            return replace(blank, status=ERROR, error=traceback.format_exc(limit=-3))
        return replace(blank, status=PASSED, points=check.points)

    def _timed(self, check: Check, result: Result, now: float, changed: float) -> Result:
        elapsed = max(0.0, now - changed)
        if result.status != FAILED:
            self._failing.pop(check.code, None)
        if result.status == PASSED:
            held = now - self._holding.setdefault(check.code, now)
            if held < check.stable:
                return replace(result, status=CONVERGING, points=0, elapsed=held, left=check.stable - held)
            if check.ever:
                self.passed_ever.add(check.code)
            return replace(result, elapsed=elapsed)
        self._holding.pop(check.code, None)
        left = self._left(check, result, now, elapsed) if result.status == FAILED else 0.0
        if left > 0:
            return replace(result, status=CONVERGING, elapsed=elapsed, left=left)
        return replace(result, elapsed=elapsed)

    def _left(self, check: Check, failed: Result, now: float, elapsed: float) -> float:
        """Seconds until this failure counts. What the grader did itself is not seen again by looking again."""
        lasted = now - self._failing.setdefault(check.code, now)
        unsure = 0.0 if check.perturb else self.sure * min(SUREST, self.speed) - lasted
        late = 0.0 if failed.facts.get("final") else check.within * self.speed - elapsed
        return max(unsure, late)

    def _with_mistakes(self, view: Any, results: list[Result]) -> list[Result]:
        return [self._recognise(view, result) if result.status == FAILED else result for result in results]

    def _recognise(self, view: Any, result: Result) -> Result:
        for mistake in self.checks.mistakes:
            if result.code not in mistake.checks:
                continue
            try:
                facts = mistake.find(view)
            except Exception:  # noqa: BLE001  a detector that breaks must not hide the failure it explains
                continue
            if facts is not None:
                return replace(result, mistake=mistake.code, mistake_facts=dict(facts))
        return result


def score(results: Iterable[Result]) -> int:
    """Points earned."""
    return sum(result.points for result in results)


def exit_code(results: Iterable[Result]) -> int:
    """0 all passed, 1 something did not, 3 the grader could not look."""
    statuses = {result.status for result in results}
    if ERROR in statuses:
        return 3
    return 0 if statuses <= {PASSED} else 1
