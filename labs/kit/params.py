"""Owns a lab's values: the notes' own in guided mode, drawn from the student's seed in graded mode. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Params:
    """Numbers of tasks: `start`, `target`, `low`, `middle`. Requests/s: `rate` of one task, `traffic` offered."""

    service: str
    port: int
    start: int
    target: int
    low: int
    middle: int
    rate: int
    traffic: int

    @property
    def enough(self) -> int:
        """The fewest tasks that serve the traffic."""
        return math.ceil(self.traffic / self.rate)

    @property
    def most(self) -> int:
        """More tasks than this are a waste."""
        return 2 * self.enough

    def values(self, host: str = "worker1") -> dict[str, Any]:
        """What the holes of commands and texts are filled with."""
        return asdict(self) | {
            "enough": self.enough, "most": self.most, "burst": 4 * self.target,
            "url": f"http://{host}:{self.port}/" if self.port != 80 else f"http://{host}/",
        }


def guided(table: Mapping[str, Any]) -> Params:
    """The values of lab.toml's [guided]."""
    return Params(**table)


def graded(ranges: Mapping[str, Any], seed: str) -> Params:
    """Values drawn from the seed; the same seed gives the same lab everywhere."""
    dice = random.Random(f"swarm-lab-kit/1/{seed}")
    drawn = {name: dice.randint(low, high) for name, (low, high) in sorted(ranges.items())}
    if drawn["target"] == drawn["start"]:
        drawn["target"] += 1
    busy = dice.randint(drawn["middle"] + 1, drawn["middle"] + 3)
    name = f"web-{dice.choice('abcdefghkmnpqrstuvwxyz')}{dice.randint(2, 9)}"
    return Params(service=name, traffic=int((busy - 0.5) * drawn["rate"]), **drawn)
