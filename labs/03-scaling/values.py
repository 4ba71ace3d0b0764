"""What follows from lab 03's numbers: how many tasks the traffic needs, and the right predictions."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

NODES = 3


def derive(values: dict[str, Any], dice: random.Random | None) -> Mapping[str, Any]:
    """`enough`: the fewest tasks that serve the traffic; more than `most` are a waste; `burst`: requests to send."""
    found = {}
    if dice is not None:
        values["target"] += values["target"] == values["start"]
        busy = dice.randint(values["middle"] + 1, values["middle"] + 3)
        found["traffic"] = values["traffic"] = int((busy - 0.5) * values["rate"])
    enough = math.ceil(values["traffic"] / values["rate"])
    return {**values, **found, "enough": enough, "most": 2 * enough, "burst": 4 * values["target"],
            "predict_P1": even(values["target"]), "predict_P2": "n", "predict_P3": even(values["low"])}


def even(tasks: int) -> str:
    """`4/3/3` for 10."""
    return "/".join(str(tasks // NODES + (number < tasks % NODES)) for number in range(NODES))
