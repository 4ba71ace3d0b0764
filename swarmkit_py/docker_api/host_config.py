"""Owns Docker's HostConfig: which of its fields the kit can do, and how it is shown again.

A field that would change how the container runs and cannot be honoured is refused by name, never dropped. A client's
zero values (it sends all fields) ask for nothing. Counterpart: moby/api/types/container/host_config.go.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from swarmkit_py.docker_api import mount_request
from swarmkit_py.docker_api.container_options import options_json
from swarmkit_py.docker_api.convert import Json
from swarmkit_py.errors import InvalidArgument, Unimplemented
from swarmkit_py.runtime.base import ContainerConfig, PortMapping

HANDLED = {
    "NetworkMode", "PortBindings", "RestartPolicy", "AutoRemove", "CapAdd", "CapDrop", "ExtraHosts", "Privileged",
    "PublishAllPorts", "ReadonlyRootfs", "Init", "Memory", "MemoryReservation", "MemorySwap", "NanoCpus", "CpuShares",
    "CpuPeriod", "CpuQuota", "CpusetCpus", "CpusetMems", "PidsLimit", "Ulimits", "Sysctls", "GroupAdd", "LogConfig",
    "SecurityOpt", *mount_request.HANDLED,
}
CLIENT_ONLY = {"ContainerIDFile", "ConsoleSize"}
"""Fields the daemon does nothing with."""
ALSO_DEFAULT: dict[str, tuple[Any, ...]] = {
    "MemorySwappiness": (-1,), "Isolation": ("default",),
    "Runtime": ("runc",), "IpcMode": ("private",), "CgroupnsMode": ("private", "host"), "ShmSize": (67108864,),
    "VolumeDriver": ("local",),
}
"""Values that say the default in words (or -1: unlimited)."""
_NETWORK_MODES = {"": "bridge", "default": "bridge", "bridge": "bridge", "none": "none", "host": "host"}
_RESTART = {"", "no", "always", "unless-stopped", "on-failure"}

MASKED = ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"]
READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def asks_nothing(value: Any) -> bool:
    """True for Go's zero values, which clients send for what was not said."""
    return value in (None, "", 0, False, [], {})


def refuse_unsupported(host: Json) -> None:
    """Raises Unimplemented naming the first field that asks for what the kit cannot do."""
    for name, value in host.items():
        if name in HANDLED or name in CLIENT_ONLY or asks_nothing(value) or value in ALSO_DEFAULT.get(name, ()):
            continue
        raise Unimplemented(f"HostConfig.{name} is not there yet in this kit: run the container without it")


def network_mode(host: Json) -> str:
    """bridge, none, host, or the name or id of a network. Raises Unimplemented for other containers' networks."""
    asked = str(host.get("NetworkMode", ""))
    if asked.startswith(("container:", "ns:")):
        raise Unimplemented(f"HostConfig.NetworkMode {asked!r} is not there yet in this kit: name a network")
    return _NETWORK_MODES.get(asked, asked)


def restart_policy(host: Json) -> tuple[str, int]:
    """(policy, greatest number of restarts). Raises InvalidArgument."""
    policy = host.get("RestartPolicy", {})
    name, count = policy.get("Name", ""), policy.get("MaximumRetryCount", 0)
    if name not in _RESTART:
        raise InvalidArgument(f"invalid restart policy '{name}'")
    if count and name != "on-failure":
        raise InvalidArgument(f"maximum retry count cannot be used with restart policy '{name}'")
    return name or "no", count


def port_mappings(host: Json) -> list[PortMapping]:
    """PortBindings as mappings; a host port of 0 lets the node choose. Raises InvalidArgument, Unimplemented."""
    found = []
    bindings = host.get("PortBindings") or {}
    if not isinstance(bindings, dict) or not all(_are_places(places) for places in bindings.values()):
        raise InvalidArgument("HostConfig.PortBindings: a list of HostIp and HostPort is needed for each port")
    for target, places in bindings.items():
        for place in places or [{}]:
            found.append(_mapping(target, place.get("HostPort", ""), _host(place.get("HostIp", ""))))
    return found


def _are_places(places: object) -> bool:
    """True for a list of objects with texts in them, or nothing."""
    return places is None or isinstance(places, list) and all(
        isinstance(place, dict) and all(isinstance(text, str) for text in place.values()) for place in places)


