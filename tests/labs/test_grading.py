"""Grading on real clusters: a right, a wrong and a hostile hand-in side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.kit.folder import find_lab
from labs.kit.grading.handin import HandIn, script
from labs.kit.grading.pool import grade_all
from labs.kit.play import HOLE

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(600)]
LAB = find_lab("03-scaling")
HOSTILE = Path(__file__).parent.parent / "hostile"


def hand_in(student: str, text: str) -> HandIn:
    """A script of the lab with the guided values filled in, as a hand-in."""
    values = LAB.params(None).values()
    return script(student, HOLE.sub(lambda hole: str(values[hole.group(1)]), text).encode())


def test_the_neighbour_of_a_hostile_hand_in_gets_all_points() -> None:
    wrong = LAB.wrong()["zero"].read_text(encoding="utf-8")
    found = grade_all([
        hand_in("right", LAB.solution()), hand_in("wrong", wrong),
        script("hostile", (HOSTILE / "endless_output.sh").read_bytes()),
    ], "en", 3, LAB.id)
    right, zero, hostile = found
    assert [one["status"] for one in found] == ["graded"] * 3, found
    assert (right["score"], right["notes"]) == (20, [])
    assert "zero" in {check["mistake"] for check in zero["checks"]} and zero["score"] < 10
    assert hostile["score"] == 0 and "characters of output" in " ".join(hostile["notes"])
