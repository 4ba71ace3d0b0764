"""Owns the command `lab bench`: words and exit codes. The measurements are `labs.kit.bench`'s."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Put `bench` into `app`."""
    app.command()(bench)


def bench(
    names: Annotated[list[str] | None, typer.Argument(help="nodes, serving, replicas, …; all if none.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Measure the kit on this machine, beside a real swarm's figures. Takes a few minutes."""
    from labs.kit.bench import results, suite

    rows = []
    if not as_json:
        print(results.HEADING)
    for row in suite.run(suite.check(names or []), _progress):
        rows.append(row)
        if not as_json:
            print(results.line(row), flush=True)
    if as_json:
        print(json.dumps(results.as_json(rows), indent=2))
    if any(isinstance(row, results.Failure) for row in rows):
        raise typer.Exit(3)


def _progress(text: str) -> None:
    """A line that vanishes, for those who wait at a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[Kmeasuring: {text} …", end="\r", file=sys.stderr, flush=True)
