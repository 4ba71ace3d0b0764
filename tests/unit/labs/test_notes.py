"""The course notes' table: no line without a graded step, and none that nobody wrote."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from labs.kit.cli import build_app
from labs.kit.folder import all_labs, read_lab
from labs.kit.notes import Place, in_order, places, problems, read_notes
from labs.kit.words import LANGUAGES

BOOK = read_notes()
LABS = [read_lab(path) for path in all_labs()]


def test_every_line_is_graded_somewhere_or_coming() -> None:
    assert problems(BOOK, LABS) == []


def test_the_lines_are_those_of_the_notes_in_their_order() -> None:
    codes = [line.id for line in BOOK.lines]
    assert codes == sorted(codes, key=in_order) and (len(codes), codes[0], codes[-1]) == (40, "A1", "G12")
    assert all(set(line.text) == set(LANGUAGES) and all(line.text.values()) for line in BOOK.lines)
    assert all(set(one.title) == set(LANGUAGES) for one in BOOK.coming)


def test_each_gap_is_named() -> None:
    scaling = next(lab for lab in LABS if lab.id == "03-scaling")
    without = replace(scaling, table={**scaling.table, "notes": []})
    found = problems(BOOK, [without])
    assert "G6 is in no graded step of any lab" in found
    assert "03-scaling: step up practises G6, which lab.toml does not name" in found
    odd = replace(scaling, table={**scaling.table, "notes": [*scaling.notes, "H9"]})
    assert "03-scaling names H9, which is no line of the notes" in problems(BOOK, [odd])
    ungraded = replace(scaling, steps=tuple(replace(step, checks=()) for step in scaling.steps))
    assert "G6 is in no graded step of any lab" in problems(BOOK, [ungraded])


def test_where_a_line_is() -> None:
    [found] = places("A6", [lab for lab in LABS if lab.id == "03-scaling"])
    assert found == Place(found.lab, (9,), graded=True)


@pytest.mark.parametrize(("words", "code", "says"), [
    (["notes", "g6", "--lang", "fr"], 0, "étape 3"),
    (["for", "G6", "--lang", "en"], 0, "Start there: lab run 03-scaling"),
    (["for", "D5", "--lang", "en"], 0, "Start there: lab run 13-managers"),
    (["notes", "--lang", "fr"], 0, "RÉSEAU OVERLAY"),
    (["notes", "Z1", "--lang", "fr"], 2, "de A1 à G12"),
])
def test_the_command(words: list[str], code: int, says: str) -> None:
    done = CliRunner().invoke(build_app(), words)
    assert (done.exit_code, says in done.output) == (code, True), done.output
