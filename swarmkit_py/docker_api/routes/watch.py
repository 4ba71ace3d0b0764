"""Owns the Watch API: every commit of the manager's store as a line of JSON, from now or from a version on. Under
/swarmkit, since Docker's API has nothing like it: `docker events` knows no tasks and no versions.

Counterpart: swarmkit/manager/watchapi (a gRPC stream there).
"""

from __future__ import annotations

from aiohttp import web

from swarmkit_py.docker_api.answers import encode_line
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.convert import Json
from swarmkit_py.docker_api.convert_cluster import cluster_json
from swarmkit_py.docker_api.convert_network import network_object_json
from swarmkit_py.docker_api.convert_node import node_json
from swarmkit_py.docker_api.convert_service import service_json
from swarmkit_py.docker_api.convert_task import task_json
from swarmkit_py.docker_api.filters import parse_filters
from swarmkit_py.docker_api.routes.secrets import config_json, secret_json
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.errors import InvalidArgument
from swarmkit_py.manager.selectors import SELECTORS, Select, action, kind_name, name_of, selector
from swarmkit_py.model.objects import Cluster, Config, Network, Node, Secret, Service, Task
from swarmkit_py.store.history import Commit
from swarmkit_py.store.watch import Change


async def watch(call: Call) -> web.StreamResponse:
    """First `{"Version": n}`, where the stream begins; then `{"Version": n, "Events": [...]}` a commit. `from=n` goes
    on after that version (400 when it is forgotten); `old=1` adds each object as it was. One commit is one line."""
    history, wanted = call.control().history, selector(parse_filters(call.query("filters"), SELECTORS).as_lists())
    place = call.number("from") if call.query("from") else history.last
    if place < 0:
        raise InvalidArgument("from must be a version: a number from 0 on")
    history.after(place)  # refused before the headers, if at all
    answer = await call.begin_stream("application/json")
    await answer.write(encode_line({"Version": place}))
    while True:
        for commit in history.after(place):
            place = commit.index
            if line := _line(call, commit, wanted):
                await answer.write(encode_line(line))
        await history.wait(place)


def _line(call: Call, commit: Commit, wanted: Select) -> Json | None:
    changes = [change for change in commit.changes if wanted(change)]
    old = call.flag("old")
    return {"Version": commit.index, "Events": [_event(call, change, old) for change in changes]} if changes else None


def _event(call: Call, change: Change, old: bool) -> Json:
    shown = {"Action": action(change), "Kind": kind_name(change), "Name": name_of(change.object),
             "Object": _json(call, change.object)}
    return {**shown, "OldObject": _json(call, change.old)} if old and change.old is not None else shown


def _json(call: Call, obj: object) -> Json:
    """As the object's own call shows it: no secret's data, and no join tokens."""
    if isinstance(obj, Task):
        networks = {network.id: network_object_json(network) for network in call.control().list_networks()}
        return task_json(obj, networks)
    if isinstance(obj, Service):
        return service_json(obj)
    if isinstance(obj, Node):
        return node_json(obj)
    if isinstance(obj, Network):
        return network_object_json(obj)
    if isinstance(obj, Secret):
        return secret_json(obj)
    if isinstance(obj, Config):
        return config_json(obj)
    assert isinstance(obj, Cluster)
    return cluster_json(obj, tokens=False)


ROUTES = [Route("GET", "/swarmkit/watch", watch, streaming=True)]
