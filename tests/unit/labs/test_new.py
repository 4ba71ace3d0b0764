"""`lab new`: names, places, and what the template holds. That it plays: tests/labs/test_new.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from labs.kit.cli import build_app
from labs.kit.folder import LABS, Lab, all_labs, find_lab, places_of_labs, read_lab
from labs.kit.grading.lint import lint, todos
from labs.kit.new_command import LONGEST_NAME, BadName, full_name, make
from labs.kit.words import LANGUAGES

THERE = {path.name for path in all_labs()}


@pytest.fixture
def made(tmp_path: Path) -> Lab:
    return read_lab(make(tmp_path, "20-greeting"))


def test_the_template_is_sound_and_says_what_is_left(made: Lab) -> None:
    assert lint(made) == []
    left = todos(made)
    assert "1 wrong answer; at least 8" in left
    named = {text.split(":")[0] for text in left[:-1]}
    assert named == {"lab.toml", "steps.toml", "checks.py", "lab.en.toml", "lab.fr.toml"}


def test_it_is_a_lab_of_that_name(made: Lab) -> None:
    assert (made.id, made.path.name, made.checks().lab) == ("20-greeting",) * 3 and made.table["order"] == 20
    assert not [file for file in made.path.rglob("*") if file.is_file() and "@ID@" in file.read_text()]
    for lang in LANGUAGES:
        assert "greeting" in made.words(lang, made.params(None))("title")


def test_a_lab_that_is_no_draft_may_leave_nothing(made: Lab) -> None:
    table = made.path / "lab.toml"
    text = table.read_text().replace("draft = true\n", "")
    other = make(made.path.parent, "21-done")
    (other / "lab.toml").write_text(text.replace("20-greeting", "21-done"))
    found = "\n".join(lint(read_lab(other)))
    assert "checks.py:" in found and "1 wrong answer; at least 8" in found


@pytest.mark.parametrize("lab", [read_lab(path) for path in all_labs()], ids=lambda lab: lab.id)
def test_no_lab_of_the_course_is_a_draft(lab: Lab) -> None:
    assert not lab.draft and todos(lab) == []


@pytest.mark.parametrize(("name", "whole"), [
    ("20-greeting", "20-greeting"), ("greeting", "20-greeting"), ("two-words-2", "20-two-words-2")])
def test_names(name: str, whole: str) -> None:
    assert full_name(name, THERE) == whole


def test_the_next_free_number_is_taken() -> None:
    assert full_name("b", THERE | {"20-a", "21-x"}) == "22-b"
    with pytest.raises(BadName, match="20 to 99"):
        full_name("b", {f"{number}-x" for number in range(20, 100)})


@pytest.mark.parametrize(("name", "why"), [
    ("03-other", "taken by 03-scaling"), ("Greeting", "cannot be"), ("../greeting", "cannot be"), ("", "cannot be"),
    ("20-", "cannot be"), ("2-x", "cannot be"), ("200-x", "cannot be"), ("a b", "cannot be"), ("-x", "cannot be"),
    ("20-x--y", "cannot be"), ("grüße", "cannot be"), ("x" * (LONGEST_NAME - 2), "at most 32"),
    ("20-x.py", "cannot be"), ("03-scaling", "is there already"),
])
def test_bad_names(name: str, why: str) -> None:
    with pytest.raises(BadName, match=why):
        full_name(name, THERE)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_PATH", str(tmp_path / "mine"))
    runner, app = CliRunner(), build_app()
    done = runner.invoke(app, ["new", "greeting"])
    assert done.exit_code == 0 and "lab run 20-greeting" in done.output
    assert find_lab("20").path == tmp_path / "mine" / "20-greeting"
    assert "20-greeting" in runner.invoke(app, ["list", "--lang", "fr"]).output
    again = runner.invoke(app, ["new", "20-greeting"])
    assert again.exit_code == 2 and "20-greeting is there already" in again.output
    linted = runner.invoke(app, ["lint", "20", "--folder"])
    left = len(todos(find_lab("20")))
    assert linted.exit_code == 0 and "folder ok" in linted.output and f"draft, {left} TODO" in linted.output


def test_what_is_there_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_PATH", str(tmp_path))
    (tmp_path / "20-mine").mkdir()
    (tmp_path / "20-mine" / "notes").write_text("keep")
    done = CliRunner().invoke(build_app(), ["new", "20-mine"])
    assert done.exit_code == 2 and "is there already" in done.output
    assert [path.name for path in (tmp_path / "20-mine").iterdir()] == ["notes"]


def test_a_place_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LAB_PATH", str(tmp_path / "file"))
    done = CliRunner().invoke(build_app(), ["new", "greeting"])
    assert done.exit_code == 3 and "LAB_PATH=FOLDER" in done.output


def test_where_labs_are_looked_for(tmp_path: Path) -> None:
    assert places_of_labs({}) == [LABS]
    assert places_of_labs({"LAB_PATH": f"/a::{tmp_path}"}) == [Path("/a"), tmp_path, LABS]
