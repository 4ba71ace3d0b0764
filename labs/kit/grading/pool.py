"""Owns grading many: a process a hand-in, some at a time, each with a directory and a time of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from labs.kit.grading.handin import HandIn
from labs.kit.grading.literals import to_json
from labs.kit.grading.worker import broken, refused
from labs.kit.speed import speed_now

HAND_IN_SECONDS, SLOWEST = 600.0, 3.0
"""One hand-in, and how many times that on a slow machine."""
END_SECONDS = 20.0
_running: set[subprocess.Popen[bytes]] = set()
Grade = Callable[[HandIn, str], "dict[str, Any]"]


def grade_all(
    hand_ins: Iterable[HandIn], lang: str, jobs: int, lab: str = "", seed: str | None = None,
    done: Callable[[dict[str, Any]], None] = lambda found: None, one: Grade | None = None,
    covers: Iterable[Path] = (),
) -> list[dict[str, Any]]:
    """The results in the order of the hand-ins. `lab` and `seed` are for those that do not say (scripts). `covers`:
    files and folders that no replay may read: other students' hand-ins, and their reports."""
    hidden = tuple(str(path.resolve()) for path in covers)
    work = one or (lambda hand_in, lang: in_process(hand_in, lang, hidden))

    def graded(hand_in: HandIn) -> dict[str, Any]:
        whole = replace(hand_in, lab=hand_in.lab or lab, seed=hand_in.seed if hand_in.lab else seed)
        began = time.monotonic()
        found = {**(_wrong_lab(whole, lab) or work(whole, lang)), "participant": hand_in.participant, "lang": lang}
        found["took"] = round(time.monotonic() - began, 1)
        done(found)
        return found

    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        try:
            return list(pool.map(graded, hand_ins))
        except BaseException:  # Ctrl-C, a closed terminal: what runs is ended, what waits is not begun
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(_running):
                process.terminate()
            raise


def _wrong_lab(hand_in: HandIn, lab: str) -> dict[str, Any] | None:
    if hand_in.problem:
        return refused(hand_in, hand_in.problem)
    if not hand_in.lab:
        return refused(hand_in, "it does not say which lab it is of (`lab grade --lab …` for scripts)")
    if not hand_in.commands:
        return refused(hand_in, "it holds no commands: nothing was typed on the hosts")
    return refused(hand_in, f"it is of {hand_in.lab}, not of {lab}") if lab and hand_in.lab != lab else None


def in_process(hand_in: HandIn, lang: str, covers: tuple[str, ...] = ()) -> dict[str, Any]:
    """Grade one in a process of its own; a process that breaks is our fault."""
    with tempfile.TemporaryDirectory(prefix="swarmlab-grade-") as place:
        source, target = Path(place) / "in.json", Path(place) / "out.json"
        source.write_text(json.dumps({
            "student": hand_in.student, "lab": hand_in.lab, "seed": hand_in.seed, "said": hand_in.said,
            "commands": [(one.host, one.line, one.at, to_json(one.literals)) for one in hand_in.commands],
            "notes": hand_in.notes, "name": f"g{uuid.uuid4().hex[:8]}", "lang": lang,
            "covers": covers, "sitting": asdict(hand_in.sitting),
            "meant": {code: to_json(found) for code, found in hand_in.meant.items()}}), encoding="utf-8")
        environ = {**os.environ, "XDG_STATE_HOME": place}
        argv = [sys.executable, "-m", "labs.kit.grading.worker", str(source), str(target)]
        with (Path(place) / "log").open("wb") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ)
            _running.add(process)
            patience = HAND_IN_SECONDS * min(SLOWEST, speed_now())
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                return broken(hand_in, f"not graded within {patience:.0f} s")
            finally:
                _end(process)
                _running.discard(process)
        try:
            found: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
            return found
        except (OSError, ValueError):
            tail = (Path(place) / "log").read_text(errors="replace")[-500:]
            return broken(hand_in, f"the grader ended with {process.returncode}: {tail}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is still running: politely, so that its sandbox goes first."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
