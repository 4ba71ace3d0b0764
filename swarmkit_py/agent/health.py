"""Owns how a task learns that its container's health changed, or that it ended.

Must not know how checks are made. Counterpart: moby/daemon/cluster/executor/container/controller.go (checkHealth).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from swarmkit_py.errors import NotFound
from swarmkit_py.rpc.race import cancel
from swarmkit_py.runtime.base import Container, ContainerEngine, ContainerEvent

NO_CHECK = ""
"""The health of a container that has no check."""


def health_of(container: Container) -> str:
    """starting, healthy, unhealthy, or NO_CHECK."""
    return container.health.status if container.health is not None else NO_CHECK


async def wait_while(engine: ContainerEngine, ref: str, *statuses: str) -> None:
    """Come back when the container does not run, or its health is none of `statuses`. Raises NotFound if it is gone
    before it is looked at."""
    events = engine.subscribe()
    ended = asyncio.ensure_future(engine.wait(ref))
    news = asyncio.ensure_future(_until(engine, ref, statuses, events))
    try:
        await asyncio.wait({ended, news}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            ended.result()
    finally:
        await cancel(ended, news)
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


async def _until(
    engine: ContainerEngine, ref: str, statuses: tuple[str, ...], events: AsyncIterator[ContainerEvent]
) -> None:
    while True:
        try:
            container = engine.get(ref)
        except NotFound:
            return
        if not container.running or health_of(container) not in statuses:
            return
        async for event in events:
            if event.container.id == ref and event.action.startswith("health_status"):
                break
