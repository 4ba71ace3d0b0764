"""What `lab lint` finds without a cluster."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from labs.kit.folder import find_lab, read_lab
from labs.kit.grading.lint import lint
from labs.kit.grading.rehearsal import Case, read_case
from labs.kit.grading.rehearsals import TOGETHER, cases_of, plays

SCALING = find_lab("03").path


def test_lab_03_has_nothing_to_mend() -> None:
    assert lint(find_lab("03")) == []


@pytest.mark.parametrize(("file", "old", "new", "says"), [
    ("lab.fr.toml", "[steps.look]\ntitle =", "[steps.look]\nother =", "lab.fr.toml lacks steps.look.title"),
    ("lab.en.toml", "Count processes, then", "docker service scale {service}={target}", "gives the command away"),
    ("steps.toml", '"sc7"', '"sc77"', "sc77"),
    ("lab.toml", "minutes = 25", "minutes = 90", "90 minutes"),
    ("lab.toml", "predicted_points = 2", "predicted_points = 3", "21 points"),
    ("solution.sh", "{low}", "{lowest}", "nothing fills {lowest}"),
    ("lab.en.toml", "Ask for {low} tasks.", "docker service scale {service}={low}", "steps.down.goal holds a line"),
    ("lab.en.toml", "{target} names must", "{targets} names must", "nothing fills {targets} in steps.answer.goal"),
    ("lab.en.toml", "{target} names must", "{low} names must", "steps.answer.goal has the holes"),
    ("lab.toml", 'P3 = "split"', "", "question P3 has no kind"),
    ("checks.py", '@lab.truth("P3")', "@lab.truth('P4')", "question P3 has no truth"),
    ("wrong/08_zero.sh", "# expect: zero", "# expect: zeroes", "'zeroes'"),
])
def test_each_fault_is_named(tmp_path: Path, file: str, old: str, new: str, says: str) -> None:
    place = tmp_path / "03-scaling"
    shutil.copytree(SCALING, place)
    text = (place / file).read_text(encoding="utf-8")
    assert old in text
    (place / file).write_text(text.replace(old, new), encoding="utf-8")
    assert says in "\n".join(lint(read_lab(place)))


def test_too_few_wrong_answers(tmp_path: Path) -> None:
    place = tmp_path / "03-scaling"
    shutil.copytree(SCALING, place)
    for script in sorted((place / "wrong").glob("*.sh"))[7:]:
        script.unlink()
    assert "7 wrong answers; at least 8" in lint(read_lab(place))


def test_what_is_played() -> None:
    lab = find_lab("03")
    fast, full = cases_of(lab, 20, fast=True), cases_of(lab, 20, fast=False)
    assert [case.kind for case in fast] == ["untouched", "wrong", "wrong", "solution"]
    assert fast == cases_of(lab, 20, fast=True) != cases_of(lab, 20, fast=True, drawn="2")
    assert len(full) == 1 + len(lab.wrong()) + 20 and len({case.text for case in full}) == len(full)
    assert [case.hurried for case in full if case.kind == "solution"] == [False] * 2 + [True] * 18
    shared = plays(lab, full)
    assert sorted(case.text for play in shared for case in play.cases) == sorted(case.text for case in full)
    assert max(len(play.cases) for play in shared) <= TOGETHER


@pytest.mark.parametrize("case", [
    Case("untouched"), Case("wrong", "zero"), Case("solution"), Case("solution", "lint3", hurried=True),
    Case("solution", "", hurried=True)])
def test_a_case_is_told_to_another_process(case: Case) -> None:
    assert read_case(case.text) == case
