"""`lab run --challenge`: goals alone, help when asked for, and noted; what holds already is passed over."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from labs.kit.folder import all_labs, read_lab
from labs.kit.guide import Guide
from labs.kit.judge import Result
from labs.kit.progress import Progress, Store, from_text
from labs.kit.screen import WATCH, Screen, allowed_keys, render_screen
from labs.kit.session import fresh_progress
from labs.kit.style import length, paint_all
from labs.kit.words import LANGUAGES
from tests.unit.labs.test_solution import running
from tests.unit.labs.views import LAB, PARAMS

LABS = [read_lab(path) for path in all_labs()]
UP = next(number for number, step in enumerate(LAB.steps) if step.id == "up")
WORDS = LAB.words("en", PARAMS)


def shown(state: Screen, width: int = 80) -> str:
    return paint_all(render_screen(state, WORDS, width), colour=False)


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_step_of_any_lab_shows_a_command(lab: Any, lang: str) -> None:
    words = lab.words(lang, lab.params(None))
    for number, step in enumerate(lab.steps):
        rows = render_screen(Screen(lab, number, challenge=True), words, 1000)
        text = paint_all(rows, colour=False)
        assert words("graded_aim")[:40] in text
        said = words(f"steps.{step.id}.goal")  # a goal may name a command: that is then the goal
        commands = [words.expand(command) for _, command in step.typed]
        assert not [one for one in commands if one in text and one not in said]
        assert max(length(row) for row in render_screen(Screen(lab, number, challenge=True), words, 60)) <= 60


def test_commands_are_shown_when_asked_for_and_not_offered_again() -> None:
    state = Screen(LAB, UP, challenge=True)
    assert "c" in allowed_keys(state) and "scale web=10" not in shown(state)
    state.shown = frozenset({"up"})
    assert "c" not in allowed_keys(state) and "docker service scale web=10" in shown(state)
    assert "c" not in allowed_keys(Screen(LAB, UP))
    assert "c" not in allowed_keys(Screen(LAB, UP, challenge=True, seed="s"))


def test_the_end_says_how_much_help_there_was() -> None:
    state = Screen(LAB, len(LAB.steps) - 1, challenge=True, finished=True)
    assert "without help" in shown(state)
    state.hints_seen, state.shown = 3, frozenset({"up"})
    assert "3 × a hint, 1 × the commands" in shown(state)
    state.challenge = False
    assert "Challenge" not in shown(state)


def guide(place: Path, progress: Progress) -> Guide:
    made = Guide.__new__(Guide)
    made.referee, made.words, made._opening = running(place, progress), WORDS, None
    made._started, made._stamp = 0.0, (0, 0)
    made.screen = Screen(LAB)
    made.draw = cast("Any", lambda: None)  # type: ignore[method-assign]
    made._take_progress()
    return made


def test_help_is_noted(tmp_path: Path) -> None:
    made = guide(tmp_path, Progress(LAB.id, step=UP, challenge=True))
    for key in "hhc":
        made.press(key)
    kept = made.referee.store.progress(LAB.id)
    assert (kept.hints, kept.shown, kept.challenge) == ({"up": 2}, {"up"}, True)
    assert (made.screen.hints_seen, made.screen.to_type) == (2, LAB.steps[UP].typed)


def test_steps_that_hold_already_are_gone_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = guide(tmp_path, Progress(LAB.id, challenge=True))
    referee = cast("Any", made.referee)
    passing = {"sized"}
    referee.see = referee.truths = dict
    referee.judge_step = lambda step: [
        Result(code, "passed" if code in passing else "failed") for code in step.checks]
    monkeypatch.setattr("labs.kit.guide.draw", lambda world, service: ())
    made.refresh()
    assert made.screen.now.id == "predict_up" and made.screen.mode == WATCH
    passing |= {"sc2", "sc3", "sc7", "sc8"}
    referee.predict = lambda code, text: referee.progress.said.setdefault(code, text)
    made.press("p")
    for key in "4 3 3\rn\r":
        made.press(key)
    assert made.screen.now.id == "answer"
    assert referee.progress.done >= {"look", "predict_up", "up", "where"}


def test_a_guided_lab_waits_for_n(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = guide(tmp_path, Progress(LAB.id))
    referee = cast("Any", made.referee)
    referee.see = referee.truths = dict
    referee.judge_step = lambda step: [Result(code, "passed") for code in step.checks]
    monkeypatch.setattr("labs.kit.guide.draw", lambda world, service: ())
    made.refresh()
    assert made.screen.now.id == "look" and "n" in allowed_keys(made.screen)


def test_a_challenge_begins_at_the_start_and_may_be_left(tmp_path: Path) -> None:
    store = Store("x", tmp_path, scratch=True)
    store.save_progress(Progress(LAB.id, step=4))
    assert fresh_progress(store, LAB, None, challenge=True).step == 0
    store.save_progress(Progress(LAB.id, step=4, challenge=True))
    assert fresh_progress(store, LAB, None, challenge=True).step == 4
    left = fresh_progress(store, LAB, None)
    assert (left.step, left.challenge) == (4, False)


def test_it_is_kept_as_text() -> None:
    kept = Progress(LAB.id, step=1, challenge=True, shown={"up"}, done={"look"})
    assert from_text(kept.to_text(), LAB.id) == kept
    assert SimpleNamespace(**vars(from_text(Progress(LAB.id).to_text(), LAB.id))).challenge is False
