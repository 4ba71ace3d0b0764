"""The guide and its terminal: one Ctrl-C ends nothing, two do; a window of another size is drawn at once."""

from __future__ import annotations

import signal
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from labs.kit.guide import Guide
from labs.kit.screen import ANSWER, WATCH, Screen
from tests.unit.labs.views import LAB, PARAMS


class Awake:
    """A watcher that wakes at once: `what` is what woke it."""

    def __init__(self) -> None:
        self.what: set[str] = set()
        self.pokes = 0

    def poke(self) -> None:
        self.pokes += 1

    def wait(self, keyboard: int, seconds: float) -> set[str]:
        return set(self.what)


@pytest.fixture
def guide(monkeypatch: pytest.MonkeyPatch) -> Guide:
    made = Guide.__new__(Guide)
    made.quit = made._resized = made._interrupted = False
    made._looked = float("inf")  # just now, and so for the whole test
    made.screen, made.words, made._stamp = Screen(LAB), LAB.words("en", PARAMS), (0, 0)
    made.referee = cast("Any", SimpleNamespace(
        judge=SimpleNamespace(next_look=lambda results: None), store=SimpleNamespace(stamp=lambda: (0, 0))))
    drawn: list[str] = []
    monkeypatch.setattr(made, "draw", lambda: drawn.append(made.screen.notice))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(fileno=lambda: 0, isatty=lambda: True))
    made.drawn = drawn  # type: ignore[attr-defined]
    return made


def test_one_ctrl_c_is_told_and_ends_nothing(guide: Guide) -> None:
    watcher = cast("Any", Awake())
    guide.screen.mode = ANSWER
    guide._interrupt(watcher)
    guide._turn(watcher)
    assert watcher.pokes == 1 and not guide.quit and guide.screen.mode == WATCH
    assert "Ctrl-C" in guide.drawn[-1]  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        guide._interrupt(watcher)


def test_a_key_in_between_begins_anew(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = cast("Any", Awake())
    monkeypatch.setattr("labs.kit.guide.read_keys", lambda descriptor: ["?"])
    guide._interrupt(watcher)
    watcher.what = {"key"}
    guide._turn(watcher)
    guide._interrupt(watcher)
    assert watcher.pokes == 2


def test_another_size_is_drawn_before_anything_is_looked_at(guide: Guide) -> None:
    watcher = cast("Any", Awake())
    guide._resize(watcher)
    guide._turn(watcher)
    assert watcher.pokes == 1 and len(guide.drawn) == 2 and not guide._resized  # type: ignore[attr-defined]


def test_the_signals_are_given_back(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGWINCH)
    during: list[object] = []
    guide.referee = cast("Any", SimpleNamespace(
        eyes=SimpleNamespace(engines={}), enter=lambda number: None, progress=SimpleNamespace(step=0)))
    monkeypatch.setattr(guide, "_take_progress", lambda: None)
    monkeypatch.setattr(guide, "_save", lambda: None)
    monkeypatch.setattr(guide, "refresh", lambda: during.append(signal.getsignal(signal.SIGINT)))
    guide.quit = True
    guide.run()
    assert during and during[0] != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGWINCH)) == before
