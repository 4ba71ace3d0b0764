"""Owns which containers there are and how they are found (id, name, id prefix), and the feed of their events.

Knows nothing of how they run. Shared by the real engine and the fake one.
Counterpart: moby/container/view.go, moby/pkg/truncindex, moby/daemon/events.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec

from swarmkit_py import errors
from swarmkit_py.clock import Clock
from swarmkit_py.runtime.base import Container, ContainerEvent
from swarmkit_py.runtime.names import check_name, name_conflict, random_name


class Registry:
    """All containers of one engine, by id."""

    def __init__(self) -> None:
        self._containers: dict[str, Container] = {}
        self._names: dict[str, str] = {}

    def reserve_name(self, name: str, container_id: str) -> str:
        """Take `name` ("" picks one) for `container_id`. Raises errors.Conflict, errors.InvalidArgument."""
        chosen = check_name(name) if name else random_name(container_id, self._names.__contains__)
        holder = self._names.get(chosen)
        if holder is not None and holder != container_id:
            raise name_conflict(chosen, holder)
        self._names[chosen] = container_id
        return chosen

    def release_name(self, name: str) -> None:
        self._names.pop(name, None)

    def put(self, container: Container) -> Container:
        """Add or replace."""
        self._containers[container.id] = container
        self._names[container.name] = container.id
        return container

    def update(self, container_id: str, **changes: object) -> Container:
        """Replace fields of a container that is there."""
        return self.put(msgspec.structs.replace(self._containers[container_id], **changes))

    def drop(self, container_id: str) -> Container | None:
        container = self._containers.pop(container_id, None)
        if container:
            self._names.pop(container.name, None)
        return container

    def get(self, ref: str) -> Container:
        """By id, name or unique prefix. Raises errors.NotFound, errors.InvalidArgument (ambiguous)."""
        found = self._containers.get(ref) or self._containers.get(self._names.get(ref.lstrip("/"), ""))
        if found:
            return found
        matches = [container for id_, container in self._containers.items() if ref and id_.startswith(ref)]
        if len(matches) > 1:
            raise errors.InvalidArgument(f"Multiple IDs found with provided prefix: {ref}")
        if not matches:
            raise errors.NotFound(f"No such container: {ref}")
        return matches[0]

    def all(self) -> list[Container]:
        """Newest first."""
        return sorted(self._containers.values(), key=lambda container: container.created, reverse=True)


class EventHub:
    """Hands each event to everyone who listens at that moment."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listeners: list[asyncio.Queue[ContainerEvent]] = []

    def publish(self, action: str, container: Container, **attributes: str) -> None:
        event = ContainerEvent(
            time=self._clock.now(), action=action, container=container, attributes=attributes)
        for listener in self._listeners:
            listener.put_nowait(event)

    def subscribe(self) -> AsyncIterator[ContainerEvent]:
        """Events from this call on (not from the first `anext`)."""
        queue: asyncio.Queue[ContainerEvent] = asyncio.Queue()
        self._listeners.append(queue)
        return Subscription(queue, self._listeners)


class Subscription:
    """The events of one listener; `aclose` ends it."""

    def __init__(self, queue: asyncio.Queue[ContainerEvent], listeners: list[asyncio.Queue[ContainerEvent]]) -> None:
        self._queue = queue
        self._listeners = listeners

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> ContainerEvent:
        return await self._queue.get()

    async def aclose(self) -> None:
        if self._queue in self._listeners:
            self._listeners.remove(self._queue)
