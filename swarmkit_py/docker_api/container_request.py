"""Owns what `docker run` sends: the body of /containers/create as a ContainerConfig. Refuses by name what the kit
cannot do. Counterpart: moby/api/server/router/container, daemon/create.go.
"""

from __future__ import annotations

import re
from typing import Any

from swarmkit_py.docker_api.container_options import health_config, limits, log_config, seccomp, ulimits
from swarmkit_py.docker_api.convert import Json
from swarmkit_py.docker_api.endpoint_request import local_places
from swarmkit_py.docker_api.host_config import (
    asks_nothing,
    network_mode,
    port_mappings,
    refuse_unsupported,
    restart_policy,
)
from swarmkit_py.docker_api.mount_request import mount_fields
from swarmkit_py.errors import InvalidArgument, Unimplemented
from swarmkit_py.runtime.base import ContainerConfig, ExecConfig, PortMapping, SandboxSpec

_NAME = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_UNSUPPORTED = ("Domainname", "NetworkDisabled", "MacAddress", "OnBuild", "Shell")


def check_name(name: str) -> str:
    """A container's name without its slash. Raises InvalidArgument with Docker's text."""
    if name and not _NAME.fullmatch(name):
        raise InvalidArgument(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    return name.removeprefix("/")


def container_config(body: Json, name: str, exposed: list[str]) -> ContainerConfig:
    """The container asked for; `exposed`: the image's own ports, for `-P`. Raises InvalidArgument, Unimplemented."""
    host = _object(body, "HostConfig")
    _refuse(body, host)
    policy, restarts = restart_policy(host)
    if policy != "no" and host.get("AutoRemove"):
        raise InvalidArgument("can't create 'AutoRemove' container with restart policy")
    image = _text(body, "Image")
    if not image:
        raise InvalidArgument("no image was named: the field Image is empty")
    return ContainerConfig(
        image=image, name=check_name(name),
        command=_entrypoint(body), args=_words(body, "Cmd"), env=_words(body, "Env") or [],
        working_dir=_folder(body), user=_text(body, "User"), hostname=_text(body, "Hostname"),
        labels=_strings(body, "Labels"),
        tty=_flag(body, "Tty"), open_stdin=_flag(body, "OpenStdin"), stdin_once=_flag(body, "StdinOnce"),
        attach_stdin=_flag(body, "AttachStdin"), read_only=_flag(host, "ReadonlyRootfs"), init=_flag(host, "Init"),
        cap_add=_words(host, "CapAdd") or [], cap_drop=_words(host, "CapDrop") or [],
        privileged=_flag(host, "Privileged"), extra_hosts=_words(host, "ExtraHosts") or [],
        stop_signal=_text(body, "StopSignal"), stop_grace=float(_number(body, "StopTimeout", 10)),
        restart_policy=policy, restart_max=restarts, auto_remove=_flag(host, "AutoRemove"),
        sandbox=_sandbox(body, host, exposed),
        health=health_config(_object(body, "Healthcheck")), limits=limits(host), ulimits=ulimits(host),
        sysctls=_strings(host, "Sysctls"), groups=_words(host, "GroupAdd") or [],
        log=log_config(_object(host, "LogConfig")), seccomp=seccomp(_words(host, "SecurityOpt") or []),
        attach_stdout=_flag(body, "AttachStdout"), attach_stderr=_flag(body, "AttachStderr"),
        **mount_fields(body, host),
    )


def _folder(body: Json) -> str:
    path = _text(body, "WorkingDir")
    if path and not path.startswith("/"):
        raise InvalidArgument(f"the working directory '{path}' is invalid, it needs to be an absolute path")
    return path


def _sandbox(body: Json, host: Json, exposed: list[str]) -> SandboxSpec:
    mode = network_mode(host)
    places = local_places(_object(_object(body, "NetworkingConfig"), "EndpointsConfig"), mode)
    ports = port_mappings(host)
    if _flag(host, "PublishAllPorts"):
        bound = {f"{port.target_port}/{port.protocol}" for port in ports}
        wanted = dict.fromkeys([*_object(body, "ExposedPorts"), *exposed])
        ports += [port for port in port_mappings({"PortBindings": dict.fromkeys(wanted)})
                  if f"{port.target_port}/{port.protocol}" not in bound]
    _refuse_twice(ports)
    mode = "bridge" if places else mode
    return SandboxSpec(id="", mode=mode, ports=ports if mode == "bridge" else [], locals=places)


def _refuse_twice(ports: list[PortMapping]) -> None:
    chosen = [(port.protocol, port.published_port) for port in ports if port.published_port and not port.last_port]
    for port in chosen:
        if chosen.count(port) > 1:
            raise InvalidArgument(f"the host port {port[1]}/{port[0]} is published twice")


def _refuse(body: Json, host: Json) -> None:
    for name in _UNSUPPORTED:
        if not asks_nothing(body.get(name)):
            raise Unimplemented(f"{name} is not there yet in this kit: run the container without it")
    refuse_unsupported(host)


def exec_config(body: Json) -> ExecConfig:
    """The body of /containers/{id}/exec. Raises InvalidArgument."""
    args = _words(body, "Cmd")
    if not args:
        raise InvalidArgument("No exec command specified")
    return ExecConfig(
        args=args, tty=_flag(body, "Tty"), attach_stdin=_flag(body, "AttachStdin"),
        attach_stdout=_flag(body, "AttachStdout"), attach_stderr=_flag(body, "AttachStderr"),
        env=_words(body, "Env") or [], user=_text(body, "User"), working_dir=_text(body, "WorkingDir"),
        privileged=_flag(body, "Privileged"),
    )


def _object(body: Json, name: str) -> Json:
    found: Json = _typed(body, name, dict, {})
    return found


def _text(body: Json, name: str) -> str:
    return str(_typed(body, name, str, ""))


def _flag(body: Json, name: str) -> bool:
    return bool(_typed(body, name, bool, False))


def _number(body: Json, name: str, default: int) -> int:
    return int(_typed(body, name, int, default))


def _strings(body: Json, name: str) -> dict[str, str]:
    return {str(key): str(value) for key, value in _object(body, name).items()}


def _words(body: Json, name: str) -> list[str] | None:
    """A list of words; a single word is taken as a list of one, as Docker does. None if empty."""
    value = body.get(name)
    if isinstance(value, str):
        return [value] if value else None
    found = _typed(body, name, list, [])
    if not all(isinstance(word, str) for word in found):
        raise InvalidArgument(f"the request body does not fit: {name} must be a list of strings")
    return found or None


def _entrypoint(body: Json) -> list[str] | None:
    """None leaves the image's; `--entrypoint ""` is sent as [""] and takes the image's away."""
    words = _words(body, "Entrypoint")
    return [] if words == [""] else words


def _typed(body: Json, name: str, kind: type[Any], default: Any) -> Any:
    value = body.get(name, default)
    if not isinstance(value, kind):
        raise InvalidArgument(f"the request body does not fit: {name} must be of type {kind.__name__}")
    return value
