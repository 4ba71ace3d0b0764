"""What happens by itself as a step is reached, the price of a hint, and times of the day in a hand-in."""

from __future__ import annotations

import io
import json
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from labs.kit import incidents
from labs.kit.checks import GraderError
from labs.kit.clocks import Clocks
from labs.kit.events import EVENTS_FILE, GIVEN, Event, Events, note, read_events
from labs.kit.folder import find_lab, read_lab
from labs.kit.grading.handin import Command, HandIn, Sitting, bundle, sitting
from labs.kit.grading.lint import lint
from labs.kit.grading.replay import Replay
from labs.kit.grading.submit import typed
from labs.kit.incidents import RING_LINE, arrive, rang, rings
from labs.kit.judge import FAILED, PASSED, Result, score
from labs.kit.outside import OUTSIDE
from labs.kit.pager_command import messages
from labs.kit.predictions import read
from labs.kit.progress import Progress, Run, Store
from labs.kit.referee import HINTS, Referee
from labs.kit.report import status_line
from labs.kit.screen import Screen, allowed_keys, render_screen
from labs.kit.session import fresh_progress
from labs.kit.style import paint, paint_all
from labs.kit.words import LANGUAGES

LAB = find_lab("15")
STEPS = {step.id: number for number, step in enumerate(LAB.steps)}


class FakeCluster:
    def __init__(self, outside: Path) -> None:
        self.outside, self.calls = outside, list[tuple[str, dict[str, Any]]]()

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self.calls.append((method, params))
        return {"hosts": {}}


def referee(tmp_path: Path, step: str, *, keep: bool = True) -> Referee:
    """One that looks at nothing: what happens, and what hints cost, needs no world."""
    store = Store("x", tmp_path, scratch=True)
    cluster = FakeCluster(tmp_path)
    eyes = SimpleNamespace(cluster=cluster, client="client")
    run = Run(LAB.id, "1", cast(Any, None))
    return Referee(LAB, LAB.params("1"), cast(Any, eyes), store, Progress(LAB.id, "1", STEPS[step]), run, keep=keep)


def typing(monkeypatch: pytest.MonkeyPatch, code: int = 0, said: str = "") -> list[tuple[str, str]]:
    typed: list[tuple[str, str]] = []

    def run_on(eyes: object, host: str, command: str) -> subprocess.CompletedProcess[str]:
        typed.append((host, command))
        return subprocess.CompletedProcess([], code, "", said)

    monkeypatch.setattr(incidents, "run_on", run_on)
    return typed


def logged(tmp_path: Path) -> Events:
    return read_events(tmp_path / EVENTS_FILE).since_given()


