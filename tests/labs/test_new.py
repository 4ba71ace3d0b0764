"""A lab made by `lab new` plays at once, as its template says, and its solution cannot be read on its hosts."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from labs.kit.folder import find_lab
from labs.kit.session import open_session

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(240)]


def lab(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "labs.kit.cli", *words], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=200, check=False)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_PATH", str(tmp_path / "mine"))
    assert lab("new", "20-greeting").returncode == 0
    return tmp_path / "mine" / "20-greeting"


def test_it_plays_as_its_template_says(mine: Path) -> None:
    done = lab("lint", "20", "--fast")
    assert done.returncode == 0 and "TODO" in done.stdout, done.stdout + done.stderr
    assert "4 of 4 as they should be" in done.stdout.splitlines()[-1]


def test_it_is_run_and_covered_on_its_hosts(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = lab("run", "20-greeting", "--solve", "--lang", "fr", "--name", f"t{uuid.uuid4().hex[:8]}")
    assert done.returncode == 0 and "20/20" in done.stdout.splitlines()[-1], done.stdout + done.stderr
    with open_session(find_lab("20"), f"t{uuid.uuid4().hex[:8]}", "s1", lambda key: None, scratch=True) as referee:
        script = str(mine / "solution.sh")
        monkeypatch.delenv("LAB_PATH")  # another terminal
        assert lab("solution", "--name", referee.eyes.cluster.name, "--lang", "en").returncode == 1
        read = subprocess.run(referee.eyes.cluster.enter_argv("manager1", ["cat", script]), capture_output=True,
                              text=True, check=False)
    assert (mine / "solution.sh").exists() and read.returncode != 0 and "service create" not in read.stdout
