"""Owns the calls about the daemon itself: ping, version, info, disk use, and the empty lists of what is not there.

Counterpart: moby/api/server/router/system/system_routes.go, daemon/info.go.
"""

from __future__ import annotations

import platform

from aiohttp import web

from swarmkit_py import __version__
from swarmkit_py.docker_api.answers import API_VERSION, HEADERS, MIN_API_VERSION, json_answer, version_text
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.convert import Json, plain
from swarmkit_py.docker_api.convert_cluster import cluster_json
from swarmkit_py.docker_api.convert_container import container_summary
from swarmkit_py.docker_api.convert_image import image_summary, layers_size, shared_size
from swarmkit_py.docker_api.machine import (
    ARCHITECTURES,
    cgroup_version,
    cpus,
    forwards_ipv4,
    memory_bytes,
    operating_system,
)
from swarmkit_py.docker_api.routes.containers import image_of, network_names
from swarmkit_py.docker_api.routes.volumes import volumes_usage
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.errors import SwarmError
from swarmkit_py.manager import quorum
from swarmkit_py.model.container import LimitSupport
from swarmkit_py.model.states import Role

WARNINGS = [
    "WARNING: this engine is swarmkit_py, made for learning: docs/differences.md says what is not there",
]
PLUGINS: Json = {
    "Volume": [], "Network": ["bridge", "host", "null", "overlay"], "Authorization": None, "Log": ["json-file"],
}


async def ping(call: Call) -> web.StreamResponse:
    """The `Api-Version` header of this answer is what clients negotiate by."""
    state = call.backend.swarm_info()
    role = "manager" if state.control_available else "worker"
    swarm = f"{state.local_node_state}/{role}" if state.local_node_state == "active" else state.local_node_state
    headers = {**HEADERS, "Cache-Control": "no-cache, no-store, must-revalidate",
               "Pragma": "no-cache", "Swarm": swarm}
    return web.Response(text="OK", headers=headers)


async def version(call: Call) -> web.StreamResponse:
    machine = platform.machine()
    shared: Json = {
        "ApiVersion": version_text(API_VERSION), "Arch": ARCHITECTURES.get(machine, machine),
        "GoVersion": "none (Python " + platform.python_version() + ")", "KernelVersion": platform.release(),
        "MinAPIVersion": version_text(MIN_API_VERSION), "Os": "linux",
    }
    details = {**shared, "Experimental": "false", "GitCommit": "", "BuildTime": ""}
    return json_answer({
        "Platform": {"Name": "swarmkit_py"},
        "Components": [{"Name": "Engine", "Version": __version__, "Details": details}],
        "Version": __version__, "GitCommit": "", "BuildTime": "", **shared,
    })


async def info(call: Call) -> web.StreamResponse:
    containers = call.backend.engine.all()
    limits = _limits(call)
    limits["Warnings"] += _manager_warnings(call)
    running = sum(container.status == "running" for container in containers)
    stopped = sum(not container.running for container in containers)
    return json_answer({
        "ID": call.backend.daemon_id, "Containers": len(containers), "ContainersRunning": running,
        "ContainersPaused": sum(container.status == "paused" for container in containers),
        "ContainersStopped": stopped,
        "Images": len(call.backend.images.all()), **_ENGINE,
        "SystemTime": call.backend.clock.now(), "KernelVersion": platform.release(),
        "OperatingSystem": operating_system(), "OSVersion": "", "OSType": "linux", "Architecture": platform.machine(),
        "CgroupVersion": cgroup_version(), "IPv4Forwarding": forwards_ipv4(), "NCPU": cpus(),
        "MemTotal": memory_bytes(), "DockerRootDir": call.backend.data_root,
        "Name": call.backend.hostname, "ServerVersion": __version__, "Swarm": _swarm(call), **limits,
    })


def _manager_warnings(call: Call) -> list[str]:
    """How near the swarm is to losing its managers' majority; nothing where nobody can tell."""
    try:
        return quorum.warnings(call.view().list_nodes())
    except SwarmError:
        return []


