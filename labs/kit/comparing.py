"""Owns the reference solution beside what one typed oneself: gathering both for a running lab, and how that reads.
When it may be seen at all is `solution`'s affair.
"""

from __future__ import annotations

import time

from labs.kit.folder import Lab
from labs.kit.grading.submit import typed
from labs.kit.incidents import rung
from labs.kit.outside import OUTSIDE
from labs.kit.referee import Referee
from labs.kit.solution import Comparison, Typed, reference, while_at
from labs.kit.style import Line, Span, columns, line, rule, wrapped
from labs.kit.words import Words

SIDE_BY_SIDE = 76
"""Columns of the screen from which both stand side by side."""


def compare(referee: Referee, number: int) -> Comparison:
    """One step of the running lab."""
    lab, cluster = referee.lab, referee.eyes.cluster
    offset = time.time() - time.monotonic()
    entered = [(at + offset, step) for at, step in referee.store.events.entered()]
    done = typed(cluster.run_dir, [host.name for host in cluster.hosts], referee.store.every_event)
    commands = [(one.at, (one.host, one.line)) for one in done if not rung(one.host, one.line)]
    step = lab.steps[number].id
    return Comparison(number, while_at(step, entered, commands), reference(lab, number, referee.value),
                      kept=any(name == step for _, name in entered))


def render_comparison(shown: Comparison, lab: Lab, words: Words, width: int, *, last: bool = True) -> list[Line]:
    """Title, then yours and the reference's: side by side where there is room for it. `last`: of several."""
    title = words("cli.solve_step", number=shown.number + 1, count=len(lab.steps),
                  title=words(f"steps.{lab.steps[shown.number].id}.title"))
    none = words("solution.none" if shown.kept else "solution.gone")
    half = (width - 4) // 2 if width >= SIDE_BY_SIDE else width - 1
    mine = [*wrapped(words("solution.mine"), half, "title"), *_listed(shown.mine, none, words, half)]
    theirs = [*wrapped(words("solution.reference"), half, "title"),
              *_listed(shown.reference, words("solution.nothing"), words, half)]
    rows = [*wrapped(title, width, "title", first=" "), rule(width)]
    if width < SIDE_BY_SIDE:
        rows += [[Span(" "), *each] for each in [*mine, [], *theirs]]
    else:
        height = max(len(mine), len(theirs))
        pairs = zip(_filled(mine, height), _filled(theirs, height), strict=True)
        rows += [line(" ", *columns([left], half + 1), Span("│ ", "dim"), *right) for left, right in pairs]
    return [*rows, [], *(wrapped(words("solution.other_ways"), width, "dim", first=" ") if last else [])]


def _filled(rows: list[Line], height: int) -> list[Line]:
    return [*rows, *([[]] * (height - len(rows)))]


def _listed(lines: tuple[Typed, ...], none: str, words: Words, width: int) -> list[Line]:
    """Each line below the host it is typed on; `none` where there is no line."""
    rows: list[Line] = [] if lines else wrapped(none, width, "dim")
    last = ""
    for host, text in lines:
        if host != last:
            where = words("screen.outside") if host == OUTSIDE else words("screen.on", host=host)
            rows += wrapped(where, width, "dim")
        last = host
        for part in text.splitlines():
            rows += wrapped(printable(part), width, "command", first="  ", rest="    ")
    return rows


def printable(text: str) -> str:
    """What somebody typed, without what would act on a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)
