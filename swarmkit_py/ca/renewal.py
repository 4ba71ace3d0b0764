"""Owns when a node's certificate is renewed, and the loop that does it. Must not know: files, the network.

Counterpart: swarmkit/ca/config.go (calculateRandomExpiry) and ca/renewer.go.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime

from swarmkit_py.clock import Clock
from swarmkit_py.errors import SwarmError

log = logging.getLogger(__name__)

EARLIEST, LATEST = 0.5, 0.8
"""Renew between these parts of the validity: a cluster made in one minute must not renew in one minute."""
RETRY_FIRST, RETRY_MAX = 5.0, 3600.0
LONGEST_SLEEP = 3600.0


def renewal_moment(not_before: datetime, not_after: datetime, rng: random.Random) -> datetime:
    """A random moment in the renewal window of a certificate."""
    return not_before + (not_after - not_before) * rng.uniform(EARLIEST, LATEST)


async def renewal_loop(
    clock: Clock, rng: random.Random, validity: Callable[[], tuple[datetime, datetime]],
    renew: Callable[[], Awaitable[None]], asked: asyncio.Event | None = None,
) -> None:
    """For ever: wait for the moment, or until `asked` is set, then renew; after a failure again in 5 s, … 1 h."""
    asked = asked or asyncio.Event()
    while True:
        moment = renewal_moment(*validity(), rng)
        # The wall clock may be set, so look again from time to time.
        while not asked.is_set() and (left := (moment - clock.now()).total_seconds()) > 0:
            await _sleep_unless(asked, clock, min(left, LONGEST_SLEEP))
        asked.clear()
        await _renew_until_done(clock, renew)


async def _sleep_unless(asked: asyncio.Event, clock: Clock, seconds: float) -> None:
    waits = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(asked.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _renew_until_done(clock: Clock, renew: Callable[[], Awaitable[None]]) -> None:
    pause = RETRY_FIRST
    while True:
        try:
            await renew()
            return
        except (SwarmError, OSError) as error:
            log.warning("certificate not renewed: %s; again in %.0f s", error, pause)
        await clock.sleep(pause)
        pause = min(2 * pause, RETRY_MAX)
