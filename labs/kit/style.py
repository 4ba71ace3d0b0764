"""Owns text with style: lines of spans, wrapped to a width and painted with colour or without. Pure, no terminal.

Everything is readable without colour: signs and words carry the meaning. NO_COLOR is respected by who calls `paint`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import NamedTuple

COLOURS = {
    "": "", "title": "1", "dim": "2", "good": "32", "bad": "31", "wait": "33", "key": "1;36", "command": "1",
    "info": "36",
}
SIGN_STYLES = {"passed": "good", "failed": "bad", "converging": "wait", "waiting": "dim", "error": "bad"}


class Span(NamedTuple):
    text: str
    style: str = ""


Line = list[Span]
_GLUE = "\u00a0"
_TOGETHER = re.compile(r" (?=[:;?!»%]( |$|\)))|(?<=«) |(?<=\d) (?=(s|ms|min|h|%|Mio|MiB)\b)")
"""Spaces at which a line must not break: before French punctuation, inside of its quotes, before a unit. The terminal
gets ordinary spaces all the same: what is shown may be copied into a shell."""



def line(*parts: str | Span) -> Line:
    """A line of plain strings and spans."""
    return [part if isinstance(part, Span) else Span(part) for part in parts]


def length(spans: Line) -> int:
    return sum(len(span.text) for span in spans)


def rule(width: int) -> Line:
    return [Span("─" * width, "dim")]


def spread(left: Line, right: Line, width: int) -> Line:
    """Left and right with the room between them; the right part is dropped where both do not fit."""
    room = width - length(left) - length(right)
    return [*left, Span(" " * room), *right] if room >= 1 else left


def wrapped(text: str, width: int, style: str = "", first: str = "", rest: str | None = None) -> list[Line]:
    """The text as lines of at most `width`, `first` before the first and `rest` before the others."""
    indent = rest if rest is not None else " " * len(first)
    found = textwrap.wrap(_TOGETHER.sub(_GLUE, text), width, initial_indent=first, subsequent_indent=indent,
                          break_on_hyphens=False)
    return [[Span(part.replace(_GLUE, " "), style)] for part in found or [first]]


def columns(cells: Iterable[Line], width: int) -> Line:
    """Cells side by side, each filled up to `width`."""
    joined: Line = []
    for cell in cells:
        joined += [*cell, Span(" " * max(1, width - length(cell)))]
    return joined


def paint(spans: Line, colour: bool) -> str:
    """One line as a terminal shows it."""
    if not colour:
        return "".join(span.text for span in spans).rstrip()
    return "".join(_painted(span) for span in spans)


def _painted(span: Span) -> str:
    code = COLOURS[span.style]
    return f"\x1b[{code}m{span.text}\x1b[0m" if code and span.text.strip() else span.text


def paint_all(lines: Iterable[Line], colour: bool) -> str:
    return "\n".join(paint(each, colour) for each in lines)