def test_what_a_step_brings_comes_once_and_again_when_the_lab_is_given_again(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed, one = typing(monkeypatch), referee(tmp_path, "release")
    assert arrive(one) and not arrive(one)
    [(host, command)] = typed
    assert host == "manager1" and f"--image nginx:{one.params.bad}" in command and one.params.service in command
    assert list(rings(logged(tmp_path))) == ["release"]
    note(tmp_path, GIVEN)
    assert rang(logged(tmp_path), "release") is None
    assert arrive(one) and len(typed) == 2


def test_nothing_comes_at_other_steps_nor_from_a_process_that_only_looks(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = typing(monkeypatch)
    assert not arrive(referee(tmp_path, "probe")) and not arrive(referee(tmp_path, "release", keep=False))
    assert arrive(referee(tmp_path, "campaign")), "a message alone"
    assert typed == []


def test_a_cable_is_cut_by_nobody_s_hand(tmp_path: Path) -> None:
    one = referee(tmp_path, "cable")
    assert arrive(one)
    cluster = cast(FakeCluster, one.eyes.cluster)
    assert ("cut", {"name": one.params.silent, "seconds": None}) in cluster.calls
    [cut] = logged(tmp_path).of("lab", "cut")
    assert cut.host == one.params.silent and "line" not in cut.data
    assert [command.line for command in typed(tmp_path, [], logged(tmp_path))] == [f"{RING_LINE}cable"]


def test_who_removed_the_service_is_spared_its_release_but_a_fault_of_ours_is_told(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typing(monkeypatch, 3, "no client")
    with pytest.raises(GraderError, match="no client"):
        arrive(referee(tmp_path, "wave"))
    assert not rings(logged(tmp_path)), "it is tried again"
    typing(monkeypatch, 1, "service not found")
    assert arrive(referee(tmp_path, "release"))
    assert rings(logged(tmp_path))["release"].data["refused"] == "service not found"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_pager_tells_what_came_and_when(lang: str) -> None:
    words = LAB.words(lang, LAB.params(None))
    assert len(messages(Events(), words, 80)) == 1
    now = time.monotonic()
    said = paint_all(messages(Events((Event(now, "", "lab", "ring", data={"step": "cable"}),)), words, 60), False)
    assert said.startswith(time.strftime("%H:")) and words("steps.cable.page")[:10] in said
    assert max(map(len, said.splitlines())) <= 60


def test_in_an_exam_a_hint_costs_a_point_and_no_more_than_there_are(tmp_path: Path) -> None:
    one = referee(tmp_path, "probe")
    assert one._hints(20) == []
    one.progress.hints = {"probe": 2, "wave": 1}
    [found] = one._hints(20)
    assert (found.code, found.status, found.points, found.max_points) == (HINTS, PASSED, -3, 0)
    assert score(one._hints(2)) == -2
    words = LAB.words("en", LAB.params(None))
    assert paint(status_line(found, words, 0, 80, plain=False)[0], False).endswith("h · −3")
    assert not find_lab("03").exam


def test_an_exam_begins_anew_with_each_cluster(tmp_path: Path) -> None:
    store = Store("x", tmp_path, scratch=True)
    store.save_progress(Progress("x", "1", 5))
    assert fresh_progress(store, LAB, "1").step == 0
    store.save_progress(Progress("x", "1", 5))
    assert fresh_progress(store, find_lab("03"), "1").step == 5


def test_what_cannot_be_mended_is_shown_and_does_not_keep_a_step_open() -> None:
    screen = Screen(LAB, STEPS["release"], seed="1", untouched=False,
                    results=[Result("good", PASSED), Result("c3b", FAILED, max_points=1, mistake="forward_fix")])
    assert "n" in allowed_keys(screen)
    words = LAB.words("en", LAB.params("1"))
    shown = paint_all(render_screen(screen, words, 80), False)
    assert "☎" in shown and "code forward_fix" in shown
    screen.results[0] = Result("good", FAILED)
    assert "n" not in allowed_keys(screen)
    assert "−1 point" in paint_all(render_screen(screen, words, 80), False)


def test_the_end_of_an_exam_tells_what_was_predicted_and_takes_no_answer_any_more() -> None:
    screen = Screen(LAB, STEPS["report"], said={"P1": "0", "P2": "0", **{f"Q{n}": "03:00" for n in range(1, 6)}},
                    truths={"P1": "C", "P2": "0", "Q1": "02:00"}, results=[Result("c4", FAILED, max_points=2)])
    assert {"n", "p"} <= set(allowed_keys(screen)), "what is red may be answered again, or left"
    screen.finished = True
    assert not {"n", "p"} & set(allowed_keys(screen))
    words = LAB.words("en", LAB.params(None))
    shown = paint_all(render_screen(screen, words, 200), False)
    for code, said, truth in (("P1", "0", "C"), ("Q1", "03:00", "02:00")):
        assert words(f"predictions.{code}.wrong", said=said, truth=truth) in shown


def test_a_pager_that_says_nothing_is_mended(tmp_path: Path) -> None:
    place = tmp_path / "15-capstone"
    place.mkdir()
    for path in LAB.path.iterdir():
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            (place / path.name).write_text(text.replace("\npage = ", "\npaged = ", 1), encoding="utf-8")
    (place / "wrong").symlink_to(LAB.path / "wrong")
    assert "the pager rings at step campaign and says nothing" in lint(read_lab(place))


@pytest.mark.parametrize(("text", "answer"), [
    ("2:13", "02:13"), ("02h13", "02:13"), (" 23:59:58 ", "23:59"), ("24:00", None), ("12:60", None), ("noon", None)])
def test_a_time_of_the_day_is_read(text: str, answer: str | None) -> None:
    assert read("clock", text) == answer


def wall(hours: int, minutes: int, seconds: int = 0) -> float:
    return 86400.0 * 20000 + 3600 * hours + 60 * minutes + seconds


def test_a_time_agrees_within_a_minute_on_the_clock_there_or_in_utc() -> None:
    clocks = Clocks(zone=3600, marks=[(10.0, wall(23, 59, 30))])
    assert clocks.text(10.0) == "00:59"
    for said, right in {"00:58": True, "00:59": True, "01:00": True, "01:01": False, "00:57": False, "23:58": True,
                        "00:00": True, "00:01": False, "22:59": False}.items():
        assert clocks.agrees(said, 10.0) is right, said


def test_what_happened_between_two_commands_happened_between_them_when_they_were_first_typed() -> None:
    clocks = Clocks(zone=0, marks=[(100.0, wall(2, 0)), (101.0, wall(2, 10)), (102.0, wall(3, 0))])
    assert clocks.wall(100.5) == (wall(2, 0), wall(2, 10))
    assert clocks.agrees("02:05", 100.5) and not clocks.agrees("02:12", 100.5) and not clocks.agrees("01:58", 100.5)
    assert clocks.wall(105.0) == (wall(3, 0), wall(3, 0) + 3)
    assert Clocks(zone=0).agrees(time.strftime("%H:%M", time.gmtime()), time.monotonic())


def replayed(monkeypatch: pytest.MonkeyPatch, *commands: Command) -> list[str]:
    """What was typed and when the pager rang, where `one` closes the first step and `two` the next."""
    done: list[str] = []
    cluster = SimpleNamespace(hosts=[SimpleNamespace(name="manager1")])
    stand = SimpleNamespace(lab=LAB, progress=Progress(LAB.id), clocks=Clocks(), run=SimpleNamespace(speed=1.0),
                            eyes=SimpleNamespace(cluster=cluster))
    module = "labs.kit.grading.replay"
    needs = {"probe": "one", "campaign": "two", "wave": "one"}

    def closed(*_: object) -> list[Result]:
        needed = needs.get(LAB.steps[stand.progress.step].id)
        return [Result("x", PASSED if needed in done else FAILED)]

    monkeypatch.setattr(f"{module}.settle", closed)
    monkeypatch.setattr(f"{module}.arrive", lambda one: done.append("ring " + LAB.steps[one.progress.step].id))
    typist = SimpleNamespace(type=lambda host, line: done.append(line), forget=lambda host: None)
    hand_in = HandIn("zoe", LAB.id, "1", commands, sitting=Sitting({"probe": 1}, 0.0))
    Replay(cast(Any, stand), cast(Any, typist)).play(hand_in)
    assert stand.progress.hints == {"probe": 1}
    assert [at for _, at in stand.clocks.marks] == [command.at for command in commands if command.at]
    return done


def test_in_a_replay_the_pager_rings_where_it_rang_else_as_each_step_is_reached(
        monkeypatch: pytest.MonkeyPatch) -> None:
    one, look, two = (Command("manager1", line, at) for line, at in (("one", 1.0), ("look", 2.0), ("two", 4.0)))
    ring, early = (Command(OUTSIDE, f"{RING_LINE}{step}", 3.0) for step in ("campaign", "wave"))
    assert replayed(monkeypatch, one, look, ring, two) == ["one", "look", "ring campaign", "two"]
    late = Command(OUTSIDE, f"{RING_LINE}wave", 5.0)
    assert replayed(monkeypatch, one, ring, two, look, late)[-2:] == ["look", "ring wave"], "not passed over unrung"
    assert replayed(monkeypatch, one, early, two) == ["one", "two"], "a step not reached brings nothing"
    assert replayed(monkeypatch, one, look, two) == [
        "one", "ring predict", "ring campaign", "look", "two", "ring wave", "ring maintenance"]


def handed_in(**manifest: Any) -> Callable[[], Any]:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("manifest.json", json.dumps({"format": 1, "lab": LAB.id, "seed": "1", **manifest}))
        archive.writestr("answers.json", "{}")
    return lambda: bundle("zoe", out.getvalue())


def test_a_hand_in_tells_of_the_sitting() -> None:
    assert handed_in(hints={"probe": 2}, zone=3600)().sitting == Sitting({"probe": 2}, 3600.0)
    assert handed_in()().sitting == Sitting()
    assert sitting({"hints": {"a": "3", "b": -1}, "zone": 1e9}) == Sitting()
