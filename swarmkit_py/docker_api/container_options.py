"""Owns the options of a container that say how it may behave: limits, log, health; read, checked, shown.

Counterpart: moby/daemon/daemon_unix.go (verifyPlatformContainerResources), daemon/logger/jsonfilelog (options).
"""

from __future__ import annotations

from typing import Any

import msgspec

from swarmkit_py.docker_api.convert import Json
from swarmkit_py.docker_api.machine import cpus
from swarmkit_py.errors import InvalidArgument, Unimplemented
from swarmkit_py.model.container import Health, HealthResult, Limits, LimitSupport, LogConfig, Ulimit, ulimits_of
from swarmkit_py.model.specs import HealthConfig
from swarmkit_py.runtime.base import ContainerConfig
from swarmkit_py.runtime.rotate import check_log

LEAST_MEMORY = 6 * 1024 * 1024


def health_config(body: Json) -> HealthConfig | None:
    """The Healthcheck of a request; None if nothing was said. Raises InvalidArgument."""
    if not body:
        return None
    try:
        return msgspec.convert(body, HealthConfig)
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"the request body does not fit: Healthcheck: {error}") from None


def limits(host: Json) -> Limits:
    """The limits in a HostConfig. Raises InvalidArgument with Docker's texts."""
    found = Limits(
        memory=_number(host, "Memory"), memory_reservation=_number(host, "MemoryReservation"),
        memory_swap=_number(host, "MemorySwap"), nano_cpus=_number(host, "NanoCpus"),
        cpu_shares=_number(host, "CpuShares"), cpu_period=_number(host, "CpuPeriod"),
        cpu_quota=_number(host, "CpuQuota"), cpuset_cpus=str(host.get("CpusetCpus", "")),
        cpuset_mems=str(host.get("CpusetMems", "")), pids=_number(host, "PidsLimit"))
    _check_memory(found)
    if found.nano_cpus < 0:
        raise InvalidArgument("NanoCPUs must be positive")
    if found.nano_cpus > cpus() * 1_000_000_000:
        raise InvalidArgument(f"Range of CPUs is from 0.01 to {cpus()}.00, as there are only {cpus()} CPUs available")
    if found.nano_cpus and (found.cpu_period or found.cpu_quota):
        raise InvalidArgument("Conflicting options: Nano CPUs and CPU Period/Quota cannot both be set.")
    return found


def _check_memory(found: Limits) -> None:
    if found.memory and found.memory < LEAST_MEMORY:
        raise InvalidArgument("Minimum memory limit allowed is 6MB")
    if 0 < found.memory < found.memory_reservation:
        raise InvalidArgument(
            "Minimum memory limit can not be less than memory reservation limit, see usage")
    if found.memory > 0 and 0 < found.memory_swap < found.memory:
        raise InvalidArgument("Minimum memoryswap limit should be larger than memory limit, see usage")
    if found.memory == 0 and found.memory_swap > 0:
        raise InvalidArgument("You should always set the Memory limit when using Memoryswap limit, see usage")


def limit_warnings(asked: Limits, support: LimitSupport) -> list[str]:
    """Docker's words for each limit that the kernel will not keep."""
    swap = asked.memory_swap not in (0, -1)
    rows = (
        (bool(asked.memory) and not support.memory,
         "Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation "
         "discarded."),
        (bool(asked.memory and support.memory) and not support.swap,
         "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without "
         "swap."),
        (swap and not support.memory, "Your kernel does not support swap limit capabilities. Limitation discarded."),
        (bool(asked.memory_reservation) and not support.memory,
         "Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation "
         "discarded."),
        (bool(asked.nano_cpus or asked.cpu_quota or asked.cpu_period) and not support.cpu,
         "Your kernel does not support CPU CFS quota or the cgroup is not mounted. Quota discarded."),
        (bool(asked.cpu_shares) and not support.cpu,
         "Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded."),
        (bool(asked.cpuset_cpus or asked.cpuset_mems) and not support.cpuset,
         "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded."),
        (bool(asked.pids) and not support.pids,
         "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded."),
    )
    return [text for said, text in rows if said]


def _number(host: Json, name: str) -> int:
    value = host.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgument(f"the request body does not fit: {name} must be of type int")
    return value


def ulimits(host: Json) -> list[Ulimit]:
    """Raises InvalidArgument for what is no list of `{"Name", "Soft", "Hard"}`."""
    entries = host.get("Ulimits", [])
    try:
        found = ulimits_of(entries)
    except (AttributeError, TypeError, ValueError):
        raise InvalidArgument('the request body does not fit: Ulimits must be a list of {"Name", "Soft", "Hard"}') \
            from None
    for one in found:
        if 0 <= one.hard < one.soft or (one.soft == -1 and one.hard != -1):
            raise InvalidArgument(f"ulimit soft limit must be less than or equal to hard limit: "
                                  f"{one.soft} > {one.hard}")
    return found


def log_config(body: Json) -> LogConfig:
    """Raises InvalidArgument for unknown options, Unimplemented for drivers that send elsewhere."""
    driver, options = str(body.get("Type", "")) or "json-file", body.get("Config", {})
    if not isinstance(options, dict):
        raise InvalidArgument("the request body does not fit: LogConfig.Config must be of type dict")
    check_log(driver, options)
    return LogConfig(driver=driver, options={str(key): str(value) for key, value in options.items()})


def seccomp(options: list[str]) -> str:
    """"" for the default profile, `unconfined` for none. Raises Unimplemented for profiles of one's own."""
    chosen = ""
    for option in options:
        name, _, value = option.replace(":", "=", 1).partition("=")
        if name == "seccomp" and value in ("unconfined", "default", "builtin"):
            chosen = "unconfined" if value == "unconfined" else ""
        elif option in ("apparmor=unconfined", "label=disable"):
            continue  # there is neither here
        else:
            raise Unimplemented(f"--security-opt {option[:60]} is not there in this kit: seccomp=unconfined is")
    return chosen


def options_json(config: ContainerConfig) -> Json:
    """These options in HostConfig's fields."""
    found = config.limits
    return {
        "Memory": found.memory, "MemoryReservation": found.memory_reservation, "MemorySwap": found.memory_swap,
        "NanoCpus": found.nano_cpus, "CpuShares": found.cpu_shares, "CpuPeriod": found.cpu_period,
        "CpuQuota": found.cpu_quota, "CpusetCpus": found.cpuset_cpus, "CpusetMems": found.cpuset_mems,
        "PidsLimit": found.pids or None,
        "Ulimits": [{"Name": one.name, "Hard": one.hard, "Soft": one.soft} for one in config.ulimits],
        "GroupAdd": config.groups or None,
        "LogConfig": {"Type": config.log.driver, "Config": dict(config.log.options)},
        "SecurityOpt": [f"seccomp={config.seccomp}"] if config.seccomp else None,
        **({"Sysctls": dict(config.sysctls)} if config.sysctls else {}),
    }


def health_json(health: Health) -> Json:
    """State.Health of inspect."""
    return {"Status": health.status, "FailingStreak": health.failing_streak,
            "Log": [_result(one) for one in health.log]}


def _result(one: HealthResult) -> dict[str, Any]:
    return {"Start": one.start, "End": one.end, "ExitCode": one.exit_code, "Output": one.output}
