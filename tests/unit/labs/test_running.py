"""The judgement at the end: what the grader does itself comes last, and a second time where it did not go well."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from labs.kit import running
from labs.kit.checks import Checks, Failed
from labs.kit.judge import FAILED, PASSED, WAITING, Judge, Result
from labs.kit.running import judge_now


@dataclass
class Stand:
    """A referee of a lab with one state and one act. `acts`: how each try goes; `state`: how each look goes."""

    acts: list[bool]
    state: list[bool] = field(default_factory=lambda: [True])
    now: float = 0.0
    looks: int = 0

    def __post_init__(self) -> None:
        self.checks, self.run = Checks("test"), SimpleNamespace(speed=1.0)
        self.checks.check("state", points=2)(lambda view: self._goes(self.state))
        self.checks.check("act", needs=("state",), points=1, perturb=True)(lambda view: self._goes(self.acts))
        self.judge = Judge(self.checks)

    def _goes(self, well: list[bool]) -> None:
        if not (well.pop(0) if len(well) > 1 else well[0]):
            raise Failed(1, 0, {})

    def begin(self) -> None:
        self.judge.begin()

    def see(self) -> None:
        self.looks += 1

    def clock(self) -> float:
        return self.now

    def judge_all(self, *, perturb: bool = False, known: Any = ()) -> list[Result]:
        return self.judge.judge(None, self.now, 0.0, perturb=perturb, known=known)


def states(stand: Stand, *, final: bool = True) -> list[str]:
    return [result.status for result in judge_now(stand, final=final)]  # type: ignore[arg-type]


def test_the_grader_acts_once_where_that_goes_well() -> None:
    stand = Stand([True, False])
    assert states(stand) == [PASSED, PASSED] and stand.acts == [False]


def test_it_acts_again_where_it_did_not_and_no_third_time() -> None:
    assert states(Stand([False, True])) == [PASSED, PASSED]
    stand = Stand([False, False, True])
    assert states(stand) == [PASSED, FAILED] and stand.acts == [True]


def test_what_was_judged_is_not_touched_by_what_the_grader_did() -> None:
    assert states(Stand([False, True], state=[True, False])) == [PASSED, PASSED]


@pytest.mark.parametrize("final", [True, False])
def test_it_does_not_act_without_what_it_needs_or_unasked(final: bool) -> None:
    stand = Stand([True, False], state=[not final])
    assert states(stand, final=final) == [PASSED if not final else FAILED, WAITING] and len(stand.acts) == 2


def test_it_waits_as_long_as_the_slowest_check_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    stand, waited = Stand([True]), []
    stand.checks.check("slow", within=90, stable=5)(lambda view: None)
    monkeypatch.setattr(running, "settle", lambda referee, judged, within, pause: waited.append(within) or judged())
    states(stand, final=False)
    assert waited == [95.0]
