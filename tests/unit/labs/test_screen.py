"""The guide's screens, as text: golden files at 80 and 60 columns, in both languages. `GOLDEN=write` renews them."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from labs.kit.folder import find_lab
from labs.kit.guide import Guide
from labs.kit.judge import Judge, Result
from labs.kit.picture import draw
from labs.kit.screen import ANSWER, ASK_RESET, HELP, LIST, Screen, allowed_keys, render_screen
from labs.kit.style import Line, length, paint, paint_all
from labs.kit.terminal import AWAY, HERE, keys_of
from labs.kit.words import LANGUAGES
from tests.unit.labs.views import LAB, PARAMS, judged, view
from tests.unit.labs.worlds import node, service, spread, task, world

GOLDEN = Path(__file__).parent / "golden"
STEPS = {step.id: number for number, step in enumerate(LAB.steps)}
GIVEN = world(spread(5))
HALF_WAY = world(spread(10), dead=[8, 9, 10])
RUNNING = world(spread(10))
BY_HAND = world(spread(5), strangers=[("worker1", "nginx"), ("worker2", "nginx")])
GOAL_CHECKS = LAB.steps[-1].checks


def screen(step: str, results: dict[str, Result], seen: object = GIVEN, **options: object) -> Screen:
    goal = int(getattr(PARAMS, LAB.steps[STEPS[step]].goal))
    return Screen(LAB, STEPS[step], minutes=12, earned=9, goal=goal, results=list(results.values()),
                  picture=draw(seen, "web"), **options)  # type: ignore[arg-type]


def early() -> dict[str, Result]:
    return {r.code: r for r in Judge(LAB.checks()).judge(view(HALF_WAY, GIVEN), 2.1, 0.0, GOAL_CHECKS)}


SCREENS = {
    "begin": lambda: screen("up", judged(view(GIVEN), "sc2", "sc3")),
    "converging": lambda: screen("goal", early(), HALF_WAY, untouched=False),
    "mistake": lambda: screen("up", judged(view(BY_HAND, GIVEN), "sc2", "sc3"), BY_HAND, untouched=False,
                              hint_level=2),
    "ghost": lambda: screen("up", judged(view(HALF_WAY, GIVEN), "sc2", "sc3"), HALF_WAY, untouched=False),
    "done": lambda: screen("where", judged(view(RUNNING, GIVEN), "sc7", "sc8"), RUNNING, untouched=False,
                           said={"P1": "5/5/0", "P2": "no"}, truths={"P1": "4/3/3", "P2": "no"}),
    "predict": lambda: screen("predict_up", {}),
    "answer": lambda: screen("predict_up", {}, mode=ANSWER, asking="P1", typed="4/3"),
    "reset": lambda: screen("up", judged(view(GIVEN), "sc2"), mode=ASK_RESET),
    "help": lambda: screen("up", {}, mode=HELP),
    "list": lambda: screen("up", {}, mode=LIST),
    "last": lambda: screen("goal", judged(view(RUNNING, GIVEN), *GOAL_CHECKS), RUNNING, untouched=False),
    "finished": lambda: screen("goal", judged(view(RUNNING, GIVEN), *GOAL_CHECKS), RUNNING, untouched=False,
                               finished=True),
    "error": lambda: screen("up", {"sc3": Result("sc3", "error", max_points=2, error="worker1 did not answer")},
                            untouched=False),
}


def picture_of_all_signs() -> object:
    tasks = [*spread(3), task(4, "worker1", state="preparing"), task(5, "worker2"),
             task(6, "worker1", desired="remove")]
    nodes = [node("manager1"), node("worker1", "drain"), node("worker2", state="down")]
    return world(tasks, dead=[5], strangers=[("manager1", "nginx")], nodes=nodes, services=[service("web", 5)])


SCREENS["signs"] = lambda: screen("up", {}, picture_of_all_signs())


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("name", SCREENS)
def test_golden(name: str, width: int, lang: str) -> None:
    shown = render_screen(SCREENS[name](), LAB.words(lang, PARAMS), width)
    assert max(length(each) for each in shown) <= width
    compare(GOLDEN / f"{name}.{lang}.{width}.txt", paint_all(shown, colour=False) + "\n")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", SCREENS)
def test_a_low_terminal_keeps_what_is_said_last_and_the_keys(name: str, lang: str) -> None:
    state, words = SCREENS[name](), LAB.words(lang, PARAMS)
    whole = painted(render_screen(state, words, 80))
    keys = whole[whole.index("─" * 80, len(whole) - 4):]
    for height in range(10, len(whole) + 2):
        shown = painted(render_screen(state, words, 80, height))
        assert len(shown) <= height and shown[0] == whole[0] and shown[-len(keys):] == keys
        assert set(shown) - {words("screen.more")} >= set(whole) or height < len(whole)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_first_step_says_what_the_lab_is_for_where_there_is_room(lang: str) -> None:
    words = LAB.words(lang, PARAMS)
    aim = words("screen.aim") + " " + words("aim")[:30]
    said = [aim in "\n".join(painted(render_screen(state, words, 120, height)))
            for state in (Screen(LAB), Screen(LAB, 1)) for height in (30, 8)]
    assert said == [True, False, False, False]


def painted(lines: list[Line]) -> list[str]:
    return [paint(each, colour=False) for each in lines]


@pytest.mark.parametrize(("height", "there", "gone"), [
    (99, ["", "  ■ web.1  ■ web.4          ■ web.2", "hint 1:", "hint 2:"], ["window"]),
    (20, ["hint 2:", "expected", "Goal:", "→"], ["hint 1:", "■"]),
    (17, ["hint 2:", "Goal:", "→"], ["hint 1:", "■", "expected", "too low"]),
    (10, ["hint 2:", "window is too low", "Goal:"], ["hint 1:", "■"]),
])
def test_what_matters_least_goes_first(height: int, there: list[str], gone: list[str]) -> None:
    shown = "\n".join(painted(render_screen(SCREENS["mistake"](), LAB.words("en", PARAMS), 80, height)))
    assert [text for text in there if text not in shown] == [] and [text for text in gone if text in shown] == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_plain_says_it_in_words(lang: str) -> None:
    state = screen("goal", early(), HALF_WAY, untouched=False, plain=True)
    text = paint_all(render_screen(state, LAB.words(lang, PARAMS), 80), colour=False)
    assert not set("✓✗…■▫▪▨◆○") & set(text.partition("─" * 80)[2])
    compare(GOLDEN / f"plain.{lang}.80.txt", text + "\n")


def test_colour_changes_nothing_but_colour() -> None:
    import re

    shown = render_screen(SCREENS["mistake"](), LAB.words("en", PARAMS), 80)
    coloured = paint_all(shown, colour=True)
    assert "\x1b[31m" in coloured
    stripped = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", coloured).splitlines()]
    assert stripped == [paint(each, colour=False) for each in shown]


@pytest.mark.parametrize("name", SCREENS)
def test_the_menu_shows_the_keys_that_work_and_no_other(name: str) -> None:
    state = SCREENS[name]()
    words = LAB.words("en", PARAMS)
    menu = paint_all(render_screen(state, words, 200), colour=False).splitlines()[-1]
    for key in "nhptlx?q":
        assert (f"{key}:{words(f'key.{key}')}" in menu) == (key in allowed_keys(state))


@pytest.mark.parametrize(("away", "begins", "ends"), [(True, " F2, then   n:next", "q:quit"),
                                                       (False, " n:next", "F2:shell")])
def test_the_menu_says_when_the_keyboard_is_elsewhere(away: bool, begins: str, ends: str) -> None:
    state = SCREENS["done"]()
    state.tmux, state.away = True, away
    menu = painted(render_screen(state, LAB.words("en", PARAMS), 200))[-1]
    assert menu.startswith(begins) and menu.endswith(ends)


def test_what_is_typed_is_told_from_what_a_terminal_sends() -> None:
    assert keys_of("n\x1b[O\x1b[A\x1bOQp\x1b[1;5Cé\x1b[I\x1b") == ["n", AWAY, "p", "é", HERE, "\x1b"]


@pytest.mark.parametrize(("untouched", "said"), [(True, "Nothing is to be changed"), (False, "Step done.")])
def test_a_step_that_asks_to_look_does_not_say_it_was_done_by_itself(untouched: bool, said: str) -> None:
    lab = find_lab("00")
    state = Screen(lab, results=[Result("inactive", "passed")], untouched=untouched)
    assert said in "\n".join(painted(render_screen(state, lab.words("en", lab.params(None)), 80)))


def test_next_works_only_when_the_step_is_done() -> None:
    assert "n" not in allowed_keys(SCREENS["begin"]())
    assert "n" in allowed_keys(SCREENS["done"]())
    assert "n" in allowed_keys(SCREENS["last"]())
    assert "n" not in allowed_keys(SCREENS["finished"]())
    assert "n" not in allowed_keys(SCREENS["predict"]())


def compare(path: Path, text: str) -> None:
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def reading(said: str, truth: str, status: str, unread: bool = False) -> Screen:
    """Lab 02's step with a question about what was seen."""
    lab = find_lab("02-first-service")
    number = next(number for number, step in enumerate(lab.steps) if step.ask)
    return Screen(lab, number, results=[Result("fs8", status)], said={} if unread else {"Q1": said},
                  truths={"Q1": truth})


