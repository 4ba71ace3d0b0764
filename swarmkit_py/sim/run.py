"""Owns running seeds: one result for each, with the story that led to it. Counterpart: none."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import NamedTuple

from swarmkit_py.sim.acts import ACTS
from swarmkit_py.sim.shrink import shrink
from swarmkit_py.sim.story import Step, Story, tell
from swarmkit_py.sim.witness import Violation
from swarmkit_py.sim.world import World, play


class Result(NamedTuple):
    """What came of a story. `events`, `commits` and `seconds` (virtual) say how much happened in it."""

    story: Story
    violation: Violation | None
    events: int
    commits: int
    seconds: float
    digest: str
    log: tuple[str, ...]


async def perform(world: World, step: Step) -> None:
    """Do what a step says."""
    await ACTS[step.verb](world, step.args)


def run_story(story: Story, *, log: bool = False) -> Result:
    """Play a story. `log`: also give back every event as a line, and the log's fingerprint."""
    collecting = gc.isenabled()
    gc.disable()  # a story is short, and what it leaves goes at once
    try:
        world = play(story, perform)
    finally:
        if collecting:
            gc.enable()
    lines = tuple(world.witness.lines()) if log else ()
    return Result(story, world.witness.violation, world.witness.count, world.commits, world.loop.time(),
                  world.witness.digest() if log else "", lines)


def run_seed(seed: int, keep: Sequence[int] | None = None, *, log: bool = False) -> Result:
    """The story of a seed, or only the steps of it whose numbers are in `keep`."""
    return run_story(only(tell(seed), keep), log=log)


def only(story: Story, keep: Sequence[int] | None) -> Story:
    """The story with some of its steps (numbered from 0)."""
    if keep is None:
        return story
    return story._replace(steps=tuple(story.steps[number] for number in keep if number < len(story.steps)))


def shortest(result: Result) -> list[int]:
    """Numbers of the steps without which a failing story would not break its rule."""
    story, rule = result.story, result.violation.rule if result.violation else ""

    def fails(numbers: Sequence[int]) -> bool:
        violation = run_story(only(story, numbers)).violation
        return violation is not None and violation.rule == rule

    return shrink(range(len(story.steps)), fails)


def account(result: Result, keep: Sequence[int] | None = None) -> list[str]:
    """What a person needs to know of a failing seed: the rule and its witnesses, the story, how to see it again."""
    if result.violation is None:
        return [f"seed {result.story.seed}: all rules hold"]
    numbers = "" if keep is None else " --keep " + ",".join(map(str, keep))
    return [
        f"seed {result.story.seed} breaks a rule", *result.violation.lines(), "the story:",
        f"  {result.story.nodes} nodes, subnets of /{result.story.subnet_size}, "
        f"{result.story.duplicates:.0%} of the reports come twice",
        *(f"  {step}" for step in result.story.steps),
        f"again: lab sim --seed {result.story.seed}{numbers} --story",
    ]
