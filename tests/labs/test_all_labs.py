"""Every lab on real clusters: what `lab lint --all --fast` plays. `LAB_LONG=1` plays everything there is, the
solution with `LAB_SEEDS` seeds; `LAB_SEED` draws the wrong answers of the short form; `LAB_ONLY="05 06"` takes these.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labs.kit.folder import find_lab, read_lab
from labs.kit.grading.rehearsal import LEFT, SOLUTION, WRONG, Case, Played, rehearse

pytestmark = pytest.mark.kernel
LONG, ONLY = os.environ.get("LAB_LONG") == "1", os.environ.get("LAB_ONLY", "").split()
SECONDS = 7200 if LONG else 1800


@pytest.mark.timeout(SECONDS)
def test_every_lab_is_whole_and_plays_as_its_author_says() -> None:
    form = ["--seeds", os.environ.get("LAB_SEEDS", "3")] if LONG else ["--fast"]
    done = subprocess.run([sys.executable, "-m", "labs.kit.cli", "lint", *(ONLY or ["--all"]), *form],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if not line.endswith("ok"))
    assert "as they should be" in done.stdout.splitlines()[-1]


@pytest.mark.timeout(300)
def test_what_is_not_as_the_author_says_is_told(tmp_path: Path) -> None:
    place = tmp_path / "00-one-container"
    shutil.copytree(find_lab("00").path, place)
    solution, wrong = place / "solution.sh", place / "wrong" / "02_removed.sh"
    solution.write_text("".join(line for line in solution.read_text().splitlines(keepends=True)
                                if not line.startswith("@predict")))
    shutil.copy(place / "wrong" / "01_polite_stop.sh", wrong)
    wrong.write_text(wrong.read_text().replace("# expect: polite_stop", "# expect: removed"))
    lab, found = read_lab(place), dict[str, Played]()
    rehearse(lab, [Case(WRONG, "removed"), Case(SOLUTION)], lambda played: found.__setitem__(played.case, played))
    assert found["wrong:removed"].problems[0] == "told as polite_stop, not as removed"
    assert found[SOLUTION].problems[0] == "step think does not close"
    assert found[LEFT].problems == ()
