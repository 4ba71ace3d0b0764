"""What follows from lab 15's values: where the probe asks, what is old, and how long a node may be silent."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

GRACE = 3
"""Heartbeats missed until a node counts as Down (swarmkit/manager/dispatcher/dispatcher.go)."""


def derive(values: dict[str, Any], dice: random.Random | None) -> Mapping[str, Any]:
    """`others`: who is to do the work while the node is worked on. P1: only the cable costs requests."""
    port = "" if values["port"] == 80 else f":{values['port']}"
    return {"probe_url": f"http://manager1{port}/", "node_url": f"http://{values['node']}{port}/",
            "old_net": f"{values['old']}-net", "patience": GRACE * values["heartbeat"],
            "double": 2 * values["more"], "total": 20 + values["extra"], "predict_P1": "C", "predict_P2": "0"}
