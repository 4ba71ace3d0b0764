"""Owns a play on a real seat, and the file of its screens."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable

from tests.labs.screens.mask import mask
from tests.labs.screens.plays import TOKEN, Play, Scene
from tests.labs.screens.seat import Seat
from tests.waiting import wait_for

WITHIN = 90.0
"""Seconds for one scene: a container is started, a node joins, ten seconds of calm are looked for."""

ON_ITS_WAY = re.compile(r"^  … |vérification…|checking…", re.M)
"""What no screen that is kept may show: how long it is there depends on the machine."""

STILL = 15
"""How often a screen must be seen unchanged before it is recorded."""


def perform(play: Play, reached: Callable[[Seat, Scene], None]) -> None:
    """Type scene after scene; `reached` comes back when the scene's screen is there."""
    with Seat(*play.size, play.lang) as seat:
        for scene in play.scenes:
            seat.type(scene.keys.replace(TOKEN, seat.token()) if TOKEN in scene.keys else scene.keys)
            reached(seat, scene)


def record(play: Play) -> dict[str, str]:
    """Play it; each scene's masked screen, once what it waits for is there and nothing moves any more."""
    screens = {}

    def reached(seat: Seat, scene: Scene) -> None:
        wait_for(lambda: _has(scene, seat.text()), f"{play.file.name}, {scene.name}", within=WITHIN, every=0.2)
        seen = [mask(seat.text())]

        def still() -> bool:
            seen.append(mask(seat.text()))
            return len(seen) > STILL and len(set(seen[-STILL:])) == 1

        wait_for(still, f"{play.file.name}, {scene.name}: the screen does not come to rest", within=WITHIN, every=0.2)
        screens[scene.name] = seen[-1]

    perform(play, reached)
    return screens


def compare(play: Play) -> None:
    """Play it; AssertionError with the difference when a scene's screen does not come."""
    screens = read(play.file.read_text(encoding="utf-8"))

    def reached(seat: Seat, scene: Scene) -> None:
        expected, last = screens[scene.name], [""]

        def shows() -> bool:
            last[0] = mask(seat.text())
            return last[0] == expected

        try:
            wait_for(shows, within=WITHIN, every=0.1)
        except AssertionError:
            lines = difflib.unified_diff(expected.splitlines(), last[0].splitlines(), "kept", "shown", lineterm="")
            raise AssertionError(f"{play.file.name}, {scene.name}:\n" + "\n".join(lines)) from None

    perform(play, reached)


def _has(scene: Scene, screen: str) -> bool:
    return not ON_ITS_WAY.search(screen) and all(re.search(pattern, screen) for pattern in scene.until)


def write(screens: dict[str, str]) -> str:
    """The text of a golden file."""
    return "".join(f"=== {name}\n{screen}" for name, screen in screens.items())


def read(text: str) -> dict[str, str]:
    """The screens of a golden file, by scene."""
    parts = re.split(r"^=== (.+)\n", text, flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))
