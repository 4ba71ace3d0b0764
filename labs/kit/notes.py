"""Owns the course notes as data, and in which lab and step each of their lines is practised. Prints nothing.

The lines and the labs to come are in labs/notes.toml; a lab's own lines in its lab.toml, a step's in its steps.toml.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labs.kit.folder import LABS, Lab
from labs.kit.words import read_toml

NOTES = LABS / "notes.toml"


@dataclass(frozen=True)
class NoteLine:
    """One line of the notes. `text`: by language."""

    id: str
    section: str
    text: dict[str, str]


@dataclass(frozen=True)
class Coming:
    """A lab that is planned. `title`: by language."""

    id: str
    title: dict[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where a line is practised: a lab, the numbers of its steps from 1 (none: throughout), and which are graded."""

    lab: Lab
    steps: tuple[int, ...]
    graded: bool


@dataclass(frozen=True)
class Notes:
    """All lines in the notes' order, their sections' titles by language, and the labs to come."""

    lines: tuple[NoteLine, ...]
    sections: dict[str, dict[str, str]]
    coming: tuple[Coming, ...]

    def find(self, wanted: str) -> NoteLine | None:
        """The line of this id, however it is written."""
        return next((line for line in self.lines if line.id == wanted.strip().upper()), None)

    def coming_for(self, line: str, labs: Iterable[Lab]) -> list[Coming]:
        """The planned labs that will practise this line."""
        return [one for one in self.not_yet(labs) if line in one.notes]

    def not_yet(self, labs: Iterable[Lab]) -> list[Coming]:
        """The planned labs that have no folder yet."""
        there = {lab.id for lab in labs}
        return [one for one in self.coming if one.id not in there]


def read_notes(path: Path = NOTES) -> Notes:
    """The notes, from their file."""
    table = read_toml(path)
    lines = tuple(NoteLine(code, code[0], dict(text)) for code, text in table["line"].items())
    coming = tuple(Coming(lab, {lang: text for lang, text in item.items() if lang != "notes"}, tuple(item["notes"]))
                   for lab, item in table["coming"].items())
    return Notes(lines, {letter: dict(text) for letter, text in table["section"].items()}, coming)


def places(line: str, labs: Iterable[Lab]) -> list[Place]:
    """Where it is practised, in the labs' order."""
    return [_place(line, lab) for lab in labs if line in lab.notes]


def _place(line: str, lab: Lab) -> Place:
    points = {check.code for check in lab.checks().checks.values() if check.points}
    steps = [(number, step) for number, step in enumerate(lab.steps, 1) if line in step.notes]
    graded = any(points & {*step.checks, *step.also} for _, step in steps or enumerate(lab.steps))
    return Place(lab, tuple(number for number, _ in steps), graded)


def problems(notes: Notes, labs: Sequence[Lab]) -> list[str]:
    """What the table lacks, a sentence each: a line that nobody practises or grades, a name that is no line."""
    known = {line.id for line in notes.lines}
    found = [f"{lab.id} names {code}, which is no line of the notes" for lab in labs
             for code in sorted({*lab.notes, *(code for step in lab.steps for code in step.notes)} - known,
                                key=in_order)]
    found += [f"{lab.id}: step {step.id} practises {code}, which lab.toml does not name" for lab in labs
              for step in lab.steps for code in step.notes if code not in lab.notes]
    for line in notes.lines:
        if not notes.coming_for(line.id, labs) and not any(place.graded for place in places(line.id, labs)):
            found.append(f"{line.id} is in no graded step of any lab")
    return found


def in_order(code: str) -> tuple[str, int]:
    """G2 comes before G10."""
    return code[:1], int(re.sub(r"\D", "", code) or 0)

