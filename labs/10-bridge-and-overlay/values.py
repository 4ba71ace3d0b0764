"""What follows from lab 10's values: the other worker, and the right predictions."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

MTU, OVERHEAD, HEADERS = 1500, 50, 28
"""Bytes: of the cable, of the envelope (outer Ethernet inside it, IP, UDP and VXLAN), of IP and ICMP."""


def derive(values: dict[str, Any], dice: random.Random | None) -> Mapping[str, Any]:
    """`there`: the other worker; `fits` and `too_big`: bytes that `ping -s` may just send, and one more."""
    fits = MTU - OVERHEAD - HEADERS
    return {"there": "worker2" if values["here"] == "worker1" else "worker1", "fits": fits, "too_big": fits + 1,
            "predict_P1": "C H", "predict_P2": "n"}
