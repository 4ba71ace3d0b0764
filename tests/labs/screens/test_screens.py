"""Every key screen comes as it was kept. `python -m tests.labs.screens.record` keeps them anew; `SCREENS_ALL=1` plays
all of them, which takes minutes, and else one long and one short one in either language.
"""

from __future__ import annotations

import os
import re

import pytest

from tests.labs.screens.mask import mask
from tests.labs.screens.plays import Play, plays
from tests.labs.screens.screenplay import ON_ITS_WAY, compare, read, write
from tests.labs.screens.seat import NAMED

PLAYS = plays()
SHORT = {("00-one-container", "en"), ("resume", "fr")}
"""What is played each time."""
MASKED = 8
"""How much longer a masked line may be: a word is taken back from the next."""

KEYS = {"Enter", "F2", "F3", "C-c", "BSpace"}


@pytest.mark.kernel
@pytest.mark.timeout(900)
@pytest.mark.parametrize("play", [pytest.param(play, id=play.file.stem, marks=pytest.mark.xdist_group(play.file.stem))
                                  for play in PLAYS])
def test_every_screen_comes_as_it_was_kept(play: Play) -> None:
    if (play.name, play.lang) not in SHORT and "SCREENS_ALL" not in os.environ:
        pytest.skip("long form: SCREENS_ALL=1")
    compare(play)


def test_every_play_has_its_screens_and_no_screen_is_too_large() -> None:
    for play in PLAYS:
        screens = read(play.file.read_text(encoding="utf-8"))
        assert list(screens) == [scene.name for scene in play.scenes]
        assert [name for name, text in screens.items() if ON_ITS_WAY.search(text)] == []
        columns, rows = play.size
        assert [name for name, text in screens.items() if text.count("\n") > rows
                or max(map(len, text.splitlines())) > columns + MASKED] == []
        assert {key for scene in play.scenes for key in NAMED.findall(scene.keys)} <= KEYS


def test_the_file_keeps_what_was_written() -> None:
    screens = {"one": "a\n\n b\n", "two": "c\n"}
    assert read(write(screens)) == screens


def test_what_differs_is_masked_and_the_shape_stays() -> None:
    seen = """ 00 · x    2/11 · 12 min · 3/20
 4f1d2c3b4a59 nginx   Up 2 seconds   0.0.0.0:80
 4f1d2c3b4a59aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
 SWMTKN-1-07w92yym26e3e25t0r4f9brf8hgj5vaz9u73z0epd3eb3kpgi5-5ban1pmgdh53aoxgf8qpk2ogu 10.7.0.1:2377
 4 of 10 · 2.1 s (limit 8 s)
"""
    masked = mask(seen)
    assert [line for line in masked.splitlines() if re.search(r"4f1d|07w9|12 min|2 sec|2\.1", line)] == []
    assert len(masked.splitlines()[2]) == 65 and "10.7.0.1:2377" in masked and "2/11" in masked
    assert mask(masked) == masked
