"""The reference solution: whose part may be seen when, what stands beside it, and that looking leaves no trace."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from labs.kit.cli import build_app
from labs.kit.comparing import SIDE_BY_SIDE, compare, render_comparison
from labs.kit.events import ENTERED, EVENTS_FILE, note
from labs.kit.folder import Lab, all_labs, find_lab, read_lab
from labs.kit.grading.submit import pack, typed
from labs.kit.guide import Guide
from labs.kit.progress import Progress, Run, Store
from labs.kit.referee import Referee
from labs.kit.screen import COMPARE, WATCH, Screen, allowed_keys, render_screen
from labs.kit.solution import Comparison, open_steps, parts, while_at
from labs.kit.style import length, paint_all
from labs.kit.words import LANGUAGES
from tests.unit.labs.views import LAB, PARAMS

LABS = [read_lab(path) for path in all_labs()]
STEPS = {step.id: number for number, step in enumerate(LAB.steps)}


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_no_line_of_a_solution_is_lost_or_shown_twice(lab: Lab) -> None:
    lines = [line for line in lab.solution().splitlines() if line.strip() and line[0] not in "#@"]
    assert sorted(line for part in parts(lab).values() for _, line in part) == sorted(lines)


def test_each_part_has_the_host_it_is_typed_on() -> None:
    found = parts(LAB)
    assert found["up"] == (("manager1", "docker service scale {service}={target}"),)
    assert found["answer"] == (("client", "lab load {burst} {url}"),)
    assert found["predict_up"] == ()
    assert parts(find_lab("08"))["off"] == (("outside", "lab host {dead} poweroff"),)


def test_nothing_may_be_seen_before_it_is_passed() -> None:
    assert open_steps(LAB, Progress(LAB.id)) == []
    assert open_steps(LAB, Progress(LAB.id, step=2)) == [0]
    assert open_steps(LAB, Progress(LAB.id, step=2, done={"up"})) == [0, 2]
    assert open_steps(LAB, Progress(LAB.id, step=9, finished=True)) == [0, 2, 3, 4, 6, 7, 8, 9]


def test_a_seeds_solution_is_seen_once_the_whole_lab_is_passed() -> None:
    graded = Progress(LAB.id, "s1", step=9, done={step.id for step in LAB.steps})
    assert open_steps(LAB, graded) == []
    graded.finished = True
    assert len(open_steps(LAB, graded)) == 8


def test_what_was_typed_belongs_to_the_step_one_was_at() -> None:
    entered = [(1.0, "look"), (5.0, "up"), (9.0, "where")]
    lines = [(0.5, ("a", "early")), (2.0, ("a", "one")), (5.0, ("a", "two")), (20.0, ("b", "three"))]
    assert while_at("look", entered, lines) == (("a", "one"),)
    assert while_at("up", entered, lines) == (("a", "two"),)
    assert while_at("where", entered, lines) == (("b", "three"),)
    assert while_at("goal", entered, lines) == ()


SHOWN = Comparison(2, (("manager1", "docker service create --name web2 --replicas 10 --publish 8080:80 nginx"),
                       ("worker1", "docker ps\ndocker\x1b[2J")), (("manager1", "docker service scale web=10"),))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("width", [40, 60, SIDE_BY_SIDE, 80, 120])
def test_both_stand_side_by_side_or_one_below_the_other(width: int, lang: str) -> None:
    rows = render_comparison(SHOWN, LAB, LAB.words(lang, PARAMS), width)
    text = paint_all(rows, colour=False)
    assert max(length(row) for row in rows) <= width
    assert "\x1b" not in text and "docker service scale" in text and "docker ps" in text
    assert ("│" in text) == (width >= SIDE_BY_SIDE)


def test_the_guide_offers_it_only_for_what_is_open() -> None:
    state = Screen(LAB, STEPS["up"], checking=False)
    assert "s" not in allowed_keys(state)
    state.open_steps = (0, 2)
    assert "s" in allowed_keys(state)
    state.mode, state.compared = COMPARE, SHOWN
    assert allowed_keys(state) == ["b"]
    text = paint_all(render_screen(state, LAB.words("en", PARAMS), 80), colour=False)
    assert "docker service scale web=10" in text and "b:back" in text and "n:next" not in text


class Cluster:
    def __init__(self, place: Path) -> None:
        self.outside = self.run_dir = place
        self.hosts = [SimpleNamespace(name="manager1")]
        (place / "hosts" / "manager1").mkdir(parents=True)


def running(place: Path, progress: Progress) -> Referee:
    """As far as a lab's record goes, without its cluster."""
    store = Store("x", place, scratch=True)
    store.save_run(Run(LAB.id, None, cast("Any", SimpleNamespace(to_json=list))))
    eyes = cast("Any", SimpleNamespace(cluster=Cluster(place), engines={}))
    referee = Referee(LAB, PARAMS, eyes, store, progress, cast("Any", SimpleNamespace(seed=None, speed=1.0)))
    referee.enter(progress.step)
    return referee


