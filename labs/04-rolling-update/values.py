"""What follows from lab 04's numbers: the least time an update takes, and a version that is not the one asked for."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any


def derive(values: dict[str, Any], dice: random.Random | None) -> Mapping[str, Any]:
    """`least`: seconds that lie at least between the first and the last start; `other`: a wrong version."""
    least = (math.ceil(values["replicas"] / values["parallelism"]) - 1) * values["delay"]
    return {**values, "least": least, "other": "1.20" if values["new"] == "1.19" else "1.19",
            "predict_P1": str(least), "predict_P2": "n"}
