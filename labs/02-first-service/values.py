"""What follows from lab 02's numbers: the even split over three nodes, and how many requests show everybody."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

NODES = 3


def derive(values: dict[str, Any], dice: random.Random | None) -> Mapping[str, Any]:
    """`split`: how Swarm spreads the tasks; `burst`: requests to one node that meet every task."""
    tasks = values["tasks"]
    even = "/".join(str(tasks // NODES + (number < tasks % NODES)) for number in range(NODES))
    return {"burst": 4 * tasks, "predict_P1": even, "predict_P2": "y"}
