"""Files and functions stay small enough to be read in one go (aim: 120 and 10 lines)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.repo.imports import ROOT
from tests.repo.tracked import tracked

FILE_LINES, FUNCTION_LINES = 400, 60


def sources() -> list[Path]:
    return [path for path in tracked("*.py") if not path.is_relative_to(ROOT / "tests")]


def long_functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {lines} lines"


def test_there_is_something_to_measure() -> None:
    assert len(sources()) > 50


def test_files() -> None:
    lengths = {path.relative_to(ROOT): path.read_text(encoding="utf-8").count("\n") for path in tracked("*.py")}
    assert {path: n for path, n in lengths.items() if n > FILE_LINES} == {}


def test_functions() -> None:
    assert [said for path in sources() for said in long_functions(path)] == []


def test_every_module_opens_with_what_it_owns() -> None:
    silent = [str(path.relative_to(ROOT)) for path in sources()
              if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert silent == []
