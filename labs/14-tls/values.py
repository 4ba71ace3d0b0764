"""What follows from lab 14's values: who is in the swarm at first, and the predictions' answers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

WORKERS = ("worker1", "worker2", "worker3")


def derive(values: dict[str, Any], dice: random.Random | None) -> Mapping[str, Any]:
    """`here` and `there`: the workers that are in. The manager's address is the topology's."""
    here, there = (host for host in WORKERS if host != values["newcomer"])
    return {"here": here, "there": there, "first": ("manager1", here, there), "address": "10.7.0.1",
            "predict_P1": "n", "predict_P2": "y"}
