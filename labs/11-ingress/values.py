"""What follows from lab 11's numbers: how many requests meet everybody, and the right predictions."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any


def derive(values: dict[str, Any], dice: random.Random | None) -> Mapping[str, Any]:
    """`burst`: ten requests for each task. I: the application sees the entry node's address on ingress."""
    return {"burst": 10 * values["more"], "predict_P1": "y", "predict_P2": "I"}
