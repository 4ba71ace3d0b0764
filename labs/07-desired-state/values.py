"""What follows from lab 07's values: the name of the service that stays."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any


def derive(values: dict[str, Any], dice: random.Random | None) -> Mapping[str, Any]:
    """`other`: a second service, which nobody asked to remove."""
    mark = "" if dice is None else f"-{dice.randint(2, 9)}"
    return {"other": f"api{mark}", "predict_P1": str(values["replicas"]), "predict_P2": "n"}
