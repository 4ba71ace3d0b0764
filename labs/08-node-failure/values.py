"""What follows from lab 08's values: where the probe asks, and how long a node may be silent."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

GRACE = 3
"""Heartbeats missed until a node counts as Down (swarmkit/manager/dispatcher/dispatcher.go)."""


def derive(values: dict[str, Any], dice: random.Random | None) -> Mapping[str, Any]:
    """`patience`: seconds of silence until Down; `other`: a worker that is to stay."""
    port = "" if values["port"] == 80 else f":{values['port']}"
    return {"patience": GRACE * values["heartbeat"], "other": "worker1" if values["dead"] == "worker2" else "worker2",
            "probe_url": f"http://manager1{port}/", "more": values["replicas"] + 2,
            "predict_P1": str(values["replicas"]), "predict_P2": str(values["replicas"] + 2)}
