"""Owns the moments that users name in filters: a time, or how long ago (`until=1h30m`). Pure.

Counterpart: moby/api/types/time (GetTimestamp).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from swarmkit_py.docker_api.streams import parse_time
from swarmkit_py.errors import InvalidArgument

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")


def moment(name: str, text: str, now: datetime) -> datetime:
    """`10m`, `1h30m` (before now), unix seconds or an RFC 3339 time. Raises InvalidArgument."""
    if _DURATION.fullmatch(text):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
        try:
            return now - timedelta(seconds=seconds)
        except OverflowError:
            raise InvalidArgument(f"{name}={text!r} is too long ago") from None
    found = parse_time(name, text)
    if found is None:
        raise InvalidArgument(f"{name}={text!r} is no time")
    return found
