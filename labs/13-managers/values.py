"""What follows from lab 13's values: the numbers to scale to, who is left, and the predictions' answers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any


def derive(values: dict[str, Any], dice: random.Random | None) -> Mapping[str, Any]:
    """`some`: tasks asked for with one manager lost; `more`: asked for in vain, then again. `last`: the manager that
    stays on. The first manager's address is the topology's."""
    port = "" if values["port"] == 80 else f":{values['port']}"
    return {"some": values["replicas"] + 1, "more": values["replicas"] + 3, "address": "10.7.0.1",
            "last": "manager3" if values["second"] == "manager2" else "manager2",
            "url": f"http://worker1{port}/", "managers": ("manager1", "manager2", "manager3"),
            "predict_P1": "y", "predict_P2": "n", "tolerated": "0 0 1 1 2 2 3"}
