"""Owns the commands `lab notes` and `lab for`: from the course notes to the labs. Says what it says."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from labs.kit.folder import Lab
    from labs.kit.notes import NoteLine, Notes, Place
    from labs.kit.style import Line
    from labs.kit.words import Words

Lang = Annotated[str, typer.Option("--lang", help="fr or en; else $LAB_LANG, else the locale.")]


def register(app: typer.Typer) -> None:
    """Put the commands into `app`."""
    app.command("notes")(notes)
    app.command("for")(for_)


def notes(
    line: Annotated[str, typer.Argument(help="One line of the notes: A1 … G12; all of them by default.")] = "",
    lang: Lang = "",
) -> None:
    """The course notes, line by line: in which lab and step each is practised."""
    _show(line, lang)


def for_(line: Annotated[str, typer.Argument(help="A line of the notes: A1 … G12.")], lang: Lang = "") -> None:
    """Where a line of the course notes is practised, and how to start there."""
    _show(line, lang)


def _show(wanted: str, lang: str) -> None:
    from labs.kit.break_commands import the_words
    from labs.kit.folder import all_labs, read_lab
    from labs.kit.notes import read_notes
    from labs.kit.style import paint_all
    from labs.kit.terminal import colour_wanted, width

    words, book = the_words(lang), read_notes()
    labs = [read_lab(path) for path in all_labs()]
    chosen = [book.find(wanted)] if wanted else list(book.lines)
    if None in chosen:
        print("lab: " + words("notes.unknown", line=wanted, first=book.lines[0].id, last=book.lines[-1].id),
              file=sys.stderr)
        raise typer.Exit(2)
    rows, section = [], ""
    for line in chosen:
        assert line is not None
        rows += _title(book.sections[line.section], words) if line.section != section else []
        rows += render(line, book, labs, words, width(), start=bool(wanted))
        section = line.section
    print(paint_all(rows, colour_wanted(os.environ, sys.stdout.isatty(), plain=False)))


def _title(section: Mapping[str, str], words: Words) -> list[Line]:
    from labs.kit.style import Span

    return [[], [Span(section[words.lang].upper(), "title")]]


def render(
    line: NoteLine, book: Notes, labs: list[Lab], words: Words, width: int, *, start: bool = False,
) -> list[Line]:
    """One line of the notes and its places; with `start`, what to type."""
    from labs.kit.notes import places
    from labs.kit.style import wrapped

    rows = wrapped(line.text[words.lang], width, "command", first=f"{line.id:<4} ")
    found = places(line.id, labs)
    for place in found:
        rows += wrapped(_where(place, words), width, first="     → ")
    for lab in book.coming_for(line.id, labs):
        rows += wrapped(words("notes.coming", lab=lab.id, title=lab.title[words.lang]), width, "dim", first="     → ")
    if start and found:
        rows += wrapped(words("notes.start", lab=found[0].lab.id), width, first="     ")
    return rows


def _where(place: Place, words: Words) -> str:
    texts = place.lab.words(words.lang, place.lab.params(None))
    head = f"{place.lab.id} · {texts('title')}"
    steps = [words("notes.step", number=number, title=texts(f"steps.{place.lab.steps[number - 1].id}.title"))
             for number in place.steps]
    return ": ".join([head, ", ".join(steps)]) if steps else head
