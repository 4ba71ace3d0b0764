"""Owns what `docker events` says of networks on this machine: made, removed, and who was plugged in or out.

Counterpart: moby/daemon/events.go (LogNetworkEvent), where the names are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from swarmkit_py.docker_api.convert import Json
from swarmkit_py.docker_api.convert_event import event_json
from swarmkit_py.runtime.base import Container, ContainerEvent


class Known(NamedTuple):
    """What an event says of a network: its id (the actor), name and driver."""

    id: str
    name: str
    driver: str


BRIDGE = Known("bridge", "bridge", "bridge")


def network_event_json(action: str, network: Known, time: datetime, container: str = "") -> Json:
    """`create`, `destroy`, or with a container's id `connect`, `disconnect`."""
    attributes = {"name": network.name, "type": network.driver}
    attributes = {"container": container, **attributes} if container else attributes
    return event_json("network", action, network.id, attributes, "local", time)


class PluggedIn:
    """Which networks each running container was plugged into at its start: at its end nobody else knows any more."""

    def __init__(self, known: Callable[[str], Known]) -> None:
        self._known = known
        self._places: dict[str, list[Known]] = {}

    def events(self, event: ContainerEvent) -> list[Json]:
        """What a container's start or end means for its networks. Between the two, `docker network connect` tells of
        itself; what it changed is forgotten here at the container's end."""
        container = event.container
        if event.action == "start":
            self._places[container.id] = self._of(container)
            return self._each("connect", container.id, event.time)
        if event.action == "die":
            told = self._each("disconnect", container.id, event.time)
            self._places.pop(container.id, None)
            return told
        return []

    def _of(self, container: Container) -> list[Known]:
        sandbox = container.sandbox
        if sandbox is None or not sandbox.path:
            return []
        places = [self._known(network_id) for network_id in sandbox.network_ids]
        return places or ([BRIDGE] if sandbox.bridge_address else [])

    def _each(self, action: str, container_id: str, time: datetime) -> list[Json]:
        return [network_event_json(action, place, time, container_id)
                for place in self._places.get(container_id, [])]
