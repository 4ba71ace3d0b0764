"""What a cable is slowed with, and what a daemon's end means while its host is off."""

from __future__ import annotations

import pytest

from swarmkit_py.errors import InvalidArgument
from topologies.cables import bits, qdiscs
from topologies.daemons import Daemon, ended


def test_a_rate_alone_is_a_token_bucket_of_twenty_milliseconds() -> None:
    assert qdiscs("100mbit", "", "") == [
        ["root", "handle", "10:", "tbf", "rate", "100mbit", "burst", "250000", "latency", "50ms"]]


def test_a_slow_cable_still_takes_whole_packets() -> None:
    assert qdiscs("256kbit", "", "")[0][-3] == "16384"


def test_delay_and_loss_come_before_the_rate() -> None:
    (first, second) = qdiscs("1gbit", "20ms", "1%")
    assert first == ["root", "handle", "1:", "netem", "delay", "20ms", "loss", "1%"]
    assert second[:4] == ["parent", "1:1", "handle", "10:"]


def test_nothing_wished_is_no_queue_at_all() -> None:
    assert qdiscs("", "", "") == []


@pytest.mark.parametrize("rate", ["10", "10foo", "mbit", "-1mbit", "0mbit", "10 mbit"])
def test_what_is_no_rate(rate: str) -> None:
    with pytest.raises(InvalidArgument, match="no rate"):
        bits(rate)


def test_a_daemon_whose_host_is_off_is_not_started_again() -> None:
    running = Daemon(running=True, started_at=1.0)
    assert ended(running, 137, 2.0).due_at == pytest.approx(2.1)
    off = ended(running._replace(wanted=False), 137, 2.0)
    assert (off.due_at, off.restarts, off.running) == (None, 0, False)
