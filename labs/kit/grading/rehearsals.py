"""Owns which cases of which labs are played, and playing them side by side: a process and a cluster for some of one
lab's cases, several at a time, as much of a play is waiting. What a play is: `rehearsal.py`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from labs.kit.folder import Lab
from labs.kit.grading.rehearsal import LEFT, SOLUTION, UNTOUCHED, WRONG, Case, Played, test_seed

FAST_WRONG = 2
AS_TYPED = 2
"""So many solutions are typed without any hurry: the guided one, and one of a seed."""
TOGETHER = 6
"""Cases that share a cluster."""
CASE_SECONDS = 300.0
END_SECONDS = 20.0


@dataclass(frozen=True)
class Play:
    """Some cases of one lab, for one cluster."""

    lab: Lab
    cases: tuple[Case, ...]


def cases_of(lab: Lab, seeds: int, *, fast: bool, drawn: str = "1") -> list[Case]:
    """All that is to be played. Fast: untouched, one solution (with the notes' values, or those of the lab's
    `test_seed`), and some wrong answers drawn by `drawn`."""
    wrong = [Case(WRONG, code) for code in sorted(lab.wrong())]
    if fast:
        some = random.Random(f"{drawn}/{lab.id}").sample(wrong, min(FAST_WRONG, len(wrong)))
        return [Case(UNTOUCHED), *some, Case(SOLUTION, test_seed(lab) or "")]
    solutions = [Case(SOLUTION, f"lint{number}" if number else "", hurried=number >= AS_TYPED)
                 for number in range(seeds)]
    return [Case(UNTOUCHED), *wrong, *solutions]


def plays(lab: Lab, cases: Sequence[Case]) -> list[Play]:
    """The cases in about equal handfuls."""
    count = max(1, -(-len(cases) // TOGETHER))
    return [Play(lab, tuple(cases[start::count])) for start in range(count)]


def rehearse_all(work: Iterable[Play], jobs: int, tell: Callable[[Played], None]) -> None:
    """Play all, `jobs` at a time. `tell` hears of each case once, from one thread at a time."""
    voice = threading.Lock()

    def one(play: Play) -> None:
        for played in _in_process(play):
            with voice:
                tell(played)

    # Long plays first, or the last one would be waited for alone.
    queue = sorted(work, key=lambda play: -sum(case.kind == SOLUTION for case in play.cases))
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        for done in [pool.submit(one, play) for play in queue]:
            done.result()


def _in_process(play: Play) -> Iterator[Played]:
    """Its cases as they come. A process that breaks or does not end is a problem of every case it owes."""
    owed = [*(case.text for case in play.cases), LEFT]
    argv = [sys.executable, "-m", "labs.kit.grading.rehearsal", str(play.lab.path), *owed[:-1]]
    with tempfile.TemporaryDirectory(prefix="swarmlab-lint-") as place, (Path(place) / "log").open("w+") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
                                   env={**os.environ, "XDG_STATE_HOME": place})
        end = threading.Timer(CASE_SECONDS * len(owed), process.terminate)
        end.start()
        assert process.stdout is not None
        try:
            for line in process.stdout:
                item = json.loads(line)
                owed.remove(item["case"])
                yield Played(item["lab"], item["case"], item["seconds"], tuple(item["problems"]))
        finally:
            end.cancel()
            _end(process)
        log.seek(0)
        said = log.read().strip().splitlines()[-1:] or ["it said nothing"]
    for text in owed:
        yield Played(play.lab.id, text, 0.0, (f"it was not played: the process ended with {process.returncode}, "
                                              f"{said[0]}",))


def _end(process: subprocess.Popen[str]) -> None:
    """Politely, so that its sandbox goes first."""
    if process.stdout is not None:
        process.stdout.close()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
