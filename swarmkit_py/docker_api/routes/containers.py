"""Owns `docker ps`, `inspect`, and what starts and ends containers, on the wire. Output streams are in attach.py.

Counterpart: moby/api/server/router/container/container_routes.go.
"""

from __future__ import annotations

import asyncio
import contextlib
import re

from aiohttp import web

from swarmkit_py.docker_api import filters as accepted
from swarmkit_py.docker_api.answers import empty_answer, encode_line, json_answer
from swarmkit_py.docker_api.call import Call, settle
from swarmkit_py.docker_api.container_options import limit_warnings
from swarmkit_py.docker_api.container_request import check_name, container_config
from swarmkit_py.docker_api.convert_container import NetworkNames, container_json, container_summary, exposed_ports
from swarmkit_py.docker_api.convert_event import container_event_json
from swarmkit_py.docker_api.filters import Filters, parse_filters
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.errors import InvalidArgument, NotFound, SwarmError, Unavailable, Unimplemented
from swarmkit_py.model.objects import Network
from swarmkit_py.runtime.base import Container, ContainerEvent, Image

KILL_SECONDS = 10.0
_WAIT_CONDITIONS = {"": "not-running", "not-running": "not-running", "next-exit": "next-exit", "removed": "removed"}
_STATUSES = ("created", "restarting", "running", "removing", "paused", "exited", "dead")
_TASK_LABEL = "com.docker.swarm.task.id"


def image_of(call: Call, ref: str) -> Image | None:
    """An image of this machine, or None where it is gone (containers outlive their image's name)."""
    try:
        return call.backend.images.resolve(ref)
    except SwarmError:
        return None


def network_names(call: Call) -> NetworkNames:
    """Names of overlay networks by id, as far as this node knows."""
    try:
        networks: list[Network] = call.view().list_networks()
        names = {network.id: network.spec.name for network in networks}
    except Unavailable:
        names = {network.id: network.name for network in call.backend.node_networks()}
    names.update({network.id: network.name for network in call.backend.bridges.local_networks()})
    return lambda network_id: names.get(network_id, network_id)


async def list_containers(call: Call) -> web.StreamResponse:
    filters = parse_filters(call.query("filters"), accepted.CONTAINERS)
    filters.refuse(["expose", "publish", "isolation"])
    limit = call.number("limit")
    everything = call.flag("all") or limit > 0 or "status" in filters or "exited" in filters
    containers = [container for container in call.backend.engine.all() if everything or container.running]
    for status in filters.get("status"):
        if status not in _STATUSES:
            raise InvalidArgument(f"Invalid filter 'status={status}'")
    wanted = _Selection(call, filters)
    found = [container for container in containers if wanted(container)]
    names, now = network_names(call), call.backend.clock.now()
    images = {container.image_id: image_of(call, container.image_id) for container in found}
    return json_answer([container_summary(container, images[container.image_id], now, names)
                        for container in found[:limit if limit > 0 else None]])


class _Selection:
    """The filters of `docker ps`, with what they name looked up once."""

    def __init__(self, call: Call, filters: Filters) -> None:
        engine = call.backend.engine
        self._filters = filters
        self._before = [engine.get(ref).created for ref in filters.get("before")]
        self._since = [engine.get(ref).created for ref in filters.get("since")]
        self._images = {image.id for ref in filters.get("ancestor") if (image := image_of(call, ref)) is not None}
        self._networks = network_names(call) if "network" in filters else None
        self._is_task = filters.flag("is-task")

    def __call__(self, container: Container) -> bool:
        filters = self._filters
        return (
            filters.prefix("id", container.id)
            and filters.test("name", lambda name: _name_matches(name, container.name))
            and filters.labels("label", container.config.labels)
            and filters.exact("status", container.status)
            and filters.exact("health", container.health.status if container.health is not None else "none")
            and filters.test("exited", lambda code: container.status == "exited" and code == str(container.exit_code))
            and ("ancestor" not in filters or container.image_id in self._images)
            and all(container.created < moment for moment in self._before)
            and all(container.created > moment for moment in self._since)
            and (self._is_task is None or (_TASK_LABEL in container.config.labels) is self._is_task)
            and filters.test("volume", lambda ref: any(
                ref in (point.name, point.source, point.destination) for point in container.mounts if ref))
            and filters.test("network", lambda ref: self._on_network(container, ref))
        )

    def _on_network(self, container: Container, ref: str) -> bool:
        sandbox = container.sandbox
        places = sandbox.network_ids if sandbox is not None else []
        names = self._networks or (lambda network_id: network_id)
        config = container.config.sandbox
        mode = ("" if config.locals else config.mode) if config is not None else "bridge"
        return ref == mode or any(ref in (place, names(place)) for place in places)


def _name_matches(pattern: str, name: str) -> bool:
    """Docker takes a regular expression, found anywhere in the name with or without its slash."""
    try:
        return bool(re.search(pattern, name) or re.search(pattern, "/" + name))
    except re.error as error:
        raise InvalidArgument(f"Invalid filter 'name={pattern}': {error}") from None


async def inspect_container(call: Call) -> web.StreamResponse:
    container = call.backend.engine.get(call.params["id"])
    image = image_of(call, container.image_id)
    return json_answer(container_json(container, image, network_names(call), call.backend.data_root, None))


