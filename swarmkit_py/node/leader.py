"""Owns what runs on a manager while it leads: control loops and dispatcher, made new each time and ended with it.

Counterpart: becomeLeader and becomeFollower in swarmkit/manager/manager.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping

from swarmkit_py.clock import Clock
from swarmkit_py.errors import SwarmError
from swarmkit_py.ids import Ids
from swarmkit_py.manager.dispatcher.dispatcher import Dispatcher
from swarmkit_py.manager.group import Runnable
from swarmkit_py.manager.manager import Manager
from swarmkit_py.rpc.race import cancel
from swarmkit_py.store.memory import Store

log = logging.getLogger(__name__)

RESTARTS, RESTART_WINDOW, RESTART_PAUSE = 5, 300.0, 1.0
"""Loops that ended so often in so many seconds are not started again."""


class Leader:
    """`start`, then `stop`. `others`: what else lives only while this manager leads."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, on_end: Callable[[str], None], others: Mapping[str, Runnable],
    ) -> None:
        self._store, self._clock, self._ids, self._on_end = store, clock, ids, on_end
        self._others = dict(others)
        self.dispatcher = Dispatcher(store, clock, ids)
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        await cancel(*(task for task in (self._running,) if task))

    async def _run(self) -> None:
        """The loops, again and again: all they know is in the store. What keeps ending them is shown."""
        ends: deque[float] = deque(maxlen=RESTARTS)
        while True:
            reason = await self._run_once()
            ends.append(self._clock.monotonic())
            if len(ends) == RESTARTS and ends[-1] - ends[0] < RESTART_WINDOW:
                return self._on_end(f"the manager stopped: {reason}")
            log.error("the manager's loops ended and are started again: %s", reason)
            await self._clock.sleep(RESTART_PAUSE)

    async def _run_once(self) -> str:
        """Until something ends the loops; what it was."""
        manager = Manager(self._store, self._clock, self._ids,
                          others={"dispatcher": self.dispatcher.run, **self._others})
        try:
            await manager.run()
        except SwarmError as error:
            return error.message
        except Exception as error:
            # The manager's loops are all there is between a swarm and silence: whatever ends them must be shown.
            log.exception("manager")
            return f"internal error: {error}"
        return "without a reason"
