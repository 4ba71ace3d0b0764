"""Owns the events of this machine: the last 256, and who is listening. What an event looks like is convert_event's.

It listens to the container engine from the start, and to the store while this node is a manager.
Counterpart: moby/daemon/events/events.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from swarmkit_py.docker_api.backend import ControlApi, NodeBackend
from swarmkit_py.docker_api.convert import Json
from swarmkit_py.docker_api.convert_event import (
    change_events,
    container_events_json,
    repair_event_json,
    volume_event_json,
)
from swarmkit_py.docker_api.network_events import Known, PluggedIn
from swarmkit_py.errors import SwarmError
from swarmkit_py.network.base import Mended
from swarmkit_py.runtime.base_mounts import Volume

RING = 256
"""Events kept for `since`."""
LISTENER_LIMIT = 10_000
"""Events a listener may leave unread before it is cut off."""

log = logging.getLogger(__name__)


class Listener:
    """One `docker events`. `next` waits for the next event; None when it was too slow and is cut off."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Json | None] = asyncio.Queue()

    def put(self, event: Json) -> None:
        if self._queue.qsize() < LISTENER_LIMIT:
            self._queue.put_nowait(event)
        else:
            self._queue.put_nowait(None)

    async def next(self) -> Json | None:
        return await self._queue.get()


class EventHub:
    """Collects events and hands them on. `start` and `close` belong to the server."""

    def __init__(self, backend: NodeBackend) -> None:
        self._backend = backend
        self._ring: deque[Json] = deque(maxlen=RING)
        self._listeners: set[Listener] = set()
        self._plugged = PluggedIn(self._network)
        self._engine: asyncio.Task[None] | None = None
        self._manager: asyncio.Task[None] | None = None
        self._followed: ControlApi | None = None

    def start(self) -> None:
        self._backend.volumes.listen(self._volume_event)
        self._backend.bridges.listen(self._repair_event)
        self._engine = asyncio.ensure_future(self._pump("container", self._follow_engine))
        self.follow_manager()

    def follow_manager(self) -> None:
        """Listen to the store if this node is a manager now and nobody listens yet."""
        try:
            control = self._backend.control_view()
        except SwarmError:
            return
        if self._manager is not None and not self._manager.done():
            if self._followed is control:
                return
            self._manager.cancel()  # that store was of an earlier life as a manager
        self._followed = control
        self._manager = asyncio.ensure_future(self._pump("store", partial(self._follow_store, control)))

    def forget_manager(self) -> None:
        """This node left its swarm: its store is gone."""
        if self._manager is not None:
            self._manager.cancel()
            self._manager = None

    async def close(self) -> None:
        tasks = [task for task in (self._engine, self._manager) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def past(self) -> list[Json]:
        return list(self._ring)

    @property
    def listening(self) -> int:
        """How many clients follow the events now."""
        return len(self._listeners)

    def listen(self) -> Listener:
        """From now on; `unlisten` when done."""
        listener = Listener()
        self._listeners.add(listener)
        return listener

    def unlisten(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def publish(self, event: Json) -> None:
        self._ring.append(event)
        for listener in self._listeners:
            listener.put(event)

    def _volume_event(self, action: str, volume: Volume) -> None:
        self.publish(volume_event_json(action, volume, self._backend.clock.now()))

    def _repair_event(self, repair: Mended) -> None:
        self.publish(repair_event_json(repair, self._backend.clock.now()))

    async def _follow_engine(self) -> None:
        async for event in _closing(self._backend.engine.subscribe):
            plugged, its_own = self._plugged.events(event), container_events_json(event)
            for each in [*plugged, *its_own] if event.action == "start" else [*its_own, *plugged]:
                self.publish(each)

    def _network(self, network_id: str) -> Known:
        local = {network.id: Known(network.id, network.name, "bridge")
                 for network in self._backend.bridges.local_networks()}
        carried = {network.id: Known(network.id, network.name, "overlay")
                   for network in self._backend.node_networks()}
        return {**carried, **local}.get(network_id, Known(network_id, network_id, "overlay"))

    async def _follow_store(self, control: ControlApi) -> None:
        async for changes in _closing(control.subscribe):
            for event in change_events(changes, self._backend.clock.now()):
                self.publish(event)

    async def _pump(self, source: str, follow: Callable[[], Awaitable[None]]) -> None:
        try:
            await follow()
        except SwarmError as error:
            log.info("%s events end: %s", source, error)
        except Exception:  # noqa: BLE001 - a boundary: lost events must not take the API down with them
            log.exception("%s events end: unexpected error", source)


async def _closing(subscribe: Callable[[], AsyncIterator[Any]]) -> AsyncIterator[Any]:
    """The subscription's items; it is unsubscribed however the loop over it ends."""
    iterator = subscribe()
    try:
        async for item in iterator:
            yield item
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()
