"""Owns a lab's values: the notes' own in guided mode, drawn from the student's seed in graded mode. Pure.

A lab's `values.py` may add what follows from them: `derive(values, dice)` returns more values; `dice` is None in
guided mode. What is named `predict_P1` is the answer that the reference solution gives to prediction P1.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

Derive = Callable[[dict[str, Any], "random.Random | None"], Mapping[str, Any]]
LETTERS = "abcdefghkmnpqrstuvwxyz"


class Params:
    """Values by name, as attributes. A name that the lab does not have is an AttributeError."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"this lab has no value {name!r}")
        return self._values[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or `default` where the lab has none of this name."""
        return self._values.get(name, default)

    def values(self, host: str = "worker1") -> dict[str, Any]:
        """What the holes of commands and texts are filled with."""
        if "port" not in self._values:
            return dict(self._values)
        port = self._values["port"]
        return {"url": f"http://{host}/" if port == 80 else f"http://{host}:{port}/", **self._values}


def guided(table: Mapping[str, Any], derive: Derive | None = None) -> Params:
    """The values of lab.toml's [guided]."""
    values = dict(table)
    return Params({**values, **(derive(values, None) if derive else {})})


def graded(
    table: Mapping[str, Any], seed: str, fixed: Mapping[str, Any] | None = None, derive: Derive | None = None,
) -> Params:
    """Values drawn from the seed; the same seed gives the same lab everywhere. What [graded] says nothing of is as
    in guided mode (`fixed`)."""
    dice = random.Random(f"swarm-lab-kit/1/{seed}")
    values = {**(fixed or {}), **{name: _drawn(choices, dice) for name, choices in sorted(table.items())}}
    return Params({**values, **(derive(values, dice) if derive else {})})


def _drawn(choices: Any, dice: random.Random) -> Any:
    """From `[low, high]` a number, both ends included; from a list of texts one of them; `web-?` gets a mark."""
    if isinstance(choices, str):
        return choices.replace("?", f"{dice.choice(LETTERS)}{dice.randint(2, 9)}")
    if len(choices) == 2 and all(isinstance(end, int) for end in choices):
        return dice.randint(*choices)
    return dice.choice(list(choices))
