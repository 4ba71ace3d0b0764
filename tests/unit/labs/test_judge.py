"""Judgement over time: deadlines, what must hold, needs, the grader's own faults, what was done on the way."""

from __future__ import annotations

import pytest

from labs.kit.checks import Checks, Failed, GraderError, NotYet, TooSlow
from labs.kit.judge import CONVERGING, ERROR, FAILED, PASSED, WAITING, Judge, exit_code, score


class Door:
    """What the checks of these tests look at."""

    def __init__(self, is_open: bool) -> None:
        self.is_open = is_open


def checks(**options: object) -> Checks:
    lab = Checks("test")

    @lab.check("door", points=3, **options)
    def door(view: Door) -> None:
        if not view.is_open:
            raise Failed("open", "closed", {})

    @lab.check("room", needs=("door",), points=2)
    def room(view: Door) -> None:
        pass

    return lab


def statuses(judge: Judge, is_open: bool, now: float) -> list[str]:
    return [result.status for result in judge.judge(Door(is_open), now, 0.0)]


def test_a_failure_counts_only_after_its_deadline() -> None:
    judge = Judge(checks(within=20))
    assert statuses(judge, False, 19.9) == [CONVERGING, WAITING]
    assert statuses(judge, False, 20.1) == [FAILED, WAITING]


def test_a_slow_machine_has_longer_deadlines() -> None:
    assert statuses(Judge(checks(within=20), speed=3), False, 59) == [CONVERGING, WAITING]


def test_what_must_hold_passes_only_after_it_held() -> None:
    judge = Judge(checks(stable=3))
    assert statuses(judge, True, 100) == [CONVERGING, WAITING]
    assert statuses(judge, True, 102.9) == [CONVERGING, WAITING]
    assert statuses(judge, True, 103) == [PASSED, PASSED]
    assert statuses(judge, False, 104) == [FAILED, WAITING]
    assert statuses(judge, True, 105) == [CONVERGING, WAITING]


def test_what_was_done_stays_done() -> None:
    judge = Judge(checks(ever=True))
    assert statuses(judge, True, 1) == [PASSED, PASSED]
    assert statuses(judge, False, 2) == [PASSED, PASSED]
    assert judge.passed_ever == {"door"}


@pytest.mark.parametrize("fault", [GraderError("no answer"), KeyError("x"), ZeroDivisionError()])
def test_the_graders_faults_are_not_the_students(fault: Exception) -> None:
    lab = Checks("test")

    @lab.check("broken", points=5)
    def broken(view: Door) -> None:
        raise fault

    lab.check("after", needs=("broken",), points=1)(lambda view: None)
    results = Judge(lab).judge(Door(True), 0, 0)
    assert [result.status for result in results] == [ERROR, ERROR] and exit_code(results) == 3


def test_too_early_to_tell() -> None:
    lab = Checks("test")

    @lab.check("later", points=1)
    def later(view: Door) -> None:
        raise NotYet("full", "half", 4.0)

    judge = Judge(lab)
    [result] = judge.judge(Door(True), 1000, 0)
    assert (result.status, result.left) == (CONVERGING, 4.0) and judge.next_look([result]) == 0.5


def test_the_grader_acts_only_when_asked() -> None:
    acted = []
    lab = Checks("test")
    lab.check("act", points=1, perturb=True)(lambda view: acted.append(view))
    assert Judge(lab).judge(Door(True), 0, 0)[0].status == WAITING and not acted
    assert Judge(lab).judge(Door(True), 0, 0, perturb=True)[0].status == PASSED and len(acted) == 1


def test_nothing_under_way_needs_no_further_look() -> None:
    judge = Judge(checks())
    assert judge.next_look(judge.judge(Door(False), 0, 0)) is None
    assert judge.next_look(judge.judge(Door(True), 0, 0)) is None


def test_a_failure_that_no_event_ends_is_looked_at_again() -> None:
    judge = Judge(checks(poll=2))
    results = judge.judge(Door(False), 0, 0)
    assert judge.next_look(results) == 2 and judge.next_look(results, poll=False) is None


def test_a_broken_detector_does_not_hide_the_failure() -> None:
    lab = checks()
    lab.mistake("bad", "door")(lambda view: view.no_such_thing)
    lab.mistake("good", "door")(lambda view: {"n": 1})
    [door, _] = Judge(lab).judge(Door(False), 0, 0)
    assert (door.status, door.mistake, door.mistake_facts) == (FAILED, "good", {"n": 1})


def test_points_and_exit_codes() -> None:
    judge = Judge(checks())
    good, bad = judge.judge(Door(True), 0, 0), judge.judge(Door(False), 0, 0)
    assert (score(good), exit_code(good), score(bad), exit_code(bad)) == (5, 0, 0, 1)


def test_a_need_must_be_declared_before() -> None:
    with pytest.raises(ValueError, match="needs nothing"):
        Checks("test").check("a", needs=("nothing",))


def test_where_points_are_at_stake_a_failure_counts_once_it_lasted() -> None:
    """A single look may meet the moment in which a request is lost; a second one does not."""
    judge = Judge(checks(within=20), speed=2, sure=1)
    assert statuses(judge, False, 100) == [CONVERGING, WAITING]
    assert statuses(judge, True, 101) == [PASSED, PASSED]
    assert statuses(judge, False, 102) == [CONVERGING, WAITING]
    assert statuses(judge, False, 103.9) == [CONVERGING, WAITING]
    assert statuses(judge, False, 104) == [FAILED, WAITING]


def test_what_failed_before_something_was_done_says_nothing_after_it() -> None:
    """The event of what was just typed may not be told yet."""
    lab = Checks("test")

    @lab.check("killed", points=1, ever=True)
    def killed(view: Door) -> None:
        if not view.is_open:
            raise Failed(1, 0, {"final": True})

    judge = Judge(lab, sure=1)
    assert [*statuses(judge, False, 0), *statuses(judge, False, 5)] == [CONVERGING, FAILED]
    judge.begin()
    assert [*statuses(judge, False, 6), *statuses(judge, True, 6.5)] == [CONVERGING, PASSED]


def test_what_the_grader_did_itself_is_not_waited_for_again() -> None:
    assert Judge(checks(perturb=True), sure=9).judge(Door(False), 0, 0, perturb=True)[0].status == FAILED


def test_what_is_known_is_not_judged_again() -> None:
    judge = Judge(checks())
    before = judge.judge(Door(True), 0, 0)
    again = judge.judge(Door(False), 1, 0, known=before[:1])
    assert again[0] is before[0] and again[1].status == PASSED


def test_what_a_slow_machine_could_not_show_is_nobodys_failure() -> None:
    lab, seen = Checks("test"), [TooSlow("90 of 130"), Failed(1, 0, {"final": True}), Failed(1, 0, {})]

    @lab.check("traffic", points=1, ever=True)
    def traffic(view: Door) -> None:
        raise seen.pop(0)

    judge = Judge(lab)
    assert [*statuses(judge, True, 0), *statuses(judge, True, 1)] == [ERROR, ERROR]
    assert statuses(judge, True, 2) == [FAILED], "what can be seen counts"
