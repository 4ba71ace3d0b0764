"""Owns what is kept of a student's work between runs, as plain text, and of one run, as JSON. Decides nothing.

    $XDG_STATE_HOME/swarm-lab-kit/progress/NAME.txt    lines `word value…`: survive quitting
    $XDG_STATE_HOME/swarm-lab-kit/runs/NAME.json       the baseline and what happened: one cluster's life
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labs.kit.history import History, from_json

HEAD = "# Progress in one lab of the swarm lab kit. Plain text; remove the file to start again."


def state_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the kit keeps a user's progress."""
    base = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".local" / "state")
    return Path(base) / "swarm-lab-kit"


@dataclass
class Progress:
    """`step` counts from 0. `hints`: the level seen by step. `passed`: what was done on the way.
    `earned`: checks that passed at some time, for the running score; the final one judges the present state."""

    lab: str
    seed: str | None = None
    step: int = 0
    seconds: float = 0.0
    hints: dict[str, int] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    earned: set[str] = field(default_factory=set)
    finished: bool = False

    def to_text(self) -> str:
        lines = [HEAD, f"lab {self.lab}", f"step {self.step}", f"seconds {self.seconds:.0f}"]
        lines += [f"seed {self.seed}"] if self.seed is not None else []
        lines += [f"hint {step} {level}" for step, level in sorted(self.hints.items())]
        lines += [f"predicted {code} {answer}" for code, answer in sorted(self.said.items())]
        lines += [f"passed {code}" for code in sorted(self.passed)]
        lines += [f"earned {code}" for code in sorted(self.earned)]
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
        elif word == "finished":
            found.finished = True
    return found


@dataclass
class Run:
    """One cluster's life, for every process of the kit that looks at it."""

    lab: str
    seed: str | None
    history: History
    changed: float = 0.0
    """Monotonic seconds of the last change of the wish."""
    speed: float = 1.0


class Store:
    """Reads and writes both files of one name. Files are replaced whole: nobody reads half of one."""

    def __init__(self, name: str, home: Path | None = None) -> None:
        base = home or state_home()
        self._progress = base / "progress" / f"{name}.txt"
        self._run = base / "runs" / f"{name}.json"

    def progress(self, lab: str) -> Progress:
        """What is known; a fresh one where nothing is."""
        try:
            return from_text(self._progress.read_text(encoding="utf-8"), lab)
        except FileNotFoundError:
            return Progress(lab)

    def save_progress(self, progress: Progress) -> None:
        _replace(self._progress, progress.to_text())

    def forget(self) -> None:
        """Start again: no progress, no run."""
        self._progress.unlink(missing_ok=True)
        self._run.unlink(missing_ok=True)

    def run(self) -> Run | None:
        """The run going on under this name, or None. A file that cannot be read counts as none."""
        try:
            data: dict[str, Any] = json.loads(self._run.read_text(encoding="utf-8"))
            return Run(data["lab"], data["seed"], from_json(data["history"]), data["changed"], data["speed"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save_run(self, run: Run) -> None:
        data = {"lab": run.lab, "seed": run.seed, "history": run.history.to_json(),
                "changed": run.changed, "speed": run.speed}
        _replace(self._run, json.dumps(data))

    def end_run(self) -> None:
        self._run.unlink(missing_ok=True)

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
