"""Owns the command `lab pager`: the messages of a lab's night so far, each with the time it came."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import typer

from labs.kit.break_commands import USAGE, Lang, Name, fail, the_words

if TYPE_CHECKING:
    from labs.kit.events import Events
    from labs.kit.style import Line
    from labs.kit.words import Words


def register(app: typer.Typer) -> None:
    """Put the command into `app`."""
    app.command()(pager)


def pager(name: Name = "", lang: Lang = "") -> None:
    """What the pager said so far, and when: of a lab where things happen by themselves."""
    from labs.kit.session import NoLab, join_session
    from labs.kit.style import paint_all

    words = the_words(lang)
    if os.environ.get("SWARM_HOST"):
        fail(words("cli.outside", command="pager"), USAGE)
    try:
        referee = join_session(name or None)
    except NoLab as error:
        fail(words("cli.not_a_lab", name=str(error)), USAGE)
    texts = referee.lab.words(words.lang, referee.params)
    if not any(step.rings for step in referee.lab.steps):
        fail(texts("cli.pager_none", lab=referee.lab.id), USAGE)
    print(paint_all(messages(referee.store.events, texts, shutil.get_terminal_size().columns), colour=False))


def messages(events: Events, words: Words, width: int) -> list[Line]:
    """A line or two for each, oldest first."""
    from labs.kit.incidents import rings
    from labs.kit.style import wrapped

    rows: list[Line] = []
    for step, event in rings(events).items():
        at = time.strftime("%H:%M:%S", time.localtime(event.t + time.time() - time.monotonic()))
        rows += wrapped(words(f"steps.{step}.page"), width, first=f"{at}  ", rest=" " * 10)
    return rows or wrapped(words("cli.pager_quiet"), width)
