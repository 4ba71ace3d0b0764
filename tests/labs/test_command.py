"""The `lab` command as a student runs it: the solution, a second terminal, and wrong usage."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.waiting import wait_for
from topologies import clusters

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(240)]
LAB = [sys.executable, "-m", "labs.kit.cli"]


def lab(*words: str, within: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LAB, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=within,
                          check=False)


@pytest.fixture
def name() -> str:
    return f"t{uuid.uuid4().hex[:8]}"


def test_the_solution_earns_everything(name: str) -> None:
    done = lab("run", "03-scaling", "--solve", "--lang", "fr", "--name", name, within=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20/20" in done.stdout.splitlines()[-1]
    assert name not in {cluster.name for cluster in clusters.running()}


class Terminal:
    """A guide on a pseudo terminal: what it shows, and keys to press."""

    def __init__(self, leader: int) -> None:
        self._leader, self.text = leader, ""

    def read(self) -> str:
        while select.select([self._leader], [], [], 0)[0]:
            try:
                chunk = os.read(self._leader, 65536)
            except OSError:
                break
            if not chunk:
                break
            self.text += chunk.decode(errors="replace")
        return self.text

    def shows(self, text: str, within: float = 30) -> None:
        wait_for(lambda: text in self.read(), f"the guide shows {text!r}", within=within)

    def press(self, keys: str) -> None:
        self.text = ""
        os.write(self._leader, keys.encode())


@contextmanager
def guided(name: str, *options: str) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    leader, follower = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "LINES": "50", "COLUMNS": "80"}
    process = subprocess.Popen([*LAB, "run", "03", "--name", name, "--lang", "en", *options], stdin=follower,
                               stdout=follower, stderr=follower, start_new_session=True, env=environ)
    os.close(follower)
    try:
        yield Terminal(leader), process
    finally:
        process.terminate()
        process.wait(20)
        os.close(leader)


def docker(name: str, *words: str) -> None:
    socket = clusters.find(name).socket("manager1")
    subprocess.run(["docker", "-H", f"unix://{socket}", *words], check=True, capture_output=True, timeout=60)


def test_the_guide_follows_the_cluster_and_remembers(name: str) -> None:
    with guided(name, "--plain") as (terminal, process):
        terminal.shows("step 1/10")
        terminal.shows("n:next")
        terminal.press("n")
        terminal.shows("p:predict")
        terminal.press("p")
        terminal.shows("Answer (")
        terminal.press("4 3 3\nn\n")
        terminal.shows("n:next")
        terminal.press("n")
        terminal.shows("step 3/10")
        refused = lab("solution", "3", "--name", name)
        assert refused.returncode == 1 and "not passed yet" in refused.stderr
        started = time.monotonic()
        docker(name, "service", "scale", "--detach", "web=10")
        terminal.shows("under way", within=5)
        terminal.shows("Step done", within=20)
        assert time.monotonic() - started < 15
        terminal.press("s")
        terminal.shows("docker service scale web=10")
        assert "docker service scale web=10" in lab("solution", "3", "--name", name).stdout
        terminal.press("z")
        terminal.shows("Step done")
        checked = lab("check", "--json", "--name", name)
        data = json.loads(checked.stdout)
        assert checked.returncode == 1 and data["step"] == 3 and 12 < data["score"] < 20
        again = lab("run", "03", "--solve", "--name", name)
        assert again.returncode == 2 and f"lab stop --name {name}" in again.stderr
        assert lab("hint", "--name", name).stdout.startswith("hint 1:")
        terminal.press("q")
        assert process.wait(20) == 0
    wait_for(lambda: name not in {cluster.name for cluster in clusters.running()}, "the sandbox ends with the guide")
    with guided(name, "--plain") as (terminal, process):
        terminal.shows("step 3/10")
        terminal.shows("Welcome back")
        process.send_signal(signal.SIGINT)
        terminal.shows("Ctrl-C ends nothing")
        assert name in {cluster.name for cluster in clusters.running()}
        assert lab("stop", "--name", name).returncode == 0
        process.wait(20)
    assert name not in {cluster.name for cluster in clusters.running()}


@pytest.mark.parametrize(("words", "code", "said"), [
    (["run", "04-nothing"], 2, "03-scaling"),
    (["run", "03", "--graded"], 2, "--seed"),
    (["run", "03", "--seed", "x"], 2, "--graded"),
    (["run", "03", "--lang", "de"], 2, "fr, en"),
    (["run", "03"], 2, "--solve"),
    (["run", "03", "--solve", "--name", "x" * 99], 2, "at most"),
    (["check", "--name", "no-such-lab"], 2, "no-such-lab"),
    (["load", "0", "--name", "no-such-lab"], 2, "between"),
])
def test_wrong_usage_says_what_to_do(words: list[str], code: int, said: str) -> None:
    done = lab(*words)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert said in done.stderr
