"""What follows from lab 01's values: where the manager is, and the predictions' answers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any


def derive(values: dict[str, Any], dice: random.Random | None) -> Mapping[str, Any]:
    """`address`: manager1's on the wire, which the topology fixes."""
    return {"address": "10.7.0.1", "predict_P1": "n", "predict_P2": "n"}
