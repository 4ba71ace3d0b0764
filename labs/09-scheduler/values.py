"""What follows from lab 09's numbers: which nodes have which facts, how many reservations fit, the predictions."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

CAPACITY = {"manager1": 1024, "worker1": 1024, "worker2": 512, "worker3": 512}
"""MiB that each node of topologies/four_nodes.py offers."""
SSD, ZONES = ("worker1", "worker3"), ("a", "a", "b", "b")


def derive(values: dict[str, Any], dice: random.Random | None) -> Mapping[str, Any]:
    """`ssd1`, `ssd2`: nodes with a fast disk; `other1`, `other2`: those without; `zone_NODE`: two nodes in each;
    `room`: how many reservations fit on all nodes together; `capacity`: MiB by node; `zone`: where `web` lives."""
    ssd = sorted(dice.sample(sorted(CAPACITY), 2)) if dice else list(SSD)
    others = [node for node in CAPACITY if node not in ssd]
    zones = dice.sample(ZONES, len(ZONES)) if dice else list(ZONES)
    room = sum(size // values["reserve"] for size in CAPACITY.values())
    return {"ssd1": ssd[0], "ssd2": ssd[1], "other1": others[0], "other2": others[1],
            **{f"zone_{node}": zone for node, zone in zip(CAPACITY, zones, strict=True)}, "zone": "a", "room": room,
            "capacity": CAPACITY,
            "predict_P1": "A", "predict_P2": str(room)}
