"""Owns grading under pytest: `pytest labs/03-scaling --submission PATH`, a test item for each check of each hand-in.

A check that does not pass is a failure, with what was expected and what was found; what the grader could not do is an
error, never a failure. `labs/conftest.py` switches this on. The grading itself is `pool.py`'s.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labs.kit.folder import Lab, read_lab
from labs.kit.grading.handin import HandIn, gather
from labs.kit.grading.pool import END_SECONDS, HAND_IN_SECONDS, SLOWEST, grade_all
from labs.kit.grading.worker import refused
from labs.kit.grading.writers import explained, feedback, grade, words_for
from labs.kit.referee import PREDICTED
from labs.kit.words import language

_GRADED = pytest.StashKey["dict[str, dict[str, Any]]"]()


class NotPassed(Exception):
    """A check that did not pass, in words for the student."""


class CouldNotGrade(Exception):
    """The grader's or the machine's fault: it costs no point."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("labs", "grading of labs")
    group.addoption("--submission", action="append", default=[], type=Path, metavar="PATH",
                    help="a hand-in (.swlab, a script), a folder of them, or a Moodle zip; may be repeated")
    group.addoption("--lab-seed", default="", help="whose values, for scripts; else the guided ones")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.name == "lab.toml":
        return LabFile.from_parent(parent, path=file_path)
    return None


class LabFile(pytest.File):
    """One lab's folder: the checks of every hand-in."""

    def collect(self) -> Iterator[pytest.Item]:
        paths: list[Path] = self.config.getoption("--submission")
        missing = [str(path) for path in paths if not path.exists()]
        if missing or not paths:
            raise pytest.UsageError(f"there is no {', '.join(missing)}" if missing else
                                    "say whose work is to be graded: --submission PATH")
        lab, found = read_lab(self.path.parent), list(gather(paths))
        if not found:
            raise pytest.UsageError("no hand-in in " + ", ".join(map(str, paths)))
        for number, hand_in in enumerate(found):
            for code, points in checks_of(lab):
                item = CheckItem.from_parent(self, name=f"{code}[{hand_in.student}]")
                item.take(lab, hand_in, number, code, points)
                yield item


def checks_of(lab: Lab) -> Iterable[tuple[str, int]]:
    """What has points, in the order it is judged."""
    for check in lab.checks().checks.values():
        if check.points:
            yield check.code, check.points
    yield PREDICTED, int(lab.table["predicted_points"])


class CheckItem(pytest.Item):
    """One check of one hand-in. The first of a hand-in that is asked has it graded, for all of them."""

    def take(self, lab: Lab, hand_in: HandIn, number: int, code: str, points: int) -> None:
        self.lab, self.hand_in, self.code, self.points = lab, hand_in, code, points
        self.key = f"{lab.id}/{number}"
        self.user_properties += [("lab", lab.id), ("student", hand_in.student), ("max_points", points)]
        if self.config.pluginmanager.hasplugin("timeout"):
            self.add_marker(pytest.mark.timeout(SLOWEST * HAND_IN_SECONDS + 2 * END_SECONDS))
        if self.config.pluginmanager.hasplugin("xdist"):
            self.add_marker(pytest.mark.xdist_group(self.key))  # one grading serves all checks of a hand-in

    def setup(self) -> None:
        """Grade, and find this check. What goes wrong here is an error to pytest, and ours."""
        one = self._graded()
        if one["status"] == "error":
            raise CouldNotGrade(feedback(one))
        self.found = next((check for check in one["checks"] if check["id"] == self.code), None)
        if self.found is not None and self.found["status"] == "error":
            raise CouldNotGrade(explained(self.found, words_for(one)))
        self.said = feedback(one)
        self.user_properties.append(("points", self.found["points"] if self.found else 0))

    def _graded(self) -> dict[str, Any]:
        known = self.config.stash.setdefault(_GRADED, {})
        if self.key not in known:
            seed = self.config.getoption("--lab-seed") or None
            known[self.key] = grade_all([self.hand_in], language(None, os.environ), 1, self.lab.id, seed,
                                        covers=self.config.getoption("--submission"))[0]
        return known[self.key]

    def runtest(self) -> None:
        """Raises NotPassed."""
        if self.found is None:
            raise NotPassed(self.said or refused(self.hand_in, "it was not judged")["problem"])
        if self.found["status"] != "passed":
            raise NotPassed(block(self.found))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, (NotPassed, CouldNotGrade)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.hand_in.student}: {self.code} ({self.points})"


def block(check: dict[str, Any]) -> str:
    """What is wrong, in lines."""
    rows = [f"{check['sentence']}   ({check['points']}/{check['max_points']}, {check['status']})"]
    if check["status"] == "waiting" and check["needs"]:
        return "\n".join([*rows, f"  not judged: it needs {', '.join(check['needs'])}"])
    rows += [f"  {name:<9} {check.get(f'{name}_text') or check[name]}" for name in ("expected", "actual", "where")
             if check.get(name) is not None]
    return "\n".join([*rows, *([f"  {check['help']}  [{check['mistake']}]"] if check.get("help") else [])])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """A line a student."""
    for one in config.stash.get(_GRADED, {}).values():
        shown = grade(one)
        terminalreporter.write_line(f"{one['student']}: {'no score' if shown == '' else shown}/{one['max_score']}")
