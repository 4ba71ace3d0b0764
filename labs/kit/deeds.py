"""Owns reading out of the log what was done: to a node, to a host or its cable, to a service's version. Pure."""

from __future__ import annotations

from labs.kit.events import Event, Events
from labs.kit.serving import tag


def act(events: Events, *what: str, host: str) -> Event | None:
    """The last of these acts (`cut`, `heal`, `poweroff`, …) on a host."""
    found = events.of("lab", *what, host=host)
    return found[-1] if found else None


def availabilities(events: Events, node: str) -> list[tuple[float, str]]:
    """When a node's availability was changed, and to what."""
    found: list[tuple[float, str]] = []
    for event in events.node_changes(node):
        value = str(event.data["Spec"].get("Availability", ""))
        if value != (found[-1][1] if found else "active"):
            found.append((event.t, value))
    return found


def first(found: list[tuple[float, str]], value: str, after: float = 0.0) -> float | None:
    """When it was changed to this, for the first time after that moment."""
    return next((t for t, what in found if what == value and t > after), None)


def given_up(events: Events, host: str, after: float) -> float | None:
    """When the manager called the node Down, after that moment."""
    return next((event.t for event in events.of("node", "update", name=host)
                 if event.t > after and event.data.get("Attributes", {}).get("state.new") == "down"), None)


def asked_tag(event: Event) -> str:
    """The version that a service's change asked for."""
    return tag(str(event.data["Spec"]["TaskTemplate"]["ContainerSpec"].get("Image", "")))


def came_to(events: Events, service: str, state: str) -> list[Event]:
    """When the service's update came to this state (`rollback_started`, …)."""
    return [event for event in events.changes(service)
            if event.data.get("Attributes", {}).get("updatestate.new") == state]


def changed_to(events: Events, service: str, version: str, since: float) -> Event | None:
    """The first change of a service, after that moment, that asked for this version."""
    return next((event for event in events.changes(service) if event.t > since and asked_tag(event) == version), None)


def forced(events: Events, service: str) -> list[Event]:
    """The changes that made every task of a service anew (`--force`)."""
    found, before = [], 0
    for event in events.changes(service):
        counter = int(event.data["Spec"]["TaskTemplate"].get("ForceUpdate") or 0)
        found += [event] if counter > before else []
        before = counter
    return found


def parallelism(event: Event) -> int:
    """How many tasks at a time a service's change replaces; 0 for all of them."""
    return int((event.data["Spec"].get("UpdateConfig") or {}).get("Parallelism", 1))
