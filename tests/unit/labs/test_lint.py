"""What `lab lint` finds without a cluster."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from labs.kit.folder import find_lab, read_lab
from labs.kit.grading.lint import lint

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
