"""Owns when a plain container is started again. Pure: no clock, no container.

Tasks of a service never use this: the swarm replaces them. Counterpart: moby/restartmanager/restartmanager.go
(100 ms, doubled at each quick end up to 60 s, back to 100 ms after 10 s of running).
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_DELAY = 0.1
LONGEST_DELAY = 60.0
STEADY_AFTER = 10.0


@dataclass(frozen=True)
class Decision:
    """Start again after `delay` seconds, or (None) not at all."""

    delay: float | None


def decide(
    policy: str, maximum: int, *, exit_code: int, restarts: int, ran: float, last_delay: float, stopped_by_user: bool
) -> Decision:
    """`ran`: seconds it lived; `last_delay`: 0 before the first restart; `restarts`: how many there were."""
    wanted = {
        "always": True,
        "unless-stopped": True,
        "on-failure": exit_code != 0 and (maximum == 0 or restarts < maximum),
    }.get(policy, False)
    if stopped_by_user or not wanted:
        return Decision(None)
    if ran >= STEADY_AFTER or last_delay == 0:
        return Decision(FIRST_DELAY)
    return Decision(min(last_delay * 2, LONGEST_DELAY))


def starts_with_engine(policy: str, *, stopped_by_user: bool, was_running: bool) -> bool:
    """Is a container that is not running started when the engine comes (back) up?"""
    if policy == "always":
        return True
    return policy == "unless-stopped" and was_running and not stopped_by_user
