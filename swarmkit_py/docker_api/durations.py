"""Owns how long ago something was, in words, as Docker says it. Pure.

Counterpart: docker/go-units duration.go.
"""

from __future__ import annotations

_STEPS = ((60 * 60 * 24 * 365 * 2, 60 * 60 * 24 * 365, "years"), (60 * 60 * 24 * 60, 60 * 60 * 24 * 30, "months"),
          (60 * 60 * 24 * 14, 60 * 60 * 24 * 7, "weeks"), (60 * 60 * 48, 60 * 60 * 24, "days"))


def human_duration(seconds: float) -> str:
    """`Less than a second`, `3 seconds`, `About a minute`, `2 hours`, `5 days`, … (months of 30 days)."""
    if seconds < 1:
        return "Less than a second"
    if seconds < 60:
        return "1 second" if int(seconds) == 1 else f"{int(seconds)} seconds"
    minutes = int(seconds // 60)
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    hours = int(seconds / 3600 + 0.5)
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    for least, unit, name in _STEPS:
        if hours * 3600 >= least:
            return f"{int(seconds // unit)} {name}"
    raise AssertionError("two days and more have a step")
