"""Owns the command `lab sim`: words, a progress bar and exit codes. The simulation is `swarmkit_py.sim`'s.

0: every seed holds, 1: one does not, 2: asked wrongly.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from swarmkit_py.errors import InvalidArgument

if TYPE_CHECKING:
    from swarmkit_py.sim.run import Result


def register(app: typer.Typer) -> None:
    """Put `sim` into `app`."""
    app.command()(sim)


def sim(
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="How many seeds, from 0 or --seed on.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="This seed, or the first of --seeds.")] = None,
    keep: Annotated[str, typer.Option("--keep", help="Of one seed, only these steps: 0,3,7.")] = "",
    story: Annotated[bool, typer.Option("--story", help="Tell what happens, event by event (one seed).")] = False,
    shrink: Annotated[bool, typer.Option("--shrink/--no-shrink", help="Shorten a failing story.")] = True,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Processes at work.")] = 1,
) -> None:
    """Simulate whole swarms in virtual time, a story a seed, and check what must always hold."""
    first = seed or 0
    wanted = range(first, first + (seeds or (1000 if seed is None else 1)))
    steps = _numbers(keep)
    if (story or steps is not None) and len(wanted) != 1:
        raise InvalidArgument("--story and --keep are about one seed: say --seed N, and no --seeds")
    failed = [result.story.seed for result in _results(wanted, steps, jobs, story)
              if not _report(result, steps, shrink, len(wanted) == 1)]
    if len(wanted) > 1:
        print(f"{len(wanted) - len(failed)} of {len(wanted)} seeds hold"
              + (f"; these do not: {' '.join(map(str, sorted(failed)))}" if failed else ""))
    raise typer.Exit(1 if failed else 0)


def _numbers(text: str) -> list[int] | None:
    try:
        return [int(word) for word in text.split(",")] if text else None
    except ValueError:
        raise InvalidArgument(f"--keep takes numbers of steps, as 0,3,7: {text!r} is not that") from None


def _check_steps(seed: int, keep: Sequence[int]) -> None:
    from swarmkit_py.sim.story import tell

    steps = len(tell(seed).steps)
    strange = [number for number in keep if not 0 <= number < steps]
    if strange:
        raise InvalidArgument(f"--keep {strange[0]}: the story of seed {seed} has the steps 0 to {steps - 1}")


def _results(seeds: range, keep: Sequence[int] | None, jobs: int, story: bool) -> Iterator[Result]:
    from swarmkit_py.sim.run import run_seed

    if len(seeds) == 1:
        _check_steps(seeds[0], keep or [])
        result = run_seed(seeds[0], keep, log=story)
        if story:
            print("\n".join(result.log))
        yield result
        return
    with _progress(len(seeds)) as advance:
        for result in _many(seeds, jobs):
            advance(result)
            yield result


def _many(seeds: range, jobs: int) -> Iterator[Result]:
    from swarmkit_py.sim.run import run_seed

    if jobs == 1:
        yield from map(run_seed, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(run_seed, seeds, chunksize=8)


class _progress:
    """A bar on the terminal's error channel; nothing where that is no terminal."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._failures = 0
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
        self._task = self._bar.add_task("seeds", total=total)

    def __enter__(self) -> _progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, result: Result) -> None:
        self._failures += result.violation is not None
        text = f"seeds ({self._failures} failed)" if self._failures else "seeds"
        self._bar.update(self._task, advance=1, description=text)


def _report(result: Result, keep: Sequence[int] | None, shrink: bool, alone: bool) -> bool:
    """True if the seed holds; else say how it does not."""
    from swarmkit_py.sim.run import account, run_seed, shortest

    if result.violation is None:
        if alone:
            print(f"seed {result.story.seed}: all rules hold ({result.events} events, {result.commits} commits, "
                  f"{result.seconds:.0f} s of virtual time)")
        return True
    if shrink and keep is None:
        keep = shortest(result)
        result = run_seed(result.story.seed, keep)
    print("\n".join(account(result, keep)), flush=True)
    return False
