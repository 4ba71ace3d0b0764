"""Owns the containers of a simulated machine: the fake runtime, with what may go wrong, and with somebody watching.

Images are named by what their containers do (`IMAGES`). Counterpart: swarmkit/agent/testutils.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from swarmkit_py import errors
from swarmkit_py.clock import Clock
from swarmkit_py.ids import Ids
from swarmkit_py.network.fake import FakeNetwork
from swarmkit_py.runtime.base import Container, ContainerConfig
from swarmkit_py.runtime.fake import FakeEngine, Outcome
from swarmkit_py.runtime.registry import EventHub
from swarmkit_py.sim.loop import owned_by

IMAGES = {
    "good:1": Outcome(),
    "good:2": Outcome(),
    "stubborn:1": Outcome(ignores_stop=True),
    "slow:1": Outcome(),
    "crash:1": Outcome(exit_code=1, after=3.0),
    "flash:1": Outcome(exit_code=1, after=0.0),
    "done:1": Outcome(exit_code=0, after=8.0),
    "job:1": Outcome(exit_code=0, after=4.0),
    "broken:1": Outcome(start_error="exec format error"),
    "missing:1": Outcome(),
}
"""What containers of an image do. `slow` takes long to prepare; `missing` is not there until the world is healed;
`done` comes to its end (a healed one runs on), and `job` is work that does so, healed or not."""
ENDS_WELL = ("job:1",)
SLOW_SECONDS = 12.0
Heard = Callable[[str, Container], None]


class _Tap(EventHub):
    """Tells one listener at once, before any task runs."""

    def __init__(self, clock: Clock, heard: Heard) -> None:
        super().__init__(clock)
        self._heard = heard

    def publish(self, action: str, container: Container, **attributes: str) -> None:
        self._heard(action, container)
        super().publish(action, container, **attributes)


class SimEngine(FakeEngine):
    """`healed`: from now on every container runs, unless its work comes to an end."""

    def __init__(self, clock: Clock, ids: Ids, network: FakeNetwork, heard: Heard) -> None:
        super().__init__(
            clock, ids, network=network, start_seconds=0.05, outcomes=IMAGES, unknown_images=("missing:1",))
        self._events = _Tap(clock, heard)
        self._sim_clock = clock
        self.healed = False

    def heal(self) -> None:
        """Bad images become good ones; what runs already keeps its fate."""
        self.healed = True
        self.unknown_images.clear()
        for image in IMAGES:
            if image not in ENDS_WELL:
                self.outcomes[image] = Outcome()

    async def create(self, config: ContainerConfig) -> Container:
        """See ContainerEngine."""
        await self._sim_clock.sleep(SLOW_SECONDS if config.image.startswith("slow") and not self.healed else 0.02)
        return await super().create(config)

    async def start(self, ref: str) -> Container:
        """See ContainerEngine. Once begun it goes on without the daemon that asked for it, as runc does."""
        starting: asyncio.Future[Container] = owned_by(
            "hardware", lambda: asyncio.ensure_future(super(SimEngine, self).start(ref)))
        starting.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(starting)

    async def power_off(self) -> None:
        """Every container of the machine ends."""
        for container in self.all():
            if container.running:
                await self.exit(container.id, 255)

    def pick_running(self, number: int) -> Container:
        """One that runs, by lot. Raises NotFound."""
        running = sorted((c for c in self.all() if c.running), key=lambda c: c.created)
        if not running:
            raise errors.NotFound("no container runs on this machine")
        return running[number % len(running)]
