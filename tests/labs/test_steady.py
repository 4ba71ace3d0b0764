"""The same hand-in earns the same every time, also on a machine that has too much to do.

`GRADE_RUNS=100` asks for so many gradings of a right hand-in and a fifth as many of a wrong one, beside two busy
processes of ours for each processor. Without it nothing is graded here: whoever keeps every processor busy disturbs
all tests that run at the same time. `GRADE_JOBS` says how many are graded at a time; what was found is appended to
the file `GRADE_LOG`, if there is one.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from labs.kit.folder import find_lab
from labs.kit.grading.handin import HandIn, gather
from labs.kit.grading.pool import grade_all
from tests.classroom import Member, right, wrong
from tests.stress import busy

RUNS, JOBS = int(os.environ.get("GRADE_RUNS", "2")), int(os.environ.get("GRADE_JOBS", "2"))
EACH = 2
LAB = find_lab("03-scaling")
pytestmark = [
    pytest.mark.skipif("GRADE_RUNS" not in os.environ, reason="long form: GRADE_RUNS=100"),
    pytest.mark.kernel, pytest.mark.timeout(300 + 120 * RUNS), pytest.mark.usefixtures("own_base"),
]
Verdict = tuple[Any, ...]


def verdict(one: dict[str, Any]) -> Verdict:
    """What a student gets to know: the score, and of each check its state, its points and its mistake."""
    checks = tuple((check["id"], check["status"], check["points"], check["mistake"]) for check in one["checks"])
    return one["status"], one["score"], checks


def read(member: Member, folder: Path) -> HandIn:
    (folder / member.file).write_bytes(member.data)
    [found] = gather([folder / member.file])
    return found


def log(one: dict[str, Any]) -> None:
    if path := os.environ.get("GRADE_LOG"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(one, ensure_ascii=False) + "\n")


def told(found: Counter[Verdict]) -> str:
    return "\n".join(f"{times} times {status}, {score} points; not passed: "
                     + (", ".join(f"{code} {state}" for code, state, *_ in checks if state != "passed") or "–")
                     for (status, score, checks), times in found.items())


def test_the_same_hand_in_earns_the_same_each_time(tmp_path: Path) -> None:
    """The wrong one has too few tasks for its traffic: what tells them apart is how many requests a second fail."""
    good = read(right(LAB, 1), tmp_path)
    [bad] = [read(member, tmp_path) for member in wrong(LAB) if member.mistake == "under_sized"]
    with busy(EACH * (os.cpu_count() or 1)):
        found = grade_all([good] * RUNS + [bad] * max(1, RUNS // 5), "en", JOBS, LAB.id, done=log)
    goods, bads = Counter(map(verdict, found[:RUNS])), Counter(map(verdict, found[RUNS:]))
    assert [one[:2] for one in goods] == [("graded", 20)], told(goods)
    [(status, score, checks)] = bads
    assert len(bads) == 1 and status == "graded" and score < 20, told(bads)
    assert {mistake for *_, mistake in checks} - {None} == {"under_sized"}, told(bads)
