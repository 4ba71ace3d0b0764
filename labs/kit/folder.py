"""Owns a lab's folder on disk: its table, steps, texts, checks, solution and wrong answers. Runs nothing of it."""

from __future__ import annotations

import difflib
import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labs.kit.checks import Checks
from labs.kit.params import Derive, Params, graded, guided
from labs.kit.words import Words, kit_words, read_toml

LABS = Path(__file__).parent.parent
_ELSEWHERE = re.compile(r"(outside|client|NODE|[a-z]+\d|\{\w+\}): (.+)")
HOLE = re.compile(r"\{(\w+)\}")
"""In a script: where a value of the lab goes."""

FIRST_HOST = "manager1"
"""Where a script types before it says where."""


class UnknownLab(Exception):
    """No folder of that name; says which there are, the nearest first."""


@dataclass(frozen=True)
class Step:
    id: str
    on: str
    commands: tuple[str, ...]
    checks: tuple[str, ...]
    goal: str
    predict: tuple[str, ...]
    ask: tuple[str, ...] = ()
    """Questions about what was seen, with a measured answer."""
    notes: tuple[str, ...] = ()
    """The lines of the course notes (labs/notes.toml) that are met here."""
    also: tuple[str, ...] = ()
    """Checks that are shown here and do not keep the step open: what they judge may be past mending."""
    rings: bool = False
    """The pager rings as the step is reached (`page` in the texts), and `happens` happens: see incidents.py."""
    happens: tuple[Mapping[str, str], ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """Everything that is to be answered at this step."""
        return (*self.predict, *self.ask)

    @property
    def typed(self) -> list[tuple[str, str]]:
        """Each command and the host it is for: `HOST: command` is typed there, all others on `on`."""
        found = [(_ELSEWHERE.fullmatch(command), command) for command in self.commands]
        return [(other[1], other[2]) if other else (self.on, command) for other, command in found]


@dataclass(frozen=True)
class Lab:
    """One lab as its folder describes it."""

    path: Path
    table: Mapping[str, Any]
    steps: tuple[Step, ...]

    @property
    def id(self) -> str:
        return str(self.table["id"])

    @property
    def draft(self) -> bool:
        """Its author has not finished it."""
        return bool(self.table.get("draft", False))

    @property
    def exam(self) -> bool:
        """Played in one sitting; a hint costs a point; the final inspection ends it, whatever it finds."""
        return bool(self.table.get("exam", False))

    @property
    def notes(self) -> tuple[str, ...]:
        """The lines of the course notes that this lab practises."""
        return tuple(self.table.get("notes", ()))

    @property
    def predictions(self) -> tuple[str, ...]:
        return tuple(code for step in self.steps for code in step.predict)

    @property
    def questions(self) -> tuple[str, ...]:
        """Predictions and questions, in the order they are asked."""
        return tuple(code for step in self.steps for code in step.asked)

    def words(self, lang: str, params: Params) -> Words:
        """The kit's texts and the lab's, the lab's values known."""
        return kit_words(lang).adding(read_toml(self.path / f"lab.{lang}.toml"), params.values())

    def params(self, seed: str | None) -> Params:
        """Guided values without a seed, drawn ones with it."""
        derive: Derive | None = getattr(self._module("values"), "derive", None)
        if seed is None:
            return guided(self.table["guided"], derive)
        return graded(self.table["graded"], seed, self.table["guided"], derive)

    def checks(self) -> Checks:
        """What checks.py declares, freshly loaded."""
        checks = self._module("checks").lab
        assert isinstance(checks, Checks)
        return checks

    def _module(self, name: str) -> Any:
        """A Python file of the folder, freshly loaded; None if there is none. Folders are no packages: `03-…`."""
        location = self.path / f"{name}.py"
        if not location.exists():
            return None
        spec = importlib.util.spec_from_file_location(f"lab_{self.path.name}_{name}".replace("-", "_"), location)
        if spec is None or spec.loader is None:
            raise UnknownLab(f"{location} cannot be loaded")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def solution(self) -> str:
        return (self.path / "solution.sh").read_text(encoding="utf-8")

    def wrong(self) -> dict[str, Path]:
        """The wrong answers: expected code → script."""
        found = {}
        for script in sorted((self.path / "wrong").glob("*.sh")):
            first = script.read_text(encoding="utf-8").splitlines()[0]
            found[first.removeprefix("# expect:").strip()] = script
        return found


def places_of_labs(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The folders of $LAB_PATH, written like $PATH; then the kit's own labs. New labs are made in the first."""
    return [*(Path(place).absolute() for place in environ.get("LAB_PATH", "").split(os.pathsep) if place), LABS]


def all_labs() -> list[Path]:
    """The folders of all labs, in order. Of two with one name the kit's own counts."""
    found = {file.parent.name: file.parent for place in places_of_labs()
             for file in place.glob("[0-9]*/lab.toml")}
    return [found[name] for name in sorted(found)]


def find_lab(name: str) -> Lab:
    """By name or by its number, `3` or `03`. Raises UnknownLab."""
    folders = {path.name: path for path in all_labs()}
    by_number = {key.partition("-")[0]: path for key, path in folders.items()}
    path = folders.get(name) or by_number.get(name.zfill(2))
    if path is None:
        near = difflib.get_close_matches(name, folders, n=len(folders), cutoff=0.0)
        raise UnknownLab(", ".join(near))
    return read_lab(path)


def read_lab(path: Path) -> Lab:
    """The lab in this folder."""
    steps = tuple(
        Step(item["id"], item.get("on", ""), tuple(item.get("commands", ())), tuple(item.get("checks", ())),
             item.get("goal", "target"), tuple(item.get("predict", ())), tuple(item.get("ask", ())),
             tuple(item.get("notes", ())), tuple(item.get("also", ())), bool(item.get("rings", False)),
             tuple(item.get("happens", ())))
        for item in read_toml(path / "steps.toml")["step"]
    )
    return Lab(path, read_toml(path / "lab.toml"), steps)
