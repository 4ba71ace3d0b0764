"""Owns events in Docker's JSON: a commit of the store or a container's doing becomes what `docker events` prints.

Pure. Counterpart: moby/daemon/cluster/listen (swarm events), daemon/events.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

from swarmkit_py.docker_api.convert import Json
from swarmkit_py.model.objects import Config, ManagerStatus, Network, Node, Secret, Service
from swarmkit_py.network.base import Mended
from swarmkit_py.runtime.base import ContainerEvent
from swarmkit_py.runtime.base_mounts import Volume
from swarmkit_py.store.watch import Change

Differences = Callable[[Any, Any], dict[str, str]]
"""Old and new object → the attributes that say what changed."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def nanoseconds(time: datetime) -> int:
    """Unix time in ns; whole microseconds are all that a datetime holds."""
    passed = time - _EPOCH
    return ((passed.days * 86400 + passed.seconds) * 1_000_000 + passed.microseconds) * 1000


def event_json(kind: str, action: str, actor: str, attributes: dict[str, str], scope: str, time: datetime) -> Json:
    nanos = nanoseconds(time)
    return {
        "Type": kind, "Action": action, "Actor": {"ID": actor, "Attributes": attributes},
        "scope": scope, "time": nanos // 1_000_000_000, "timeNano": nanos,
    }


def container_event_json(event: ContainerEvent) -> Json:
    """A container event, with the old fields `status`, `id` and `from` that clients still read."""
    container = event.container
    attributes = {**container.config.labels, "image": container.config.image, "name": container.name,
                  **event.attributes}
    answer = event_json("container", event.action, container.id, attributes, "local", event.time)
    return {"status": event.action, "id": container.id, "from": container.config.image, **answer}


def container_events_json(event: ContainerEvent) -> list[Json]:
    """A container event with what it means for the container's volumes: mounted before a start, unmounted after an
    end."""
    its_own, volumes = container_event_json(event), _volume_use(event)
    return [*volumes, its_own] if event.action == "start" else [its_own, *volumes]


def volume_event_json(action: str, volume: Volume, time: datetime) -> Json:
    """A volume was made (`create`) or removed (`destroy`)."""
    return event_json("volume", action, volume.name, {"driver": volume.driver}, "local", time)


def repair_event_json(repair: Mended, time: datetime) -> Json:
    """Somebody else changed a network of this machine, and it was put right. Docker, which does not look, has no such
    event."""
    attributes = {"name": repair.network, "type": repair.driver, "what": repair.what}
    return event_json("network", "repair", repair.network_id or repair.network or "machine",
                      {key: value for key, value in attributes.items() if value}, "local", time)


def _volume_use(event: ContainerEvent) -> list[Json]:
    action = {"start": "mount", "die": "unmount"}.get(event.action)
    found = []
    for point in event.container.mounts if action else ():
        if point.type == "volume":
            attributes = {"container": event.container.id, "driver": point.driver}
            if action == "mount":
                attributes |= {"destination": point.destination, "propagation": point.propagation,
                               "read/write": str(point.rw).lower()}
            found.append(event_json("volume", action or "", point.name, attributes, "local", event.time))
    return found


def change_events(changes: list[Change], now: datetime) -> Iterator[Json]:
    """The events of one commit. Tasks and the cluster have none in Docker."""
    for change in changes:
        if change.kind is Service:
            yield from _event("service", change, now, _service_attributes)
        elif change.kind is Node:
            yield from _event("node", change, now, _node_attributes)
        elif change.kind is Network:
            yield from _event("network", change, now, lambda old, new: {})
        elif change.kind is Secret:
            yield from _event("secret", change, now, lambda old, new: {})
        elif change.kind is Config:
            yield from _event("config", change, now, lambda old, new: {})


def _event(kind: str, change: Change, now: datetime, differences: Differences) -> Iterator[Json]:
    attributes = {"name": _name(change)}
    if change.old is None:
        yield event_json(kind, "create", change.object.id, attributes, "swarm", now)
    elif change.new is None:
        yield event_json(kind, "remove", change.object.id, attributes, "swarm", now)
    else:
        found = differences(change.old, change.new)
        if found or change.old.spec != change.new.spec or change.kind in (Secret, Config):
            yield event_json(kind, "update", change.object.id, {**attributes, **found}, "swarm", now)


def _name(change: Change) -> str:
    obj = change.object
    if isinstance(obj, Node):
        return obj.description.hostname if obj.description is not None else ""
    return str(obj.spec.name)


def _pair(name: str, old: str | None, new: str | None) -> dict[str, str]:
    if old == new:
        return {}
    return {key: value for key, value in ((f"{name}.old", old), (f"{name}.new", new)) if value}


def _service_attributes(old: Service, new: Service) -> dict[str, str]:
    return {
        **_pair("replicas", _replicas(old), _replicas(new)),
        **_pair("image", _image(old), _image(new)),
        **_pair("updatestate", _update_state(old), _update_state(new)),
    }


def _replicas(service: Service) -> str | None:
    replicated = service.spec.mode.replicated
    return None if replicated is None else str(1 if replicated.replicas is None else replicated.replicas)


def _image(service: Service) -> str | None:
    container = service.spec.task_template.container_spec
    return None if container is None else container.image


def _update_state(service: Service) -> str | None:
    return None if service.update_status is None else service.update_status.state


def _leader(status: ManagerStatus | None) -> str | None:
    return None if status is None else str(status.leader).lower()


def _node_attributes(old: Node, new: Node) -> dict[str, str]:
    before, after = old.manager_status, new.manager_status
    return {
        **_pair("state", old.status.state.value, new.status.state.value),
        **_pair("availability", old.spec.availability.value, new.spec.availability.value),
        **_pair("role", old.spec.role.value, new.spec.role.value),
        **_pair("leader", _leader(before), _leader(after)),
        **_pair("reachability", before.reachability if before else None, after.reachability if after else None),
    }
