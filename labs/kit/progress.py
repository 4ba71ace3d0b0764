"""Owns what is kept of a student's work between runs, as plain text, and of one run, as JSON. Decides nothing.

    $XDG_STATE_HOME/swarm-lab-kit/progress/NAME.txt    lines `word value…`: survive quitting
    RUN_DIR/lab.json                                   the baseline and what happened: one cluster's life

RUN_DIR is the cluster's own directory, which goes when the cluster goes, however it ends.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labs.kit.events import EVENTS_FILE, Events, read_events
from labs.kit.history import History, from_json

HEAD = "# Progress in one lab of the swarm lab kit. Plain text; remove the file to start again."


def state_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the kit keeps a user's progress."""
    base = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".local" / "state")
    return Path(base) / "swarm-lab-kit"


@dataclass
class Progress:
    """`step` counts from 0. `hints`: the level seen by step. `passed`: what was done on the way.
    `earned`: checks that passed at some time, for the running score; the final one judges the present state.
    `done`: steps that were passed, whatever became of them since. `challenge`: goals alone are shown; `shown`: the
    steps whose commands were asked for all the same."""

    lab: str
    seed: str | None = None
    step: int = 0
    seconds: float = 0.0
    hints: dict[str, int] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    earned: set[str] = field(default_factory=set)
    finished: bool = False
    done: set[str] = field(default_factory=set)
    challenge: bool = False
    shown: set[str] = field(default_factory=set)

    def to_text(self) -> str:
        lines = [HEAD, f"lab {self.lab}", f"step {self.step}", f"seconds {self.seconds:.0f}"]
        lines += [f"seed {self.seed}"] if self.seed is not None else []
        lines += [f"hint {step} {level}" for step, level in sorted(self.hints.items())]
        lines += [f"predicted {code} {answer}" for code, answer in sorted(self.said.items())]
        lines += [f"passed {code}" for code in sorted(self.passed)]
        lines += [f"earned {code}" for code in sorted(self.earned)]
        lines += [f"done {step}" for step in sorted(self.done)]
        lines += ["challenge yes"] if self.challenge else []
        lines += [f"shown {step}" for step in sorted(self.shown)]
        lines += ["finished yes"] if self.finished else []
        return "\n".join(lines) + "\n"


def from_text(text: str, lab: str) -> Progress:
    """Reads what it knows and passes over what it does not: files of newer kits too."""
    found = Progress(lab)
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        first, _, second = rest.partition(" ")
        if word == "seed":
            found.seed = rest
        elif word == "step" and first.isdigit():
            found.step = int(first)
        elif word == "seconds" and first.isdigit():
            found.seconds = float(first)
        elif word == "hint" and second.isdigit():
            found.hints[first] = int(second)
        elif word == "predicted" and second:
            found.said[first] = second
        elif word == "passed" and first:
            found.passed.add(first)
        elif word == "earned" and first:
            found.earned.add(first)
        elif word == "done" and first:
            found.done.add(first)
        elif word == "challenge":
            found.challenge = True
        elif word == "shown" and first:
            found.shown.add(first)
        elif word == "finished":
            found.finished = True
    return found


def progress_file(name: str, home: Path | None = None) -> Path:
    """Where the progress under this name is kept."""
    return (home or state_home()) / "progress" / f"{name}.txt"


def read_progress(path: Path, lab: str) -> Progress:
    """What is known; a fresh one where nothing is."""
    try:
        return from_text(path.read_text(encoding="utf-8"), lab)
    except FileNotFoundError:
        return Progress(lab)


@dataclass
class Run:
    """One cluster's life, for every process of the kit that looks at it."""

    lab: str
    seed: str | None
    history: History
    changed: float = 0.0
    """Monotonic seconds of the last change of the wish."""
    speed: float = 1.0
    scratch: bool = False
    """Nobody's progress: it lies beside the run and goes with it (`--solve`)."""
    place: str = ""
    """The lab's folder: who looks from another terminal may not know where labs of one's own are ($LAB_PATH)."""


class Store:
    """Reads and writes both files of one name. Files are replaced whole: nobody reads half of one."""

    def __init__(self, name: str, run_dir: Path, *, scratch: bool | None = None, home: Path | None = None) -> None:
        self._run = run_dir / "lab.json"
        known = self.run() if scratch is None else None
        apart = known.scratch if known else bool(scratch)
        self._progress = run_dir / "progress.txt" if apart else progress_file(name, home)

    def progress(self, lab: str) -> Progress:
        """What is known; a fresh one where nothing is."""
        return read_progress(self._progress, lab)

    def save_progress(self, progress: Progress) -> None:
        _replace(self._progress, progress.to_text())

    def run(self) -> Run | None:
        """The run going on under this name, or None. A file that cannot be read counts as none."""
        try:
            data: dict[str, Any] = json.loads(self._run.read_text(encoding="utf-8"))
            return Run(data["lab"], data["seed"], from_json(data["history"]), data["changed"], data["speed"],
                       data["scratch"], data["place"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save_run(self, run: Run) -> None:
        data = {"lab": run.lab, "seed": run.seed, "history": run.history.to_json(),
                "changed": run.changed, "speed": run.speed, "scratch": run.scratch,
                "place": run.place}
        _replace(self._run, json.dumps(data))

    @property
    def events(self) -> Events:
        """What happened in this cluster since the lab was given (anew)."""
        return self.every_event.since_given()

    @property
    def every_event(self) -> Events:
        """What happened before that, too."""
        return read_events(self._run.with_name(EVENTS_FILE))

    def stamp(self) -> tuple[int, int]:
        """Changes when another process wrote one of the files."""
        return _modified(self._progress), _modified(self._run)


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
