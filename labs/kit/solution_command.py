"""Owns the command `lab solution`: the reference solution of what is passed, beside what one typed oneself.

Exit status: 0 shown, 1 not to be seen yet, 2 wrong usage.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labs.kit.folder import Lab
    from labs.kit.progress import Progress
    from labs.kit.solution import Comparison
    from labs.kit.words import Words

NOT_YET, USAGE = 1, 2


def register(app: typer.Typer) -> None:
    """Put the command into `app`."""
    app.command("solution")(solution)


def solution(
    step: Annotated[str, typer.Argument(help="A step's number; all that are passed by default.")] = "",
    lab: Annotated[str, typer.Option("--lab", help="A lab that you finished and that does not run now.")] = "",
    name: Annotated[str, typer.Option("--name", help="Which running lab, when there are several.")] = "",
    lang: Annotated[str, typer.Option("--lang", help="fr or en; else $LAB_LANG, else the locale.")] = "",
) -> None:
    """The reference solution of the steps you have passed, beside what you typed; never before."""
    from labs.kit.words import kit_words, language

    try:
        words = kit_words(language(lang or None, os.environ))
    except ValueError as error:
        _fail(str(error), USAGE)
    if os.environ.get("SWARM_HOST"):
        _fail(words("cli.outside", command="solution"), USAGE)
    if lab:
        _of_the_past(lab, step, words)
    else:
        _of_the_running(name, step, words)


def _fail(text: str, code: int) -> NoReturn:
    print(f"lab: {text}", file=sys.stderr)
    raise typer.Exit(code)


def _of_the_running(name: str, step: str, kit: Words) -> None:
    from labs.kit.comparing import compare
    from labs.kit.session import NoLab, join_session

    try:
        referee = join_session(name or None)
    except NoLab as error:
        _fail(kit("cli.not_a_lab", name=str(error)), USAGE)
    words = referee.lab.words(kit.lang, referee.params)
    numbers = _allowed(referee.lab, referee.progress, step, words)
    referee.see()
    _show([compare(referee, number) for number in numbers], referee.lab, words)


def _of_the_past(name: str, step: str, kit: Words) -> None:
    from labs.kit.folder import UnknownLab, find_lab
    from labs.kit.progress import progress_file, read_progress
    from labs.kit.solution import Comparison, reference

    try:
        lab = find_lab(name)
    except UnknownLab as unknown:
        _fail(kit("cli.no_lab", name=name, labs=str(unknown)), USAGE)
    progress = read_progress(progress_file(lab.id), lab.id)
    params = lab.params(progress.seed)
    words, values = lab.words(kit.lang, params), params.values()
    _show([Comparison(number, (), reference(lab, number, lambda hole: str(values.get(hole, "…"))), kept=False)
           for number in _allowed(lab, progress, step, words)], lab, words)


def _allowed(lab: Lab, progress: Progress, step: str, words: Words) -> Sequence[int]:
    """The steps asked for. Ends the command where one may not be seen, or is none."""
    from labs.kit.solution import open_steps, parts

    seen, known = open_steps(lab, progress), parts(lab)
    if not step:
        return seen or _fail(words("solution.none_yet"), NOT_YET)
    there = [str(number) for number, one in enumerate(lab.steps, 1) if known[one.id]]
    if step not in there:
        _fail(words("solution.no_step", step=step, steps=", ".join(there)), USAGE)
    number = int(step) - 1
    if number not in seen:
        title = words(f"steps.{lab.steps[number].id}.title")
        _fail(words("solution.not_yet", number=step, title=title), NOT_YET)
    return [number]


def _show(found: Sequence[Comparison], lab: Lab, words: Words) -> None:
    from labs.kit.comparing import render_comparison
    from labs.kit.style import paint
    from labs.kit.terminal import colour_wanted, width

    colour = colour_wanted(os.environ, sys.stdout.isatty(), plain=False)
    for one in found:
        for row in render_comparison(one, lab, words, width(), last=one is found[-1]):
            print(paint(row, colour))
