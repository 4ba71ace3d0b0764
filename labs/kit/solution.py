"""Owns the reference solution as a student may see it: which steps' part, and what was typed there oneself. Never
before a step is passed; with a seed's values (graded) not before the lab is. Writes nothing down: looking at it
leaves no trace in progress, events or hand-ins. Pure but for reading `solution.sh`.

Predictions are left out: what they were measured to be is told beside the answers, when it can be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from labs.kit.folder import FIRST_HOST, HOLE, Lab
from labs.kit.progress import Progress

Typed = tuple[str, str]
"""A host and a line typed there."""


@dataclass(frozen=True)
class Comparison:
    """One step: what the student typed while at it, and what the reference types. `kept`: whether what was typed is
    known at all; it goes with the cluster it was typed at."""

    number: int
    mine: tuple[Typed, ...]
    reference: tuple[Typed, ...]
    kept: bool = True


def parts(lab: Lab) -> dict[str, tuple[Typed, ...]]:
    """The lines of `solution.sh` by the step they lead to, with their holes; those after the last step go to it."""
    found: dict[str, list[Typed]] = {step.id: [] for step in lab.steps}
    host, rest = FIRST_HOST, list[Typed]()
    for line in lab.solution().splitlines():
        word, _, what = line.partition(" ")
        if not line.strip() or word.startswith("#") or word == "@predict":
            continue
        if word == "@step":
            found[what.strip()] += rest
            rest = []
        elif word.startswith("@"):
            host = word[1:]
        else:
            rest.append((host, line))
    found[lab.steps[-1].id] += rest
    return {step: tuple(lines) for step, lines in found.items()}


def open_steps(lab: Lab, progress: Progress) -> list[int]:
    """The numbers of the steps whose reference may be seen, those without any left out."""
    if progress.seed is not None and not progress.finished:
        return []
    known = parts(lab)
    return [number for number, step in enumerate(lab.steps) if known[step.id] and (
        progress.finished or number < progress.step or step.id in progress.done)]


def reference(lab: Lab, number: int, value: Callable[[str], str]) -> tuple[Typed, ...]:
    """The reference's lines for this step; `value` fills a hole."""
    def filled(text: str) -> str:
        return HOLE.sub(lambda hole: value(hole.group(1)), text)

    return tuple((filled(host), filled(line)) for host, line in parts(lab)[lab.steps[number].id])


def while_at(
    step: str, entered: Sequence[tuple[float, str]], typed: Iterable[tuple[float, Typed]],
) -> tuple[Typed, ...]:
    """What was typed between coming to this step and going on. `entered`: when one came to which step, in order."""
    spans = [(at, entered[number + 1][0] if number + 1 < len(entered) else float("inf"))
             for number, (at, name) in enumerate(entered) if name == step]
    return tuple(what for at, what in typed if any(first <= at < last for first, last in spans))
