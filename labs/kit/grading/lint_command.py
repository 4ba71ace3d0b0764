"""Owns the command `lab lint`: what a lab's folder lacks, then whether it plays as its author says.

Exit status: 0 nothing to mend, 1 something, 2 wrong usage.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from labs.kit.folder import Lab
    from labs.kit.grading.rehearsal import Played

SEEDS, JOBS_PER_CPU = 20, 3
SLOWEST = 5


def register(app: typer.Typer) -> None:
    """Put the command into `app`."""
    app.command("lint")(lint)


def lint(
    labs: Annotated[list[str], typer.Argument(help="Labs, by name or number.")] = [],  # noqa: B006
    everything: Annotated[bool, typer.Option("--all", help="All labs.")] = False,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="So many seeds for the solution.")] = SEEDS,
    fast: Annotated[bool, typer.Option("--fast", help="One solution, and two wrong answers drawn by $LAB_SEED.")] = (
        False),
    folder: Annotated[bool, typer.Option("--folder", help="Only the folder: start no cluster.")] = False,
    jobs: Annotated[int, typer.Option("-j", "--jobs", help="Clusters at a time; three for each CPU by default.")] = 0,
) -> None:
    """For authors: is a lab whole, and does it play? Untouched earns nothing, the solution everything, each wrong
    answer is told by its own code, nothing is left behind."""
    found = _labs(labs, everything)
    sound = [lab for lab in found if not _told(lab, _folder(lab, seeds, whole=not fast and not folder))]
    bad = len(found) - len(sound)
    if not folder:
        bad += _play(sound, seeds, fast=fast, jobs=jobs or JOBS_PER_CPU * (os.cpu_count() or 1))
    raise typer.Exit(1 if bad else 0)


def _labs(labs: list[str], everything: bool) -> list[Lab]:
    from labs.kit.folder import UnknownLab, all_labs, find_lab, read_lab

    try:
        found = [find_lab(name) for name in labs] or [read_lab(path) for path in all_labs() if everything]
    except UnknownLab as unknown:
        print(f"lab: no such lab; there are: {unknown}", file=sys.stderr)
        raise typer.Exit(2) from None
    if not found:
        print("lab: say which labs: lab lint 03, or lab lint --all", file=sys.stderr)
        raise typer.Exit(2)
    return found


def _folder(lab: Lab, seeds: int, *, whole: bool) -> list[str]:
    """What is wrong with a lab's folder. `whole`: a draft is not good enough."""
    from labs.kit.grading.lint import lint as lint_of

    draft = ["it is a draft (draft = true in lab.toml): --fast takes it as it is"] if whole and lab.draft else []
    return lint_of(lab, seeds) + draft


def _told(lab: Lab, problems: list[str]) -> bool:
    print(f"{lab.id:<24} {'folder ok' if not problems else f'{len(problems)} to mend in its folder'}", flush=True)
    for problem in problems:
        print(f"  {problem}", flush=True)
    _tell_todos(lab)
    return bool(problems)


def _tell_todos(lab: Lab) -> None:
    from labs.kit.grading.lint import todos

    left = todos(lab) if lab.draft else []
    if lab.draft:
        print(f"  draft, {len(left)} TODO" + ("" if left else ": take the line draft = true out of lab.toml"))
    for todo in left:
        print(f"    {todo}", flush=True)


def _play(labs: list[Lab], seeds: int, *, fast: bool, jobs: int) -> int:
    """How many plays went wrong."""
    from labs.kit.grading.rehearsals import cases_of, plays, rehearse_all

    drawn = os.environ.get("LAB_SEED", "1")
    work = [play for lab in labs for play in plays(lab, cases_of(lab, seeds, fast=fast, drawn=drawn))]
    most, done, began = sum(len(play.cases) + 1 for play in work), list["Played"](), time.monotonic()

    def tell(played: Played) -> None:
        done.append(played)
        _clear()
        print(f"{played.lab:<24} {played.case:<32} {played.seconds:>6.1f} s  {'WRONG' if played.problems else 'ok'}")
        for problem in played.problems:
            print(f"  {problem}")
        if sys.stderr.isatty():
            sys.stderr.write(f"{len(done)} of {most} …")
        sys.stdout.flush()

    rehearse_all(work, jobs, tell)
    _clear()
    wrong = [played for played in done if played.problems]
    print(f"{len(done) - len(wrong)} of {most} as they should be, in {time.monotonic() - began:.0f} s; "
          f"longest: {_longest(done)}")
    return len(wrong)


def _clear() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _longest(done: list[Played]) -> str:
    """Where the time went, by lab."""
    spent: Counter[str] = Counter()
    for played in done:
        spent[played.lab] += round(played.seconds)
    return ", ".join(f"{lab} {seconds} s" for lab, seconds in spent.most_common(SLOWEST))
