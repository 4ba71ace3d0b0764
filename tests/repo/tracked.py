"""Owns the list of files that belong to the repository. Knows git, and what to do where there is none."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.repo.imports import ROOT


def tracked(*patterns: str) -> list[Path]:
    """Files git knows of that match (all, without patterns) and exist."""
    listed = subprocess.run(["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, check=True)
    names = [name for name in listed.stdout.decode().split("\0") if name]
    return [path for name in names if (path := ROOT / name).is_file()]
