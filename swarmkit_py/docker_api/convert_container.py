"""Owns containers in Docker's JSON: the line of `docker ps` and the page of `docker inspect`.

Only what the kit really does is shown; fields of Docker's HostConfig that nobody can set here carry Docker's default.
Counterpart: moby/daemon/list.go, daemon/inspect.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from swarmkit_py.docker_api.container_options import health_json
from swarmkit_py.docker_api.convert import Json, plain
from swarmkit_py.docker_api.convert_network import local_id
from swarmkit_py.docker_api.durations import human_duration
from swarmkit_py.docker_api.host_config import host_config_json
from swarmkit_py.docker_api.mount_request import mounts_json
from swarmkit_py.model.assignment import mac_of
from swarmkit_py.model.container import STARTING
from swarmkit_py.model.local import LocalAddress, LocalPlace
from swarmkit_py.network.names import DOCKER0 as GATEWAY
from swarmkit_py.runtime.base import Container, Image, OverlayAddress, PortMapping, Sandbox
from swarmkit_py.runtime.program import merge_environment

DOCKER0 = "bridge"
"""What docker0 is called as a network."""

NetworkNames = Callable[[str], str]
"""Network id → name, as far as this node knows (the id itself otherwise)."""


def status_text(container: Container, now: datetime) -> str:
    """`Up 3 seconds`, `Exited (0) 2 minutes ago`, `Created`, …"""
    if container.running:
        return f"Up {_since(container.started_at, now)}{_remark(container)}"
    if container.status == "restarting":
        return f"Restarting ({container.exit_code}) {_since(container.finished_at, now)} ago"
    if container.status == "exited":
        return f"Exited ({container.exit_code}) {_since(container.finished_at, now)} ago"
    return {"created": "Created", "removing": "Removal In Progress", "dead": "Dead"}.get(
        container.status, container.status.capitalize())


def _remark(container: Container) -> str:
    """` (Paused)`, else ` (healthy)`, ` (unhealthy)` or ` (health: starting)` where there is a check."""
    if container.status == "paused":
        return " (Paused)"
    if container.health is None:
        return ""
    status = container.health.status
    return f" (health: {status})" if status == STARTING else f" ({status})"


def _since(time: datetime, now: datetime) -> str:
    return human_duration((now - time).total_seconds())


def container_summary(container: Container, image: Image | None, now: datetime, names: NetworkNames) -> Json:
    """One entry of `GET /containers/json`."""
    return {
        "Id": container.id,
        "Names": ["/" + container.name],
        "Image": container.config.image,
        "ImageID": container.image_id,
        "Command": " ".join([container.path, *container.args]).strip(),
        "Created": int(container.created.timestamp()),
        "Ports": ports_summary(container, image),
        "Labels": dict(container.config.labels),
        "State": container.status,
        "Status": status_text(container, now),
        "HostConfig": {"NetworkMode": network_mode(container)},
        "NetworkSettings": {"Networks": networks_json(container, names)},
        "Mounts": mounts_json(container),
    }


def network_mode(container: Container) -> str:
    """Docker's word for how the container is connected."""
    sandbox = container.config.sandbox
    if sandbox is not None and sandbox.locals:
        first = sandbox.locals[0].network
        return "default" if first == DOCKER0 else first
    return sandbox.mode if sandbox is not None and sandbox.mode in ("host", "none") else "default"


def exposed_ports(image: Image | None) -> list[str]:
    """`80/tcp` for each port the image says it listens on."""
    found = (image.config.get("ExposedPorts") if image is not None else None) or {}
    return [port if "/" in port else f"{port}/tcp" for port in found]


def _published(container: Container) -> list[PortMapping]:
    if not container.running or container.sandbox is None:
        return []
    return [port for port in container.sandbox.ports if port.published_port]


