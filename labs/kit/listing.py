"""Owns `lab list` as text: every lab, how long it takes and how far one is; two lines where one is too long.
Pure but for reading folders.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from labs.kit.folder import Lab
from labs.kit.notes import Notes
from labs.kit.progress import Progress
from labs.kit.style import paint, wrapped
from labs.kit.words import Words


class Row(NamedTuple):
    lab: str
    title: str
    minutes: str
    state: str


def rows(labs: Iterable[tuple[Lab, Progress]], notes: Notes, words: Words) -> list[Row]:
    """In the labs' order; those to come among them."""
    found, there = [], set()
    for lab, progress in labs:
        texts = lab.words(words.lang, lab.params(None))
        state = _how_far(progress, lab, texts)
        found.append(Row(lab.id, texts("title"), texts("screen.minutes", minutes=lab.table["minutes"]), state))
        there.add(lab.id)
    found += [Row(coming.id, coming.title[words.lang], "", words("cli.list_coming"))
              for coming in notes.coming if coming.id not in there]
    return sorted(found)


def _how_far(progress: Progress, lab: Lab, words: Words) -> str:
    if not progress.finished and not progress.step:
        return words("cli.list_draft") if lab.draft else ""
    said = words("cli.list_done") if progress.finished else words(
        "cli.list_going", number=progress.step + 1, count=len(lab.steps))
    return f"{said} ({words('screen.challenge')})" if progress.challenge else said


def table(found: list[Row], width: int) -> list[str]:
    """Lines of at most `width`: one a lab, two where one is too long."""
    lab, title = (max(len(row[column]) for row in found) for column in (0, 1))
    lines = []
    for row in found:
        head = f"{row.lab:<{lab}}  "
        more = "  ".join(filter(None, (row.minutes, row.state)))
        whole = f"{head}{row.title:<{title}}  {more}"
        lines += [whole] if len(whole) <= width else _broken(head, row.title, more, width)
    return lines


def _broken(head: str, title: str, more: str, width: int) -> list[str]:
    parts = [*wrapped(title, width, first=head), *wrapped(more, width, first=" " * len(head))]
    return [paint(line, colour=False) for line in parts]
