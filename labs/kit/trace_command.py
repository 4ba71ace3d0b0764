"""Owns `lab trace`: what is typed, progress, and the forms in which a trace is shown."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labs.kit.break_commands import FAULT, USAGE, Lang, Name, fail, the_cluster, the_words

if TYPE_CHECKING:
    from labs.kit.trace.story import Trace
    from labs.kit.words import Words

FAILED = 1
NARROWEST = 40


def register(app: typer.Typer) -> None:
    """Put `trace` into `app`."""
    app.command()(trace)


def trace(
    words: Annotated[list[str], typer.Argument(
        metavar="[FROM] URL", help="From which host, task (web.1) or container; client by default. "
        "http://worker2:80/, tcp://10.0.1.5:80, udp://…")],
    svg: Annotated[str, typer.Option("--svg", help="Draw it into this file.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Words instead of signs, no colour.")] = False,
    seconds: Annotated[float, typer.Option("--timeout", min=0.1, max=60, help="Wait so long for an answer.")] = 3.0,
    name: Name = "", lang: Lang = "",
) -> None:
    """Send one request and show every hop it took, and back, from the packets seen: 0 answered, 1 not."""
    texts = the_words(lang)
    if len(words) > 2:
        fail(texts("trace.bad.words"), USAGE)
    cluster = the_cluster("trace", name, texts)
    source = words[0] if len(words) == 2 else "client"
    found = _traced(cluster, source, words[-1], seconds, texts)
    if svg:
        _draw(found, svg, texts)
    if as_json:
        from labs.kit.trace.story import to_json

        print(json.dumps(to_json(found), indent=2))
    else:
        _show(found, texts, plain or "NO_COLOR" in os.environ, plain)
    if not found.ok:
        raise typer.Exit(FAILED)


def _traced(cluster: object, source: str, url: str, seconds: float, texts: Words) -> Trace:
    from labs.kit.checks import GraderError
    from labs.kit.trace import ask

    try:
        return ask.trace(cluster, source, ask.parse(url), seconds, lambda key: _progress(texts(key)))  # type: ignore[arg-type]
    except ask.Unclear as unclear:
        _progress("")
        fail(texts(unclear.key, **unclear.facts), USAGE)
    except GraderError as error:
        _progress("")
        fail(texts("trace.fault", error=str(error)), FAULT)
    finally:
        _progress("")


def _progress(text: str) -> None:
    """One line that replaces itself on a terminal; nothing elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}" + (" …" if text else ""))
        sys.stderr.flush()


def _show(found: Trace, texts: Words, colourless: bool, plain: bool) -> None:
    from labs.kit.style import paint_all
    from labs.kit.trace.text import lines

    width = max(NARROWEST, shutil.get_terminal_size((80, 24)).columns)
    print(paint_all(lines(found, texts, width, plain), sys.stdout.isatty() and not colourless))


def _draw(found: Trace, file: str, texts: Words) -> None:
    from labs.kit.trace.drawing import svg

    try:
        Path(file).write_text(svg(found, texts), encoding="utf-8")
    except OSError as error:
        fail(texts("trace.bad.file", file=file, error=error.strerror or str(error)), USAGE)
