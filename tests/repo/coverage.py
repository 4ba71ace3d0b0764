"""Owns `docs/reference/coverage.md`: the features of Docker Swarm, and for each the tests that show ours.

`python -m tests.repo.coverage` writes the page; `test_coverage` holds that it is up to date and names real tests.
"""

from __future__ import annotations

import ast
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from labs.kit.words import read_toml

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "coverage.md"
TIERS = {1: "core", 2: "wanted", 3: "named only"}

TABLE = "| # | Feature | Docker Swarm | Tier | Shown by |\n| --- | --- | --- | --- | --- |"
HEAD = """# What Docker Swarm does, and what shows that this swarm does it

Made by `python -m tests.repo.coverage` from `tests/repo/features.toml`; a test holds that every test named
here exists, and every one of them runs in CI. Tier: core = must match, wanted = should exist, named only = left out
on purpose.
The sources of the middle column are SwarmKit's and moby's own code.
"""


class Feature(NamedTuple):
    """One row. `tests`: `file` or `file::function`; `ours`: where our way differs; `missing`: what is not there, and
    why."""

    number: int
    area: str
    name: str
    swarm: str
    tier: int
    tests: list[str]
    ours: str = ""
    missing: str = ""


def features() -> list[Feature]:
    """All rows, in the order of their numbers. Raises TypeError for a row of the wrong shape."""
    rows: list[dict[str, Any]] = read_toml(Path(__file__).with_name("features.toml"))["feature"]
    return [Feature(**row) for row in rows]


def page(rows: list[Feature]) -> str:
    """The whole page."""
    shown = [row for row in rows if row.tests]
    wanted = [row for row in rows if row.tier < 3]
    parts = [HEAD, f"{len([row for row in wanted if row.tests])} of {len(wanted)} core and wanted features are shown "
                   f"by a test; {len(shown)} of all {len(rows)}.\n"]
    for area, members in groupby(rows, key=lambda row: row.area):
        parts.append(f"## {area}\n\n{TABLE}")
        parts.append("\n".join(map(_row, members)) + "\n")
    return "\n".join(parts)


def _row(row: Feature) -> str:
    notes = [f"`{test.removeprefix('tests/')}`" for test in row.tests]
    notes += [f"*here:* {row.ours}"] if row.ours else []
    notes += [f"**not there:** {row.missing}"] if row.missing else []
    return f"| {row.number} | {row.name} | {row.swarm} | {TIERS[row.tier]} | {'<br>'.join(notes)} |"


def exists(test: str) -> bool:
    """True if the file is there and defines the function (or the file alone is named and has any test)."""
    path, _, function = test.partition("::")
    names = _functions(ROOT / path)
    return function in names if function else any(name.startswith("test_") for name in names)


@cache
def _functions(path: Path) -> frozenset[str]:
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(features()), encoding="utf-8")