def ports_summary(container: Container, image: Image | None) -> list[Json]:
    """The PORTS column: published ports while it runs, and what the image exposes beside them."""
    published = _published(container)
    taken = {f"{port.target_port}/{port.protocol}" for port in published}
    shown = [{"IP": port.host or "0.0.0.0", "PrivatePort": port.target_port, "PublicPort": port.published_port,
              "Type": port.protocol} for port in published]
    for port in exposed_ports(image) if container.running else []:
        number, _, protocol = port.partition("/")
        if port not in taken and number.isdigit():
            shown.append({"PrivatePort": int(number), "Type": protocol})
    return shown


def bindings(ports: Iterable[PortMapping], *, number: bool = True) -> Json:
    """Ports as Docker's map `80/tcp` → where it is published."""
    found: Json = {}
    for port in ports:
        host_port = str(port.published_port) if port.published_port or number else ""
        host_port += f"-{port.last_port}" if port.last_port else ""
        entry = {"HostIp": port.host or ("0.0.0.0" if number else ""), "HostPort": host_port}
        found.setdefault(f"{port.target_port}/{port.protocol}", []).append(entry)
    return found


def networks_json(container: Container, names: NetworkNames) -> Json:
    """NetworkSettings.Networks: the overlays of a task, or the bridge."""
    sandbox = container.sandbox if container.running else None
    config = container.config.sandbox
    mode = config.mode if config is not None else "bridge"
    if mode == "task":
        return {names(place.network_id): _endpoint(container, place.network_id, place.address, "", place.address6)
                for place in (sandbox.overlays if sandbox is not None else ())}
    if config is not None and config.locals:
        return _endpoints(container, config.locals, names)
    return {} if mode == "unplugged" else {mode: _default_endpoint(container)}


def _default_endpoint(container: Container) -> Json:
    sandbox = container.sandbox if container.running else None
    address = docker0_address(sandbox)
    return _endpoint(container, "", address, sandbox.bridge_gateway if sandbox is not None and address else "")


def docker0_address(sandbox: Sandbox | None) -> str:
    """With prefix; "" for one that is not plugged into docker0."""
    return sandbox.bridge_address if sandbox is not None and sandbox.bridge_gateway == GATEWAY.gateway else ""


def _endpoints(container: Container, asked: Iterable[LocalPlace], names: NetworkNames) -> Json:
    """One a place asked for, with what it was given while the container runs."""
    sandbox = container.sandbox if container.running else None
    places: list[LocalAddress | OverlayAddress] = [*sandbox.locals, *sandbox.overlays] if sandbox is not None else []
    given = {key: place for place in places for key in (place.network_id, place.network)}
    found: Json = {}
    for want in asked:
        if want.network == DOCKER0:
            found[DOCKER0] = _default_endpoint(container)
            continue
        place = given.get(want.network)
        gateway = place.gateway if isinstance(place, LocalAddress) else ""
        six = place.address6 if isinstance(place, OverlayAddress) else ""
        shown = _endpoint(container, "", place.address if place else "", gateway, six)
        found[place.network if place else names(want.network)] = {
            **shown, "NetworkID": place.network_id if place else "",
            "IPAMConfig": {"IPv4Address": want.address} if want.address else {},
            "Aliases": [*want.aliases, container.id[:12]],
            "MacAddress": mac_of(shown["IPAddress"]) if place else ""}
    return found


def _endpoint(container: Container, network_id: str, address: str, gateway: str, address6: str = "") -> Json:
    ip, _, length = address.partition("/")
    ip6, _, length6 = address6.partition("/")
    overlay = bool(network_id)
    return {
        "IPAMConfig": {"IPv4Address": ip} if overlay else None, "Links": None,
        "Aliases": [container.id[:12]] if overlay else None, "NetworkID": network_id,
        "EndpointID": local_id("endpoint", container.id, address) if address else "",
        "Gateway": gateway, "IPAddress": ip, "IPPrefixLen": int(length or 0),
        "IPv6Gateway": "", "GlobalIPv6Address": ip6, "GlobalIPv6PrefixLen": int(length6 or 0),
        "MacAddress": mac_of(ip) if overlay else "", "DriverOpts": None,
    }