def test_what_was_read_wrong_may_be_answered_again() -> None:
    assert "p" in allowed_keys(reading("1", "2", "failed")) and reading("1", "2", "failed").question == "Q1"
    assert "p" not in allowed_keys(reading("2", "2", "failed"))
    assert "p" not in allowed_keys(reading("1", "2", "passed"))
    assert "p" in allowed_keys(reading("", "2", "failed", unread=True))


def test_a_prediction_stays_as_it_was_made() -> None:
    assert "p" not in allowed_keys(screen("predict_up", {}, said={"P1": "5/5/0", "P2": "no"},
                                          truths={"P1": "4/3/3", "P2": "no"}))


def test_an_answer_is_judged_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    store = SimpleNamespace(stamp=lambda: (0, 0))
    guide = Guide.__new__(Guide)
    guide.screen = reading("1", "2", "failed")
    guide.screen.mode, guide.screen.asking, guide.screen.typed = ANSWER, "Q1", "2"
    guide.referee = cast("Any", SimpleNamespace(predict=lambda code, text: text, store=store))
    monkeypatch.setattr(guide, "refresh", lambda: looks.append("look"))
    guide._answer()
    assert looks == ["look"]


def test_a_line_pasted_into_the_guide_presses_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    guide = Guide.__new__(Guide)
    guide.screen, guide.quit, guide.words = reading("1", "2", "failed"), False, LAB.words("en", PARAMS)
    monkeypatch.setattr(guide, "draw", lambda: None)
    guide.take(list("docker swarm join --token SWMTKN-1-q"))
    assert not guide.quit and "F2" in guide.screen.notice
    guide.take(["q"])
    assert guide.quit
