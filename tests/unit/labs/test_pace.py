"""The client's pace: so many requests a second, and never a heap of overdue ones, however late it comes."""

from __future__ import annotations

import threading

import pytest

from labs.kit import client_script
from labs.kit.client_script import CLOSEST, OWED, Pace


class Clock:
    """Time that passes only while somebody waits. `late`: how much longer a wait takes than was asked for."""

    def __init__(self) -> None:
        self.now, self.late = 100.0, 0.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds + self.late
        self.late = 0.0
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(client_script.time, "monotonic", found.monotonic)
    return found


def sent(pace: Pace, clock: Clock, count: int, late: dict[int, float]) -> list[float]:
    """When each of the next `count` requests leaves; before some, the processor is busy with others for a while."""
    pace._over.wait = clock.wait  # type: ignore[assignment, method-assign]
    moments = []
    for number in range(count):
        clock.late = late.get(number, 0.0)
        assert pace.next() == number
        moments.append(clock.now)
    return moments


def test_so_many_a_second(clock: Clock) -> None:
    moments = sent(Pace(50), clock, 101, {})
    assert moments[0] == 100.0 and moments[100] == pytest.approx(102.0)


def test_who_comes_late_does_not_send_a_heap(clock: Clock) -> None:
    moments = sent(Pace(50), clock, 1000, {100: 0.4, 200: 3.0})
    gaps = [later - earlier for earlier, later in zip(moments, moments[1:], strict=False)]
    assert min(gaps) >= CLOSEST / 50 - 1e-9


def test_a_short_delay_is_made_good_and_a_long_one_forgotten(clock: Clock) -> None:
    short, long = (sent(Pace(50), clock, 2001, {100: late})[-1] for late in (0.4, 3.0))
    assert short == pytest.approx(140.0)
    assert long - short == pytest.approx(40 + 3.0 - OWED, abs=0.03)


def test_threads_share_one_pace() -> None:
    """Each moment is given out once, and all end with the count."""
    pace, given = Pace(500, 60), []

    def work() -> None:
        while (number := pace.next()) is not None:
            given.append(number)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given) == list(range(60))