def type_on(place: Path, line: str) -> None:
    import time

    with (place / "hosts" / "manager1" / "typed").open("a") as file:
        file.write(f"{int(time.time() * 1e6)}\t{line}\0")


def test_the_guide_shows_it_and_goes_through_the_steps(tmp_path: Path) -> None:
    referee = running(tmp_path, Progress(LAB.id))
    type_on(tmp_path, "docker service ls")
    referee.enter(2)
    type_on(tmp_path, "docker service scale web=9")
    referee.progress.done.add("up")
    guide = Guide.__new__(Guide)
    guide.referee, guide.screen = referee, Screen(LAB, 2, open_steps=(0, 2))
    guide.words, guide.draw = LAB.words("en", PARAMS), cast("Any", lambda: None)  # type: ignore[method-assign]
    guide.press("s")
    assert guide.screen.compared == Comparison(2, (("manager1", "docker service scale web=9"),),
                                               (("manager1", "docker service scale web=10"),))
    guide.press("b")
    assert guide.screen.compared.number == 0 and guide.screen.compared.mine == (("manager1", "docker service ls"),)
    guide.press("b")
    assert guide.screen.mode == WATCH


def test_what_ends_while_one_looks_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    referee = running(tmp_path, Progress(LAB.id, step=2, done={"up"}))
    guide = Guide.__new__(Guide)
    guide.referee, guide.screen = referee, Screen(LAB, 2, open_steps=(2,))
    guide.words, guide.draw = LAB.words("en", PARAMS), cast("Any", lambda: None)  # type: ignore[method-assign]
    guide._resized, guide._interrupted, guide._stamp = False, False, referee.store.stamp()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(fileno=lambda: 0))
    guide.press("s")
    assert guide.screen.compared is not None and guide.screen.compared.mine == ()
    type_on(tmp_path, "docker service scale web=10")
    guide._turn(cast("Any", SimpleNamespace(wait=lambda keyboard, seconds: set())))
    assert guide.screen.compared.mine == (("manager1", "docker service scale web=10"),)


def test_looking_leaves_nothing_in_progress_events_and_hand_in(tmp_path: Path) -> None:
    referee = running(tmp_path, Progress(LAB.id, step=4, done={"up"}))
    type_on(tmp_path, "docker service update --replicas 10 web")
    before = referee.store.progress(LAB.id).to_text(), (tmp_path / EVENTS_FILE).read_text()
    render_comparison(compare(referee, 2), LAB, LAB.words("en", PARAMS), 80)
    assert before == (referee.store.progress(LAB.id).to_text(), (tmp_path / EVENTS_FILE).read_text())
    results = {"lab": LAB.id, "seed_id": None, "lab_hash": "", "host_facts": {}, "checks": []}
    packed = pack("s", results, {}, typed(tmp_path, ["manager1"], referee.store.every_event), tmp_path)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        everything = "".join(archive.read(name).decode() for name in archive.namelist())
    assert "update --replicas" in everything and "scale" not in everything


def test_what_was_typed_at_another_cluster_is_not_kept(tmp_path: Path) -> None:
    found = compare(running(tmp_path, Progress(LAB.id, step=4)), 2)
    text = paint_all(render_comparison(found, LAB, LAB.words("en", PARAMS), 60), colour=False)
    assert not found.kept and "not kept" in text


def ask(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(build_app(), ["solution", "--lab", "03", "--lang", "en", *words])
    return done.exit_code, done.output


def test_the_command_of_a_lab_that_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    kept = Store(LAB.id, tmp_path, scratch=False)
    kept.save_progress(Progress(LAB.id))
    assert ask()[0] == 1 and "No solution can be seen yet" in ask()[1]
    assert ask("3")[0] == 1 and "not passed yet" in ask("3")[1]
    assert ask("2")[0] == 2 and "There are: 1, 3, 4" in ask("2")[1]
    kept.save_progress(Progress(LAB.id, step=3))
    code, shown = ask()
    assert shown.count("Another way is as good") == 1
    assert code == 0 and "cluster that is gone" in shown
    assert "docker service scale web=10" in shown and "web=3" not in shown
    kept.save_progress(Progress(LAB.id, "s1", step=9))
    assert ask()[0] == 1
    kept.save_progress(Progress(LAB.id, "s1", step=9, finished=True))
    graded = LAB.params("s1")
    assert f"docker service scale {graded.service}={graded.low}" in ask("7")[1]


def test_coming_to_a_step_is_an_event(tmp_path: Path) -> None:
    (tmp_path / EVENTS_FILE).write_text("")
    note(tmp_path, ENTERED, step="up")
    (line,) = (tmp_path / EVENTS_FILE).read_text().splitlines()
    assert json.loads(line)["data"] == {"step": "up"}
