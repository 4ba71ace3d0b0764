"""`pytest labs/03-scaling --submission PATH`: failures are the student's, errors the grader's. No cluster here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from topologies.cluster import PROJECT

FAKE = '''
from labs.kit.grading import pytest_plugin
from labs.kit.grading.worker import broken

def grade_all(hand_ins, lang, jobs, lab, seed, covers):
    [one] = hand_ins
    if one.student == "unlucky":
        return [broken(one, "the machine is full")]
    text = dict(sentence="tasks live", needs=[], error=None, where="/proc", help=None, mistake=None, seconds=0)
    checks = [dict(text, id="sc2", status="passed", points=1, max_points=1),
              dict(text, id="sc3", status="failed", points=0, max_points=2, expected=10, actual=7,
                   help="7 live.", mistake="not_enough"),
              dict(text, id="sc4", status="error", points=0, max_points=2, error="no answer")]
    return [dict(student=one.student, lab=lab, status="graded", checks=checks, notes=[], score=1, max_score=20)]

pytest_plugin.grade_all = grade_all
'''


def graded(tmp_path: Path, *words: str) -> tuple[subprocess.CompletedProcess[str], ElementTree.Element | None]:
    (tmp_path / "faked.py").write_text(FAKE)
    report = tmp_path / "junit.xml"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "labs/03-scaling", "-p", "faked", f"--junitxml={report}", *words],
        cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    return done, ElementTree.parse(report).getroot() if report.exists() else None


def test_a_check_is_an_item_with_its_points(tmp_path: Path) -> None:
    (tmp_path / "zoe.sh").write_text("docker service ls\n")
    done, report = graded(tmp_path, "--submission", str(tmp_path / "zoe.sh"))
    assert report is not None
    cases = {case.get("name", ""): case for case in report.iter("testcase")}
    kinds = {name: [child.tag for child in case if child.tag in ("failure", "error")] for name, case in cases.items()}
    assert kinds["sc2[zoe]"] == [] and kinds["sc3[zoe]"] == ["failure"] and kinds["sc4[zoe]"] == ["error"]
    points = {item.get("name"): item.get("value") for item in cases["sc3[zoe]"].iter("property")}
    assert (points["max_points"], points["points"]) == ("2", "0")
    assert "expected  10" in done.stdout and "7 live.  [not_enough]" in done.stdout and "zoe: 1/20" in done.stdout
    assert "Traceback" not in done.stdout and done.returncode == 1


def test_what_the_grader_could_not_do_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "unlucky.sh").write_text("docker service ls\n")
    done, report = graded(tmp_path, "--submission", str(tmp_path / "unlucky.sh"))
    assert report is not None
    assert {child.tag for case in report.iter("testcase") for child in case if child.tag != "properties"} == {"error"}
    assert "the machine is full" in done.stdout and "unlucky: no score/20" in done.stdout


@pytest.mark.parametrize(("words", "says"), [
    ([], "--submission PATH"), (["--submission", "/no/such"], "there is no /no/such")])
def test_wrong_usage(tmp_path: Path, words: list[str], says: str) -> None:
    done, _ = graded(tmp_path, *words)
    assert done.returncode != 0 and says in done.stdout
