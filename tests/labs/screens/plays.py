"""Owns the plays: what a student types at which moment, and how the moment is known whose screen is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"
NEXT = "<F2>n<F2>"
"""To the guide, on to the next step, and back to the shell."""

DONE = r"(?m)^ n:\w"
"""The menu offers n: the step is done."""

ASKED = r"(?m)^ (P|Q)\d .*_$"
"""The guide waits for an answer."""


@dataclass(frozen=True)
class Scene:
    """Type `keys`; the screen is kept once every pattern of `until` is found on it."""

    name: str
    keys: str
    until: tuple[str, ...]


@dataclass(frozen=True)
class Play:
    """One sitting of a student."""

    name: str
    lang: str
    size: tuple[int, int]
    scenes: tuple[Scene, ...]

    @property
    def file(self) -> Path:
        return GOLDEN / f"{self.name}.{self.lang}.{self.size[0]}x{self.size[1]}.txt"


def scene(name: str, keys: str, *until: str) -> Scene:
    return Scene(name, keys, until)


KILL = "kill -9 $(docker inspect -f '{{.State.Pid}}' %s)<Enter>"
ONE_CONTAINER = (
    scene("start", "./lab run 00-one-container<Enter>", r"1/11", r"\] \$ $"),
    scene("help", "<F2>?", r"F4"),
    scene("look", "?<F2>docker info | grep Swarm<Enter>", DONE, r"Swarm: inactive"),
    scene("run", NEXT, r"2/11"),
    scene("hints", "<F2>hhh<F2>", r"docker run -d --name ___"),
    scene("runs", "clear; docker run -d --name web -p 80:80 nginx<Enter>", DONE),
)


def plays() -> list[Play]:
    """All of them."""
    return []
