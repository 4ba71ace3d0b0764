"""Owns what happens by itself in a lab: as a step is reached whose pager rings, its incidents happen, once. Judges
nothing. A run that is put back as given has its incidents anew.

steps.toml says what:

    [[step]]
    rings = true
    [[step.happens]]             # as somebody else would type it, on a host
    on = "manager1"
    command = "docker service update --detach --image … {service}"
    [[step.happens]]             # somebody's foot is in a cable
    cut = "{silent}"
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from labs.kit.checks import GraderError
from labs.kit.events import Event, Events, note
from labs.kit.given import run_on
from labs.kit.outside import OUTSIDE
from labs.kit.world import first_processes
from swarmkit_py.errors import SwarmError

if TYPE_CHECKING:
    from labs.kit.referee import Referee

RING = "ring"
RING_LINE = "lab ring "
"""Stands in a hand-in, among what was typed, where the pager rang for a step."""
FAULT = 3
"""The exit status of `lab` for what is the machine's or the kit's fault."""


def rung(host: str, line: str) -> bool:
    """Not typed by anybody: a line among commands that says that the pager rang."""
    return host == OUTSIDE and line.startswith(RING_LINE)


def rings(events: Events) -> dict[str, Event]:
    """By step, when its pager rang."""
    return {str(event.data["step"]): event for event in events.of("lab", RING)}


def rang(events: Events, step: str) -> float | None:
    """When it rang for this step."""
    event = rings(events).get(step)
    return event.t if event else None


def arrive(referee: Referee) -> bool:
    """What the present step brings, unless it has come. True if it came now. Raises GraderError: then it has not."""
    step = referee.lab.steps[referee.progress.step]
    if not (step.rings and referee.keep) or step.id in rings(referee.store.events):
        return False
    began = time.monotonic()
    refused = [_happen(referee, {key: value.format(**referee.params.values()) for key, value in item.items()})
               for item in step.happens]
    note(referee.eyes.cluster.outside, RING, t=began, step=step.id, refused=" ".join(filter(None, refused)),
         line=f"{RING_LINE}{step.id}")
    return True


def _happen(referee: Referee, item: Mapping[str, str]) -> str:
    """What was said against it: whoever removed a service is spared its bad release. "" if it happened."""
    if "cut" in item:
        _cut(referee, item["cut"])
        return ""
    done = run_on(referee.eyes, item["on"], item["command"])
    if done.returncode == FAULT:
        raise GraderError(f"{item['on']}: `{item['command']}`: {done.stderr.strip()[-300:]}")
    return done.stderr.strip()[-300:] if done.returncode else ""


def _cut(referee: Referee, host: str) -> None:
    """As `lab cut` does, but no act of the student's: nothing of it goes into a hand-in, a replay cuts by itself."""
    cluster = referee.eyes.cluster
    began = time.monotonic()
    before = first_processes(cluster.call("evidence", tables=[])["hosts"])
    try:
        cluster.call("cut", name=host, seconds=None)
    except SwarmError as error:
        raise GraderError(f"the cable of {host} could not be cut: {error}") from None
    note(cluster.outside, "cut", host, t=began, before=before)