def _limits(call: Call) -> Json:
    """What can be limited, and Docker's warning for each thing that cannot."""
    extras = call.backend.engine.extras
    support = extras.limit_support() if extras is not None else LimitSupport()
    missing = {
        "memory": support.memory, "swap": support.swap, "cpu cfs quota": support.cpu, "cpu shares": support.cpu,
        "cpuset": support.cpuset, "pids": support.pids,
    }
    warnings = [f"WARNING: No {name} limit support" if name in ("memory", "swap", "pids")
                else f"WARNING: No {name} support" for name, there in missing.items() if not there]
    return {
        "MemoryLimit": support.memory, "SwapLimit": support.swap, "CpuCfsPeriod": support.cpu,
        "CpuCfsQuota": support.cpu, "CPUShares": support.cpu, "CPUSet": support.cpuset, "PidsLimit": support.pids,
        "CgroupDriver": "cgroupfs" if support != LimitSupport() else "none", "Warnings": [*WARNINGS, *warnings],
    }


_ENGINE: Json = {
    "Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "overlayfs"]], "Plugins": PLUGINS,
    "KernelMemory": False, "KernelMemoryTCP": False,
    "BridgeNfIptables": False, "BridgeNfIp6tables": False, "Debug": False, "NFd": 0, "OomKillDisable": False,
    "NGoroutines": 0, "LoggingDriver": "json-file",
    "NEventsListener": 0, "IndexServerAddress": "", "RegistryConfig": None, "GenericResources": None,
    "HttpProxy": "", "HttpsProxy": "", "NoProxy": "", "Labels": [], "ExperimentalBuild": False, "ClusterStore": "",
    "ClusterAdvertise": "", "Runtimes": {"runc": {"path": "runc"}}, "DefaultRuntime": "runc",
    "LiveRestoreEnabled": False, "Isolation": "", "InitBinary": "", "ContainerdCommit": {"ID": "", "Expected": ""},
    "RuncCommit": {"ID": "", "Expected": ""}, "InitCommit": {"ID": "", "Expected": ""}, "SecurityOptions": [],
    "DefaultAddressPools": None,
}


def _swarm(call: Call) -> Json:
    """The Swarm part: what the node knows of itself, and on a manager the cluster."""
    state = call.backend.swarm_info()
    answer: Json = {
        "NodeID": state.node_id, "NodeAddr": state.node_addr, "LocalNodeState": state.local_node_state,
        "ControlAvailable": state.control_available, "Error": state.error,
        "RemoteManagers": plain(state.remote_managers) or None,
    }
    if not state.control_available:
        return answer
    try:
        control = call.view()
        nodes = control.list_nodes()
        answer["Nodes"] = len(nodes)
        answer["Managers"] = sum(node.spec.role is Role.MANAGER for node in nodes)
        answer["Cluster"] = cluster_json(control.get_cluster(), tokens=False)
    except SwarmError as error:
        answer["Error"] = error.wire_text()  # `docker info` must answer, whatever the swarm is in
    return answer


async def disk_usage(call: Call) -> web.StreamResponse:
    """Sizes of images are known; what containers wrote is not measured and shown as nothing."""
    containers, found = call.backend.engine.all(), call.backend.images.all()
    used = [container.image_id for container in containers]
    images = [{**image_summary(image, used.count(image.id)), "SharedSize": shared_size(image, found)}
              for image in found]
    names, now = network_names(call), call.backend.clock.now()
    shown = [container_summary(container, image_of(call, container.image_id), now, names) for container in containers]
    return json_answer({
        "LayersSize": layers_size(found), "Images": images, "Containers": shown, "Volumes": volumes_usage(call),
        "BuildCache": [], "BuilderSize": 0,
    })


async def plugins(call: Call) -> web.StreamResponse:
    return json_answer([])


ROUTES = [
    Route("GET", "/_ping", ping),
    Route("HEAD", "/_ping", ping),
    Route("GET", "/version", version),
    Route("GET", "/info", info),
    Route("GET", "/system/df", disk_usage),
    Route("GET", "/plugins", plugins),
]
