"""When the next pass is due."""

from __future__ import annotations

import pytest

from swarmkit_py.manager.scheduler.rhythm import Rhythm


def test_without_news_there_is_nothing_to_wait_for() -> None:
    assert Rhythm().wait(5.0) is None


def test_news_after_a_quiet_time_are_answered_at_once() -> None:
    rhythm = Rhythm()
    rhythm.news(10.0)
    assert rhythm.wait(10.0) == 0
    rhythm.passed(10.0)
    assert rhythm.wait(10.0) is None
    rhythm.news(10.06)
    assert rhythm.wait(10.06) == 0


def test_news_in_a_row_are_collected_until_it_is_quiet() -> None:
    rhythm = Rhythm()
    rhythm.passed(10.0)
    rhythm.news(10.01)
    assert rhythm.wait(10.01) == pytest.approx(0.05)
    rhythm.news(10.04)
    assert rhythm.wait(10.05) == pytest.approx(0.04)
    assert rhythm.wait(10.09) == pytest.approx(0, abs=1e-9)


def test_news_that_never_cease_wait_a_second_at_most() -> None:
    rhythm = Rhythm()
    rhythm.passed(10.0)
    for step in range(1, 60):
        rhythm.news(10.0 + step * 0.02)
    assert rhythm.wait(11.0) == pytest.approx(0.02)
    assert rhythm.wait(11.03) == 0
