"""What follows from lab 06's values: how the bad version is bad, and which one Swarm can recognise by itself."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

PAGE = "1.20-broken-page"


def derive(values: dict[str, Any], dice: random.Random | None) -> Mapping[str, Any]:
    """`page`: it runs, and only its answers are bad, which Swarm does not see. `bad_auto`: one that ends."""
    page = values["bad"] == PAGE
    port = "" if values["port"] == 80 else f":{values['port']}"
    return {"page": page, "bad_auto": "1.20-broken" if page else values["bad"], "probe_url": f"http://manager1{port}/",
            "more": values["replicas"] + 1, "predict_P1": "n", "predict_P2": "y"}
