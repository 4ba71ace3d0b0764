"""How health checks are read and how their results count."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from swarmkit_py import errors
from swarmkit_py.model.container import Health, HealthResult
from swarmkit_py.model.specs import SECOND, HealthConfig
from swarmkit_py.runtime import health

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
CHECK = HealthConfig(test=["CMD", "x"], start_period=10 * SECOND)


def result(code: int, after: float) -> HealthResult:
    return HealthResult(start=START + timedelta(seconds=after), exit_code=code)


def after(*results: HealthResult, config: HealthConfig = CHECK) -> Health:
    found = Health()
    for one in results:
        found = health.counted(found, one, config, START)
    return found


def test_what_is_run() -> None:
    assert health.probe(None) is None
    assert health.probe(HealthConfig(test=["NONE"])) is None
    assert health.probe(HealthConfig()) is None
    assert health.probe(HealthConfig(test=["CMD", "a", "b"])) == ["a", "b"]
    assert health.probe(HealthConfig(test=["CMD-SHELL", "a b"])) == ["/bin/sh", "-c", "a b"]


def test_the_image_s_check_fills_what_was_not_said() -> None:
    image = health.of_image({"Healthcheck": {"Test": ["CMD", "x"], "Interval": 5, "Retries": 7}})
    assert health.merged(None, image) == image
    assert health.merged(HealthConfig(retries=2), image) == HealthConfig(test=["CMD", "x"], interval=5, retries=2)
    assert health.merged(HealthConfig(test=["NONE"]), image) == HealthConfig(test=["NONE"], interval=5, retries=7)
    assert health.merged(None, None) is None
    assert health.of_image({"Healthcheck": {"Test": "x"}}) is None
    assert health.of_image({}) is None


@pytest.mark.parametrize(("config", "text"), [
    (HealthConfig(interval=1000), "Interval in Healthcheck cannot be less than 1ms"),
    (HealthConfig(timeout=-5), "Timeout in Healthcheck cannot be less than 1ms"),
    (HealthConfig(start_period=7), "StartPeriod in Healthcheck cannot be less than 1ms"),
    (HealthConfig(retries=-1), "Retries in Healthcheck cannot be negative"),
    (HealthConfig(test=["RUN", "x"]), "Unknown healthcheck type 'RUN' (expected 'CMD')"),
])
def test_wrong_checks(config: HealthConfig, text: str) -> None:
    with pytest.raises(errors.InvalidArgument) as caught:
        health.check(config)
    assert caught.value.message == text


def test_a_healthy_probe_ends_starting() -> None:
    assert (after(result(0, 1)).status, after().status) == ("healthy", "starting")


def test_failures_in_the_start_period_do_not_count() -> None:
    seen = after(*(result(1, second) for second in range(9)))
    assert (seen.status, seen.failing_streak, len(seen.log)) == ("starting", 0, health.KEPT)


def test_the_start_period_ends_with_the_first_success() -> None:
    seen = after(result(0, 1), result(1, 2), result(1, 3), result(1, 4))
    assert (seen.status, seen.failing_streak) == ("unhealthy", 3)


def test_three_failures_in_a_row_after_it_are_unhealthy_and_one_success_heals() -> None:
    assert after(result(1, 11), result(1, 12)).status == "starting"
    assert after(result(1, 11), result(1, 12), result(1, 13)).status == "unhealthy"
    assert after(result(1, 11), result(1, 12), result(0, 13), result(1, 14), result(1, 15)).status == "healthy"
    healed = after(result(1, 11), result(1, 12), result(-1, 13), result(0, 14))
    assert (healed.status, healed.failing_streak) == ("healthy", 0)
    assert after(result(1, 11), config=HealthConfig(retries=1)).status == "unhealthy"


def test_output_is_cut() -> None:
    assert health.shown_output(b"x\xff") == "x�"
    assert health.shown_output(b"x" * 5000) == "x" * 4096 + "..."
