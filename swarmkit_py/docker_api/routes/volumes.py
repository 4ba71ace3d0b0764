"""Owns `docker volume …` on the wire, and who uses a volume.

Counterpart: moby/api/server/router/volume/volume_routes.go, volume/service.
"""

from __future__ import annotations

from aiohttp import web

from swarmkit_py.docker_api import filters as accepted
from swarmkit_py.docker_api.answers import empty_answer, json_answer
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.convert import Json
from swarmkit_py.docker_api.filters import Filters, parse_filters
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.errors import Conflict, NotFound
from swarmkit_py.model.base import Model
from swarmkit_py.runtime.base import Container
from swarmkit_py.runtime.base_mounts import Volume

_PRUNE = {"label", "label!"}


class _Request(Model, frozen=True, kw_only=True):
    name: str = ""
    driver: str = ""
    driver_opts: dict[str, str] | None = None
    labels: dict[str, str] | None = None


def volume_json(volume: Volume) -> Json:
    """A volume as `docker volume inspect` shows it."""
    return {
        "CreatedAt": f"{volume.created:%Y-%m-%dT%H:%M:%SZ}", "Driver": volume.driver, "Labels": volume.labels or None,
        "Mountpoint": volume.mountpoint, "Name": volume.name, "Options": volume.options or None, "Scope": "local",
    }


def users_of(name: str, containers: list[Container]) -> list[str]:
    """Ids of the containers, running or not, that have the volume."""
    return [container.id for container in containers if any(point.name == name for point in container.mounts)]


def selected(volume: Volume, filters: Filters, used: bool) -> bool:
    """True if the volume passes the filters of `GET /volumes`."""
    dangling = filters.flag("dangling")
    return (
        (dangling is None or dangling is not used)
        and filters.test("name", lambda name: name in volume.name)
        and filters.exact("driver", volume.driver)
        and filters.labels("label", volume.labels)
    )


def volumes_usage(call: Call) -> list[Json]:
    """Every volume with its size and the number of its users, for `docker system df`."""
    containers, store = call.backend.engine.all(), call.backend.volumes
    return [{**volume_json(volume), "UsageData": {
        "RefCount": len(users_of(volume.name, containers)), "Size": store.size(volume.name)}}
        for volume in store.all()]


async def list_volumes(call: Call) -> web.StreamResponse:
    filters = parse_filters(call.query("filters"), accepted.VOLUMES)
    containers = call.backend.engine.all()
    found = [volume_json(volume) for volume in call.backend.volumes.all()
             if selected(volume, filters, bool(users_of(volume.name, containers)))]
    return json_answer({"Volumes": found, "Warnings": None})


async def inspect_volume(call: Call) -> web.StreamResponse:
    return json_answer(volume_json(call.backend.volumes.get(call.params["id"])))


async def create_volume(call: Call) -> web.StreamResponse:
    asked = await call.decode(_Request)
    volume = call.backend.volumes.create(
        asked.name, driver=asked.driver, labels=asked.labels, options=asked.driver_opts)
    return json_answer(volume_json(volume), status=201)


async def remove_volume(call: Call) -> web.StreamResponse:
    """With `force` a volume that is not there is no error."""
    name = call.params["id"]
    users = users_of(name, call.backend.engine.all())
    if users:
        raise Conflict(f"remove {name}: volume is in use - [{', '.join(users)}]")
    try:
        call.backend.volumes.remove(name)
    except NotFound:
        if not call.flag("force"):
            raise
    return empty_answer(204)


async def prune_volumes(call: Call) -> web.StreamResponse:
    """All that no container has."""
    filters = parse_filters(call.query("filters"), _PRUNE)
    store, containers = call.backend.volumes, call.backend.engine.all()
    removed, freed = [], 0
    for volume in store.all():
        kept = any(filters_labelled(volume, wanted) for wanted in filters.get("label!"))
        if kept or not filters.labels("label", volume.labels) or users_of(volume.name, containers):
            continue
        freed += store.size(volume.name)
        store.remove(volume.name)
        removed.append(volume.name)
    return json_answer({"VolumesDeleted": removed or None, "SpaceReclaimed": freed})


def filters_labelled(volume: Volume, wanted: str) -> bool:
    """True if the volume has the label `key` or `key=value`."""
    return Filters({"label": [wanted]}).labels("label", volume.labels)


ROUTES = [
    Route("GET", "/volumes", list_volumes),
    Route("POST", "/volumes/create", create_volume),
    Route("POST", "/volumes/prune", prune_volumes),
    Route("GET", "/volumes/{id}", inspect_volume),
    Route("DELETE", "/volumes/{id}", remove_volume),
]
