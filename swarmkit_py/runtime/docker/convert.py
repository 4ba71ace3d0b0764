"""Owns how a ContainerConfig is asked of a Docker Engine, and how its answers read as a Container. Pure.

Counterpart: moby/daemon/cluster/executor/container/container.go (from our words to Docker's).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from swarmkit_py.clock import ZERO_TIME
from swarmkit_py.model.mounts import DNSConfig
from swarmkit_py.runtime.base import Container, ContainerConfig, Sandbox
from swarmkit_py.runtime.docker.holder import HOLDER_IMAGE
from swarmkit_py.runtime.secret_files import without_data

OWNER_LABEL = "org.swarm-lab-kit.owner"
CONFIG_LABEL = "org.swarm-lab-kit.config"
HOLDER_LABEL = "org.swarm-lab-kit.holder"
OURS = (OWNER_LABEL, CONFIG_LABEL, HOLDER_LABEL)
"""Labels we keep our own notes in, so that a daemon that starts again needs no other record."""


def mode_of(config: ContainerConfig) -> str:
    return config.sandbox.mode if config.sandbox else "bridge"


def holder_request(config: ContainerConfig, owner: str, name: str) -> dict[str, Any]:
    """The container whose network namespace the real one joins. Name resolution belongs to the namespace's owner."""
    return {
        "Image": HOLDER_IMAGE, "Hostname": config.hostname or "",
        "Labels": {OWNER_LABEL: owner, HOLDER_LABEL: name},
        "HostConfig": {"NetworkMode": "none", "ExtraHosts": list(config.extra_hosts), "LogConfig": {"Type": "none"},
                       **_dns(config)},
    }


def container_request(config: ContainerConfig, owner: str, holder: str) -> dict[str, Any]:
    """Docker's body for `containers/create`; `holder` "" for a container on the host's network."""
    body: dict[str, Any] = {
        "Image": config.image, "Env": list(config.env), "WorkingDir": config.working_dir, "User": config.user,
        "Tty": config.tty, "OpenStdin": config.open_stdin, "StdinOnce": config.stdin_once,
        "AttachStdin": config.attach_stdin,
        "Labels": {**config.labels, OWNER_LABEL: owner, CONFIG_LABEL: _note(config), HOLDER_LABEL: holder},
        "HostConfig": _host_config(config, holder),
    }
    if config.volumes:
        body["Volumes"] = {path: {} for path in config.volumes}
    if config.command is not None:
        body["Entrypoint"] = list(config.command)
    if config.args is not None:
        body["Cmd"] = list(config.args)
    if config.stop_signal:
        body["StopSignal"] = config.stop_signal
    return body


def container_of(told: dict[str, Any], sandbox: Sandbox | None) -> Container:
    """What `containers/ID/json` says. Raises msgspec.ValidationError for a note that is not ours."""
    state = told["State"]
    return Container(
        id=told["Id"], name=told["Name"].lstrip("/"),
        config=msgspec.json.decode(told["Config"]["Labels"][CONFIG_LABEL], type=ContainerConfig),
        image_id=told["Image"], path=told["Path"], args=list(told["Args"] or ()), created=_time(told["Created"]),
        status=state["Status"], pid=state["Pid"], exit_code=state["ExitCode"], error=state["Error"],
        started_at=_time(state["StartedAt"]), finished_at=_time(state["FinishedAt"]),
        restart_count=told["RestartCount"], sandbox=sandbox, log_path=told["LogPath"],
    )


def _dns(config: ContainerConfig) -> dict[str, Any]:
    dns = config.dns or DNSConfig()
    return {"Dns": dns.nameservers or [], "DnsSearch": dns.search or [], "DnsOptions": dns.options or []}


def _host_config(config: ContainerConfig, holder: str) -> dict[str, Any]:
    return {
        "NetworkMode": f"container:{holder}" if holder else "host",
        "ReadonlyRootfs": config.read_only, "Init": config.init, "Privileged": config.privileged,
        "CapAdd": list(config.cap_add), "CapDrop": list(config.cap_drop),
        "RestartPolicy": {"Name": config.restart_policy, "MaximumRetryCount": config.restart_max},
        "AutoRemove": config.auto_remove,
        "Mounts": msgspec.to_builtins(config.mounts), "Binds": list(config.binds), "Tmpfs": dict(config.tmpfs),
        **_options(config),
    }


def _options(config: ContainerConfig) -> dict[str, Any]:
    """Limits and the like, which that engine keeps, or warns about, by itself."""
    found = config.limits
    return {
        "Memory": found.memory, "MemoryReservation": found.memory_reservation, "MemorySwap": found.memory_swap,
        "NanoCpus": found.nano_cpus, "CpuShares": found.cpu_shares, "CpuPeriod": found.cpu_period,
        "CpuQuota": found.cpu_quota, "CpusetCpus": found.cpuset_cpus, "CpusetMems": found.cpuset_mems,
        "PidsLimit": found.pids or None, "GroupAdd": list(config.groups), "Sysctls": dict(config.sysctls),
        "Ulimits": [{"Name": one.name, "Soft": one.soft, "Hard": one.hard} for one in config.ulimits],
        "LogConfig": {"Type": config.log.driver, "Config": dict(config.log.options)},
        "SecurityOpt": [f"seccomp={config.seccomp}"] if config.seccomp else [],
    }


def _note(config: ContainerConfig) -> str:
    return msgspec.json.encode(msgspec.structs.replace(config, files=without_data(config.files))).decode()


def _time(text: str) -> datetime:
    """Docker writes nanoseconds; Python's clock ends at micro."""
    whole, _, rest = text.rstrip("Z").partition(".")
    if whole.startswith("0001-"):
        return ZERO_TIME
    return datetime.fromisoformat(f"{whole}.{rest[:6]:0<6}+00:00")
