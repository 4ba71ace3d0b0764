"""Owns how several endless loops run as one: when one ends, for whatever reason, all end, and its name is told.

(SwarmKit's manager.go has a TODO for this: there a dead scheduler leaves a live manager. Not asyncio.TaskGroup,
which Python 3.10 does not have.)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping

from swarmkit_py.errors import Internal

log = logging.getLogger(__name__)
Runnable = Callable[[], Coroutine[None, None, None]]


async def run_all(name: str, loops: Mapping[str, Runnable]) -> None:
    """Run all until cancelled. If one ends, cancel the others and raise Internal with its name and reason."""
    tasks = {asyncio.create_task(run(), name=label): label for label, run in loops.items()}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    first = next(task for task in tasks if task in done)
    error = None if first.cancelled() else first.exception()
    log.error("%s: %s ended", name, tasks[first], exc_info=error)
    raise Internal(f"the {name} stopped: its {tasks[first]} ended ({error or 'without a reason'})") from error
