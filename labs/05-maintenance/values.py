"""What follows from lab 05's values: who is not the node to be maintained, and where the probe asks."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any


def derive(values: dict[str, Any], dice: random.Random | None) -> Mapping[str, Any]:
    """`other`: the worker that stays; `probe_url`: through the manager, which stays too."""
    port = "" if values["port"] == 80 else f":{values['port']}"
    return {"other": "worker2" if values["node"] == "worker1" else "worker1",
            "probe_url": f"http://manager1{port}/", "more": 2 * values["replicas"],
            "predict_P1": "0", "predict_P2": "y"}
