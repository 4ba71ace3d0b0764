"""Owns what a health check is and how its results count. Pure: no process, no clock.

Durations are nanoseconds, as in the API; 0 or None says the default. Counterpart: moby/daemon/health.go (the
counting) and moby/daemon/commit.go (the merge with the image's HEALTHCHECK).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from swarmkit_py import errors
from swarmkit_py.model.container import HEALTHY, STARTING, UNHEALTHY, Health, HealthResult
from swarmkit_py.model.specs import SECOND, HealthConfig

INTERVAL, TIMEOUT, RETRIES = 30.0, 30.0, 3
KEPT = 5
OUTPUT_LIMIT = 4096
_MINIMUM = 1_000_000
"""Nanoseconds; Docker refuses shorter durations."""


def of_image(config: dict[str, Any]) -> HealthConfig | None:
    """The HEALTHCHECK that an image carries (Docker's extension of the OCI config), if it can be read."""
    found = config.get("Healthcheck")
    try:
        return msgspec.convert(found, HealthConfig) if found else None
    except msgspec.ValidationError:
        return None


def merged(asked: HealthConfig | None, image: HealthConfig | None) -> HealthConfig | None:
    """What was asked, and the image's word where nothing was said. None: no check at all."""
    if asked is None or image is None:
        return asked or image
    return HealthConfig(
        test=asked.test or image.test, interval=asked.interval or image.interval,
        timeout=asked.timeout or image.timeout, start_period=asked.start_period or image.start_period,
        retries=asked.retries or image.retries)


def probe(config: HealthConfig | None) -> list[str] | None:
    """The command of a check; None where there is none (`NONE`, or nothing said)."""
    test = config.test if config is not None else None
    if not test or test[0] not in ("CMD", "CMD-SHELL"):
        return None
    return ["/bin/sh", "-c", *test[1:]] if test[0] == "CMD-SHELL" else test[1:]


def check(config: HealthConfig | None) -> None:
    """Raises errors.InvalidArgument with Docker's texts."""
    if config is None:
        return
    names = (("Interval", config.interval), ("Timeout", config.timeout), ("StartPeriod", config.start_period))
    for name, value in names:
        if value and value < _MINIMUM:
            raise errors.InvalidArgument(f"{name} in Healthcheck cannot be less than 1ms")
    if config.retries and config.retries < 0:
        raise errors.InvalidArgument("Retries in Healthcheck cannot be negative")
    if config.test and config.test[0] not in ("", "NONE", "CMD", "CMD-SHELL"):
        raise errors.InvalidArgument(f"Unknown healthcheck type '{config.test[0]}' (expected 'CMD')")


def seconds(value: int | None, default: float) -> float:
    """A duration of the API, or the default."""
    return value / SECOND if value else default


def counted(health: Health, result: HealthResult, config: HealthConfig, started: datetime) -> Health:
    """The health after one more result. A failure within the start period of a container that was never healthy does
    not count."""
    log = [*health.log, result][-KEPT:]
    if result.exit_code == 0:
        return Health(status=HEALTHY, failing_streak=0, log=log)
    grace = seconds(config.start_period, 0.0)
    if health.status == STARTING and (result.start - started).total_seconds() < grace:
        return replace(health, log=log)
    streak = health.failing_streak + 1
    status = UNHEALTHY if streak >= (config.retries or RETRIES) else health.status
    return Health(status=status, failing_streak=streak, log=log)


def shown_output(data: bytes) -> str:
    """What a probe wrote, at most 4096 bytes of it."""
    text = data[:OUTPUT_LIMIT].decode(errors="replace")
    return text + "..." if len(data) > OUTPUT_LIMIT else text
