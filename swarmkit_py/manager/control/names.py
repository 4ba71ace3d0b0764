"""Owns the names of services that were given none: `calm_harbour`. Pure; the words are ours.

Counterpart: moby/pkg/namesgenerator.
"""

from __future__ import annotations

from collections.abc import Callable, Container

_MOODS = (
    "amber", "brave", "calm", "clever", "crisp", "eager", "early", "gentle", "golden", "happy", "honest", "keen",
    "lively", "lucky", "mellow", "modest", "nimble", "patient", "proud", "quick", "quiet", "sharp", "sturdy", "sunny",
    "swift", "tidy", "vivid", "warm", "wise", "witty",
)
_THINGS = (
    "anchor", "beacon", "bridge", "canyon", "cedar", "comet", "coral", "crane", "delta", "falcon", "fjord", "harbour",
    "heron", "island", "lagoon", "lantern", "lynx", "maple", "meadow", "otter", "pebble", "pilot", "prairie", "raven",
    "reef", "river", "sail", "summit", "tern", "willow",
)


def fresh_name(taken: Container[str], new_id: Callable[[], str]) -> str:
    """A name that is not `taken`; `new_id` is the source of chance (`Ids.object_id`)."""
    for _ in range(100):
        number = int(new_id(), 36)
        name = f"{_MOODS[number % len(_MOODS)]}_{_THINGS[number // len(_MOODS) % len(_THINGS)]}"
        if name not in taken:
            return name
    return f"service-{new_id()}"