def _host(address: str) -> str:
    """An IPv4 address of the machine's, "" for all of them."""
    if address in ("", "0.0.0.0", "::"):
        return ""
    try:
        found = ip_address(address)
    except ValueError:
        raise InvalidArgument(f"invalid IP address: {address}") from None
    if found.version == 6:
        raise Unimplemented(f"publishing on an IPv6 address ({address}) is not there yet in this kit")
    return str(found)


def _mapping(target: str, host_port: str, host: str) -> PortMapping:
    number, _, protocol = target.partition("/")
    host_port, dash, last = host_port.partition("-")
    if dash and not (host_port.isdigit() and last.isdigit() and 0 < int(host_port) <= int(last) < 65536):
        raise InvalidArgument(f"invalid port specification: {target} published at '{host_port}-{last}'")
    if not number.isdigit() or not 0 < int(number) < 65536 or not (host_port or "0").isdigit():
        raise InvalidArgument(f"invalid port specification: {target} published at '{host_port}'")
    if (protocol or "tcp") not in ("tcp", "udp") or int(host_port or 0) > 65535:
        raise InvalidArgument(f"invalid port specification: {target} published at '{host_port}'")
    return PortMapping(protocol=protocol or "tcp", published_port=int(host_port or 0), target_port=int(number),
                       last_port=int(last or 0), host=host)


_ZERO: Json = {
    "Binds": None, "ContainerIDFile": "", "LogConfig": {"Type": "json-file", "Config": {}},
    "NetworkMode": "default", "PortBindings": {}, "RestartPolicy": {"Name": "", "MaximumRetryCount": 0},
    "AutoRemove": False, "VolumeDriver": "", "VolumesFrom": None, "CapAdd": None, "CapDrop": None,
    "CgroupnsMode": "host", "Dns": None, "DnsOptions": None, "DnsSearch": None, "ExtraHosts": None,
    "GroupAdd": None, "IpcMode": "private", "Cgroup": "", "Links": None, "OomScoreAdj": 0, "PidMode": "",
    "Privileged": False, "PublishAllPorts": False, "ReadonlyRootfs": False, "SecurityOpt": None, "UTSMode": "",
    "UsernsMode": "", "ShmSize": 67108864, "Runtime": "runc", "ConsoleSize": [0, 0], "Isolation": "default",
    "CpuShares": 0, "Memory": 0, "NanoCpus": 0, "CgroupParent": "", "BlkioWeight": 0, "BlkioWeightDevice": None,
    "BlkioDeviceReadBps": None, "BlkioDeviceWriteBps": None, "BlkioDeviceReadIOps": None,
    "BlkioDeviceWriteIOps": None, "CpuPeriod": 0, "CpuQuota": 0, "CpuRealtimePeriod": 0, "CpuRealtimeRuntime": 0,
    "CpusetCpus": "", "CpusetMems": "", "Devices": None, "DeviceCgroupRules": None, "DeviceRequests": None,
    "KernelMemory": 0, "KernelMemoryTCP": 0, "MemoryReservation": 0, "MemorySwap": 0, "MemorySwappiness": None,
    "OomKillDisable": False, "PidsLimit": None, "Ulimits": [], "CpuCount": 0, "CpuPercent": 0, "IOMaximumIOps": 0,
    "IOMaximumBandwidth": 0,
}


def host_config_json(config: ContainerConfig, mode: str, bindings: Json) -> Json:
    """HostConfig as inspect shows it: Docker's defaults, and what was asked for."""
    policy = "" if config.restart_policy == "no" and "com.docker.swarm.task.id" in config.labels \
        else config.restart_policy
    return {
        **_ZERO, **options_json(config),
        "NetworkMode": mode, "PortBindings": bindings,
        "RestartPolicy": {"Name": policy, "MaximumRetryCount": config.restart_max},
        "AutoRemove": config.auto_remove,
        "CapAdd": config.cap_add or None, "CapDrop": config.cap_drop or None,
        "ExtraHosts": config.extra_hosts or None,
        "Privileged": config.privileged, "ReadonlyRootfs": config.read_only,
        "MaskedPaths": None if config.privileged else MASKED,
        "ReadonlyPaths": None if config.privileged else READONLY,
        "Init": config.init,
        **mount_request.host_config_part(config),
    }
