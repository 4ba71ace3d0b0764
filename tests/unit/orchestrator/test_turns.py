"""Whose turn it is: once each, in order, and again when an alarm is due."""

from __future__ import annotations

from datetime import timedelta

from swarmkit_py.clock import ManualClock
from swarmkit_py.manager.orchestrator.turns import SOON, Turns


async def test_each_has_one_turn_in_order() -> None:
    turns = Turns(ManualClock())
    assert (turns.take(), turns.rest()) == (None, None)
    turns.mark(["b", "a", "b"])
    assert turns.rest() == 0
    assert [turns.take(), turns.take(), turns.take()] == ["b", "a", None]


async def test_a_call_comes_when_it_is_due_and_a_turn_ends_it() -> None:
    clock = ManualClock()
    turns = Turns(clock)
    turns.call("a", clock.now() + timedelta(seconds=2))
    assert (turns.take(), turns.rest()) == (None, 2)
    await clock.advance(2)
    assert turns.rest() == SOON
    assert (turns.take(), turns.rest()) == ("a", None)
    turns.call("a", clock.now() + timedelta(seconds=2))
    turns.mark(["a"])
    assert (turns.take(), turns.rest()) == ("a", None)
