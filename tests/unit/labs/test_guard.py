"""A replay that takes more than its share is stopped, once, with a sentence for its student."""

from __future__ import annotations

import pytest

from labs.kit.grading.guard import MIB, Guard, Share, excess, guarded
from swarmkit_py.errors import FailedPrecondition
from tests.waiting import wait_for
from topologies.usage import Usage

SHARE = Share(memory=100 * MIB, processes=50)
FINE = Usage(40 * MIB, 50 * MIB, 50)


class Sandbox:
    def __init__(self, *usages: Usage) -> None:
        self.usages, self.stops = list(usages), 0

    def usage(self) -> Usage:
        if self.stops or not self.usages:
            raise FailedPrecondition("it has ended")
        return self.usages.pop(0) if len(self.usages) > 1 else self.usages[0]

    def stop(self) -> None:
        self.stops += 1


@pytest.mark.parametrize(("usage", "says"), [
    (FINE, ""), (FINE._replace(processes=51), "more than 50 processes"),
    (FINE._replace(memory=51 * MIB), "more than 100 MiB"), (FINE._replace(files=61 * MIB), "more than 100 MiB")])
def test_what_is_too_much(usage: Usage, says: str) -> None:
    assert says in excess(usage, SHARE) and bool(says) == bool(excess(usage, SHARE))


def test_it_is_stopped_once_and_says_why() -> None:
    sandbox = Sandbox(FINE, FINE._replace(processes=900))
    guard = Guard(sandbox, SHARE)
    assert guard.look() and not guard.look() and not guard.look()
    assert sandbox.stops == 1 and "processes" in guard.reason and guard.peak == FINE


def test_one_that_has_ended_by_itself_is_let_go() -> None:
    guard = Guard(Sandbox(), SHARE)
    assert not guard.look() and guard.reason == ""


def test_it_watches_while_the_block_runs() -> None:
    sandbox = Sandbox(FINE, FINE._replace(memory=900 * MIB))
    with guarded(sandbox, SHARE) as guard:
        wait_for(lambda: guard.reason, "it is stopped", within=20)
    assert sandbox.stops == 1
