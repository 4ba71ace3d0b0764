"""Owns making a failing story short: leave out what is not needed to break the same rule. Pure but for the runs.

Delta debugging (Zeller and Hildebrandt's ddmin): halves, quarters, … are left out, then single steps until none can
be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Fails = Callable[[Sequence[int]], bool]


def shrink(steps: Sequence[int], fails: Fails, most_runs: int = 400) -> list[int]:
    """A part of `steps` that still fails and of which, runs permitting, no single step can be left out."""
    kept, pieces, runs = list(steps), 2, 0
    while len(kept) >= 1 and runs < most_runs:
        size = max(1, -(-len(kept) // pieces))
        for start in range(0, len(kept), size):
            fewer = kept[:start] + kept[start + size:]
            runs += 1
            if fails(fewer):
                kept, pieces = fewer, max(2, pieces - 1)
                break
        else:
            if size == 1:
                break
            pieces = min(len(kept), pieces * 2)
    return kept
