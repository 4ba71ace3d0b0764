"""Grading on real clusters: a class of right, wrong, hostile and broken hand-ins, by one command, side by side.

`CLASS_SIZE=50` takes every wrong answer, every script of tests/hostile and every broken file; `CLASS_SEED` draws the
small class.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.classroom import compared, write

SIZE, SEED = int(os.environ.get("CLASS_SIZE", "6")), int(os.environ.get("CLASS_SEED", "1"))
pytestmark = [pytest.mark.kernel, pytest.mark.timeout(600 + 120 * SIZE)]


def test_a_class_is_graded_as_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = write(tmp_path / "inbox", SIZE, SEED)
    with tempfile.TemporaryDirectory(prefix="c-") as base:
        monkeypatch.setenv("XDG_RUNTIME_DIR", base)
        done = subprocess.run(
            [sys.executable, "-m", "labs.kit.cli", "grade", str(tmp_path / "inbox"), "--lab", "03", "-j", "3",
             "--out", str(tmp_path / "grades"), "--lang", "en"], capture_output=True, text=True, check=False)
        assert list(Path(base).iterdir()) == [], "something is left of a sandbox"
    found = json.loads((tmp_path / "grades" / "results.json").read_text())["students"]
    assert compared(made, found) == [], done.stdout + done.stderr
    assert done.returncode == 1 and len(found) == SIZE
    for name in ("junit.xml", "grades.csv", "moodle.csv", "index.html"):
        assert (tmp_path / "grades" / name).stat().st_size
    assert len(list((tmp_path / "grades" / "students").glob("*.html"))) == SIZE
