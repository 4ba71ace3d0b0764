"""Owns making the cluster a lab is given, through the public Docker API only, and making it so again (`reset`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from labs.kit.checks import GraderError
from labs.kit.engine_client import Engine, EngineError
from labs.kit.look import Eyes
from labs.kit.params import Params
from labs.kit.waiting import until
from labs.kit.world import SERVICE_LABEL, World

Say = Callable[[str], None]
"""Called with a key of the kit's texts as each part begins."""
SETTLE_SECONDS = 60.0


def prepare(eyes: Eyes, table: Mapping[str, Any], params: Params, say: Say, speed: float = 1.0) -> World:
    """A swarm of all hosts with the service at its start. Raises GraderError when it does not come to rest."""
    say("given.swarm")
    _form_swarm(eyes)
    say("given.service")
    return _given_service(eyes, table, params, speed)


def reset(eyes: Eyes, table: Mapping[str, Any], params: Params, say: Say, speed: float = 1.0) -> World:
    """Remove what the student made, undrain the nodes, and make the service anew."""
    say("given.clean")
    manager = _manager(eyes)
    for service in manager.get("/services"):
        manager.delete(f"/services/{service['ID']}")
    for node in manager.get("/nodes"):
        if node["Spec"]["Availability"] != "active":
            spec = node["Spec"] | {"Availability": "active"}
            manager.post(f"/nodes/{node['ID']}/update", spec, version=node["Version"]["Index"])
    if not until(lambda: _emptied(eyes), SETTLE_SECONDS * speed):
        raise GraderError("the old tasks did not go away")
    say("given.service")
    return _given_service(eyes, table, params, speed)


def _manager(eyes: Eyes) -> Engine:
    return eyes.engines[eyes.managers[0]]


def _form_swarm(eyes: Eyes) -> None:
    addresses = {host.name: host.address for host in eyes.cluster.hosts}
    first = eyes.managers[0]
    listen = "0.0.0.0:2377"
    manager = _manager(eyes)
    if manager.get("/info")["Swarm"]["LocalNodeState"] != "active":
        manager.post("/swarm/init", {"ListenAddr": listen, "AdvertiseAddr": addresses[first]})
    token = manager.get("/swarm")["JoinTokens"]["Worker"]
    for name, engine in eyes.engines.items():
        if name != first and engine.get("/info")["Swarm"]["LocalNodeState"] != "active":
            engine.post("/swarm/join", {"ListenAddr": listen, "AdvertiseAddr": addresses[name],
                                        "JoinToken": token, "RemoteAddrs": [f"{addresses[first]}:2377"]})
    if not until(lambda: _ready(eyes), SETTLE_SECONDS):
        raise GraderError("not all nodes became Ready")


def _ready(eyes: Eyes) -> bool:
    nodes = _manager(eyes).get("/nodes")
    return len([node for node in nodes if node["Status"]["State"] == "ready"]) == len(eyes.engines)


def _emptied(eyes: Eyes) -> bool:
    empty = True
    for engine in eyes.engines.values():
        for container in engine.get("/containers/json", all=1):
            empty = False
            if SERVICE_LABEL not in (container.get("Labels") or {}):
                _remove(engine, container["Id"])
    return empty


def _remove(engine: Engine, container: str) -> None:
    try:
        engine.delete(f"/containers/{container}", force=1)
    except EngineError as error:
        if error.status not in (404, 409):
            raise


def service_spec(table: Mapping[str, Any], params: Params, replicas: int) -> dict[str, Any]:
    """`docker service create --name … --replicas … --publish … --env …` as the API wants it; pure."""
    values = params.values()
    port = {"Protocol": "tcp", "TargetPort": table["target_port"], "PublishedPort": params.port,
            "PublishMode": "ingress"}
    return {
        "Name": params.service,
        "TaskTemplate": {"ContainerSpec": {
            "Image": f"{table['image']}:latest", "Env": [text.format(**values) for text in table["environment"]]}},
        "Mode": {"Replicated": {"Replicas": replicas}},
        "EndpointSpec": {"Mode": "vip", "Ports": [port]},
    }


def _given_service(eyes: Eyes, table: Mapping[str, Any], params: Params, speed: float) -> World:
    if params.service not in {service["Spec"]["Name"] for service in _manager(eyes).get("/services")}:
        _manager(eyes).post("/services/create", service_spec(table["service"], params, params.start))
    seen: list[World] = []

    def at_rest() -> bool:
        seen[:] = [eyes.look()]
        world = seen[0]
        return params.service in world.services and world.settled(params.service)

    if not until(at_rest, SETTLE_SECONDS * speed):
        raise GraderError(_why_not(seen[0], params))
    return seen[0]


def _why_not(world: World, params: Params) -> str:
    live = len(world.live(params.service))
    messages = [str(task.get("Status", {}).get("Err") or "") for task in world.tasks_of(params.service)]
    first = next((message for message in messages if message), "no reason was given")
    return f"{params.service}: {live} of {params.start} tasks live; {first}"
