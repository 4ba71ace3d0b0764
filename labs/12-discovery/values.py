"""What follows from lab 12's numbers: the right predictions."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any


def derive(values: dict[str, Any], dice: random.Random | None) -> Mapping[str, Any]:
    """A virtual address is one, however many tasks are behind it; `tasks.` names them all."""
    return {"predict_P1": "1", "predict_P2": str(values["more"])}
