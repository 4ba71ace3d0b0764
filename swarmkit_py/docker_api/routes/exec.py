"""Owns `docker exec` on the wire. Counterpart: moby/api/server/router/container/exec.go."""

from __future__ import annotations

from aiohttp import web

from swarmkit_py.docker_api.answers import empty_answer, json_answer
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.container_request import exec_config
from swarmkit_py.docker_api.convert import Json
from swarmkit_py.docker_api.detach_keys import parse_detach_keys
from swarmkit_py.docker_api.hijack import join_streams
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.errors import Conflict, InvalidArgument
from swarmkit_py.runtime.base import Attached, Exec


async def create_exec(call: Call) -> web.StreamResponse:
    body = await call.json()
    container = call.backend.engine.get(call.params["id"])
    if not container.running:
        raise Conflict(f"Container {container.id} is not running")
    config = exec_config(body)
    keys = str(body.get("DetachKeys", ""))
    parse_detach_keys(keys)
    created = call.backend.engine.exec_create(container.id, config)
    if keys:
        call.api.detach_keys[created.id] = keys
    return json_answer({"Id": created.id}, status=201)


async def start_exec(call: Call) -> web.StreamResponse:
    body = await call.json()
    engine = call.backend.engine
    execution = engine.exec_get(call.params["id"])
    if execution.running or execution.exit_code is not None:
        raise Conflict(f"Error: Exec command {execution.id} is already running")
    if not engine.get(execution.container_id).running:
        raise Conflict(f"Container {execution.container_id} is not running")
    config = execution.config
    if not body.get("Detach") and bool(body.get("Tty", config.tty)) != config.tty:
        raise InvalidArgument("Tty of the exec and of its start must be the same")
    if body.get("Detach"):
        await (await engine.exec_start(execution.id)).close()
        return empty_answer()
    size = body.get("ConsoleSize")

    async def start() -> Attached:
        attached = await engine.exec_start(execution.id)
        if config.tty and isinstance(size, list) and len(size) == 2:
            await engine.exec_resize(execution.id, int(size[0]), int(size[1]))
        return attached

    outputs = {name for name, on in (("stdout", config.attach_stdout), ("stderr", config.attach_stderr)) if on}
    keys = parse_detach_keys(call.api.detach_keys.pop(execution.id, ""))
    return await join_streams(call, None, tty=config.tty, stdin=config.attach_stdin, outputs=outputs, keys=keys,
                              start=start)


async def resize_exec(call: Call) -> web.StreamResponse:
    await call.backend.engine.exec_resize(call.params["id"], call.number("h"), call.number("w"))
    return empty_answer()


async def inspect_exec(call: Call) -> web.StreamResponse:
    return json_answer(exec_json(call.backend.engine.exec_get(call.params["id"])))


def exec_json(execution: Exec) -> Json:
    """The page of `GET /exec/{id}/json`; ExitCode is null until it has ended."""
    config = execution.config
    return {
        "ID": execution.id, "Running": execution.running, "ExitCode": execution.exit_code,
        "ProcessConfig": {
            "tty": config.tty, "entrypoint": config.args[0], "arguments": config.args[1:],
            "privileged": config.privileged, "user": config.user,
        },
        "OpenStdin": config.attach_stdin, "OpenStderr": config.attach_stderr, "OpenStdout": config.attach_stdout,
        "CanRemove": execution.exit_code is not None, "ContainerID": execution.container_id, "DetachKeys": "",
        "Pid": execution.pid,
    }


ROUTES = [
    Route("POST", "/containers/{id}/exec", create_exec),
    Route("POST", "/exec/{id}/start", start_exec, streaming=True),
    Route("POST", "/exec/{id}/resize", resize_exec),
    Route("GET", "/exec/{id}/json", inspect_exec),
]
