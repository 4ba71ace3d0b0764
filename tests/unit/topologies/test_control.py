"""The control socket's words, and how a daemon that ends is started again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swarmkit_py.errors import NotFound
from topologies.control import answer, may_connect
from topologies.daemons import FIRST_DELAY, LONGEST_DELAY, Daemon, ended


def handler(method: str, params: dict[str, Any]) -> Any:
    if method == "broken":
        raise ZeroDivisionError("oops")
    if method == "missing":
        raise NotFound("no such host")
    return {"method": method, **params}


def test_a_question_gets_its_answer() -> None:
    line = json.dumps({"method": "status", "params": {"a": 1}}).encode()
    assert answer(line, handler) == {"result": {"method": "status", "a": 1}}


def test_errors_keep_their_kind_and_faults_do_not_end_the_server() -> None:
    assert answer(b'{"method": "missing"}', handler) == {"error": "no such host", "code": "NotFound"}
    assert answer(b'{"method": "broken"}', handler)["code"] == "Internal"


@pytest.mark.parametrize("line", [b"", b"x", b"[]", b'"a"', b"{}", b"3", b"\xff"])
def test_nonsense_is_answered(line: bytes) -> None:
    assert answer(line, handler)["code"] == "InvalidArgument"


def test_who_may_connect() -> None:
    assert may_connect(0, 0, as_root=False)
    assert not may_connect(0, 65534, as_root=False)
    assert may_connect(0, 65534, as_root=True)
    assert not may_connect(0, 1000, as_root=True)
    assert not may_connect(17, 0, as_root=False), "a process inside has a pid here"


def test_delays_double_up_to_the_longest() -> None:
    daemon, delays = Daemon(running=True), []
    for _ in range(8):
        daemon = ended(daemon, 1, 0.0)
        delays.append(daemon.due_at)
    assert delays[:3] == [FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY]
    assert delays[-1] == LONGEST_DELAY
    assert daemon.restarts == 8 and not daemon.running


def test_after_a_long_life_the_delay_starts_anew() -> None:
    daemon = Daemon(running=True, delay=LONGEST_DELAY, started_at=0.0)
    assert ended(daemon, -9, 60.0).due_at == 60.0 + FIRST_DELAY


def test_a_daemon_that_was_stopped_on_purpose_stays_so() -> None:
    daemon = ended(Daemon(running=True, wanted=False), 0, 1.0)
    assert (daemon.running, daemon.due_at, daemon.restarts) == (False, None, 0)
