"""What follows from lab 00's values: the names of the second and third container, and the predictions' answers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any


def derive(values: dict[str, Any], dice: random.Random | None) -> Mapping[str, Any]:
    """`second` and `third`: `web2` and `web3`, as the notes would number them."""
    name = values["name"]
    mark = "" if dice is None else "-"
    return {"second": f"{name}{mark}2", "third": f"{name}{mark}3",
            "predict_P1": "n", "predict_P2": "y", "predict_P3": "n"}