async def create_container(call: Call) -> web.StreamResponse:
    body = await call.json()
    platform = call.query("platform")
    if platform not in ("", "linux", "linux/amd64"):
        raise Unimplemented(f"the platform {platform} is not there in this kit: leave --platform out")
    image = image_of(call, body["Image"]) if isinstance(body.get("Image"), str) and body["Image"] else None
    config = container_config(body, call.query("name"), exposed_ports(image))
    container = await call.backend.engine.create(config)
    extras = call.backend.engine.extras
    warnings = limit_warnings(config.limits, extras.limit_support()) if extras is not None else []
    return json_answer({"Id": container.id, "Warnings": warnings}, status=201)


async def start_container(call: Call) -> web.StreamResponse:
    container = call.backend.engine.get(call.params["id"])
    if container.running:
        return empty_answer(304)
    await call.backend.engine.start(container.id)
    return empty_answer(204)


def _grace(call: Call) -> float | None:
    """`t`: seconds before SIGKILL; absent: the container's own. -1 waits for ever."""
    if not call.query("t"):
        return None
    seconds = call.number("t")
    return float(seconds) if seconds >= 0 else float("inf")


async def stop_container(call: Call) -> web.StreamResponse:
    engine = call.backend.engine
    container = engine.get(call.params["id"])
    if not container.running:
        return empty_answer(304)
    await engine.stop(container.id, _grace(call))
    return empty_answer(204)


async def restart_container(call: Call) -> web.StreamResponse:
    engine = call.backend.engine
    container = engine.get(call.params["id"])
    if container.running:
        await engine.stop(container.id, _grace(call))
    await engine.start(container.id)
    publish = call.api.events.publish
    publish(container_event_json(ContainerEvent(
        action="restart", container=engine.get(container.id), time=call.backend.clock.now())))
    return empty_answer(204)


async def kill_container(call: Call) -> web.StreamResponse:
    """After SIGKILL, which cannot be refused, the answer comes when the container has ended, as with Docker."""
    engine = call.backend.engine
    signal = call.query("signal").upper().removeprefix("SIG") or "KILL"
    container = engine.get(call.params["id"])
    await engine.kill(container.id, signal)
    if signal in ("KILL", "9"):
        with contextlib.suppress(asyncio.TimeoutError, NotFound):  # --rm may have removed it already
            await asyncio.wait_for(engine.wait(container.id), KILL_SECONDS)
    return empty_answer(204)


async def rename_container(call: Call) -> web.StreamResponse:
    name = check_name(call.query("name"))
    if not name:
        raise InvalidArgument("Neither old nor new names may be empty")
    await call.backend.engine.rename(call.params["id"], name)
    return empty_answer(204)


async def remove_container(call: Call) -> web.StreamResponse:
    if call.flag("link"):
        raise Unimplemented("links between containers are not there in this kit")
    await call.backend.engine.remove(call.params["id"], call.flag("force"), volumes=call.flag("v"))
    return empty_answer(204)


async def wait_container(call: Call) -> web.StreamResponse:
    """The headers go at once: `docker run` starts the container only after they have come."""
    condition = call.query("condition")
    if condition not in _WAIT_CONDITIONS:
        raise InvalidArgument(f"invalid condition: {condition!r}")
    engine = call.backend.engine
    container = engine.get(call.params["id"])
    waiter = asyncio.ensure_future(engine.wait(container.id, _WAIT_CONDITIONS[condition]))
    try:
        await settle()
        answer = await call.begin_stream("application/json")
        await answer.write(encode_line(await _outcome(waiter)))
        await answer.write_eof()
    finally:
        waiter.cancel()
    return answer


async def _outcome(waiter: asyncio.Future[int]) -> dict[str, object]:
    try:
        return {"Error": None, "StatusCode": await waiter}
    except SwarmError as error:
        return {"Error": {"Message": error.wire_text()}, "StatusCode": -1}


async def top_container(call: Call) -> web.StreamResponse:
    extras = call.backend.engine.extras
    if extras is not None:
        table = await extras.processes(call.params["id"], call.query("ps_args", "-ef"))
        return json_answer({"Titles": table.titles, "Processes": table.rows})
    if call.query("ps_args", "-ef") not in ("-ef", ""):
        raise Unimplemented("options of ps are not there with this runtime: docker top shows PID and command")
    processes = await call.backend.engine.top(call.params["id"])
    return json_answer({"Titles": ["PID", "CMD"], "Processes": [[str(pid), command] for pid, command in processes]})


ROUTES = [
    Route("GET", "/containers/json", list_containers),
    Route("POST", "/containers/create", create_container),
    Route("GET", "/containers/{id}/json", inspect_container),
    Route("POST", "/containers/{id}/start", start_container),
    Route("POST", "/containers/{id}/stop", stop_container),
    Route("POST", "/containers/{id}/restart", restart_container),
    Route("POST", "/containers/{id}/kill", kill_container),
    Route("POST", "/containers/{id}/rename", rename_container),
    Route("POST", "/containers/{id}/wait", wait_container, streaming=True),
    Route("GET", "/containers/{id}/top", top_container),
    Route("DELETE", "/containers/{id}", remove_container),
]