def container_json(
    container: Container, image: Image | None, names: NetworkNames, data_root: str, exec_ids: list[str] | None,
) -> Json:
    """The page of `GET /containers/{id}/json`."""
    home = f"{data_root}/containers/{container.id}"
    return {
        "Id": container.id, "Created": container.created, "Path": container.path, "Args": list(container.args),
        "State": _state(container), "Image": container.image_id,
        "ResolvConfPath": f"{home}/resolv.conf", "HostnamePath": f"{home}/hostname", "HostsPath": f"{home}/hosts",
        "LogPath": container.log_path, "Name": "/" + container.name, "RestartCount": container.restart_count,
        "Driver": "overlay2", "Platform": "linux", "MountLabel": "", "ProcessLabel": "", "AppArmorProfile": "",
        "ExecIDs": exec_ids or None,
        "HostConfig": host_config_json(container.config, network_mode(container), _bindings_asked(container)),
        "GraphDriver": {"Data": None, "Name": "overlay2"},
        "Mounts": mounts_json(container),
        "Config": _config(container, image),
        "NetworkSettings": _network_settings(container, image, names),
    }


def _bindings_asked(container: Container) -> Json:
    sandbox = container.config.sandbox
    return bindings(sandbox.ports, number=False) if sandbox is not None else {}


def _state(container: Container) -> Json:
    return {
        "Status": container.status, "Running": container.running or container.status == "restarting",
        "Paused": container.status == "paused", "Restarting": container.status == "restarting",
        "OOMKilled": container.oom_killed, "Dead": container.status == "dead", "Pid": container.pid,
        "ExitCode": container.exit_code, "Error": container.error,
        "StartedAt": container.started_at, "FinishedAt": container.finished_at,
        **({"Health": health_json(container.health)} if container.health is not None else {}),
    }


def _config(container: Container, image: Image | None) -> Json:
    config = container.config
    defaults: Mapping[str, object] = image.config if image is not None else {}
    return {
        "Hostname": config.hostname or container.id[:12], "Domainname": "", "User": config.user,
        "AttachStdin": config.attach_stdin, "AttachStdout": config.attach_stdout,
        "AttachStderr": config.attach_stderr,
        "ExposedPorts": {port: {} for port in exposed_ports(image)},
        "Tty": config.tty, "OpenStdin": config.open_stdin, "StdinOnce": config.stdin_once,
        "Env": merge_environment(_words(defaults.get("Env")), list(config.env)) or None,
        "Cmd": config.args if config.args is not None else defaults.get("Cmd"),
        "Image": config.image, "Volumes": dict.fromkeys(config.volumes, {}) or None,
        "WorkingDir": config.working_dir or str(defaults.get("WorkingDir") or ""),
        "Entrypoint": config.command if config.command is not None else defaults.get("Entrypoint"),
        "OnBuild": None, "Labels": dict(config.labels),
        **({"StopSignal": config.stop_signal} if config.stop_signal else {}),
        **({"Healthcheck": plain(config.health)} if config.health is not None else {}),
    }


def _words(value: object) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list) else []


def _network_settings(container: Container, image: Image | None, names: NetworkNames) -> Json:
    sandbox = container.sandbox if container.running else None
    address = docker0_address(sandbox)
    ip, _, length = address.partition("/")
    gateway = sandbox.bridge_gateway.partition("/")[0] if sandbox is not None and address else ""
    ports: Json = dict.fromkeys(exposed_ports(image)) if container.running else {}
    return {
        "Bridge": "", "SandboxID": local_id("sandbox", sandbox.id) if sandbox is not None else "",
        "HairpinMode": False, "LinkLocalIPv6Address": "", "LinkLocalIPv6PrefixLen": 0,
        "Ports": {**ports, **bindings(_published(container))},
        "SandboxKey": sandbox.path if sandbox is not None else "",
        "SecondaryIPAddresses": None, "SecondaryIPv6Addresses": None, "EndpointID": "",
        "Gateway": gateway, "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0,
        "IPAddress": ip, "IPPrefixLen": int(length or 0), "IPv6Gateway": "", "MacAddress": "",
        "Networks": networks_json(container, names),
    }
