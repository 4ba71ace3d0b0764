"""Owns reading imports out of the source, for the tests of the layers. Knows no layer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Import(NamedTuple):
    """`module` names `target` in line `line` (`target` may be a name inside a module)."""

    module: str
    target: str
    line: int


def imports_of(*packages: str, root: Path = ROOT) -> list[Import]:
    """Every import in these packages, those inside functions and under TYPE_CHECKING too."""
    return [found for package in packages for path in sorted((root / package).rglob("*.py"))
            for found in _imports(module_name(path, root), path)]


def module_name(path: Path, root: Path = ROOT) -> str:
    """`swarmkit_py/model/__init__.py` → `swarmkit_py.model`."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_of(*packages: str, root: Path = ROOT) -> set[str]:
    return {module_name(path, root) for package in packages for path in (root / package).rglob("*.py")}


def _imports(module: str, path: Path) -> Iterator[Import]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(module, name.name, node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in node.names:
                yield Import(module, f"{node.module}.{name.name}", node.lineno)
