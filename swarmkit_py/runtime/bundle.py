"""Owns the OCI runtime bundle of a container: config.json as a pure function of what is wanted.

Knows no disk and no process. Docker's defaults, with two differences that the sandbox asks for: cgroups (and so
limits) only where they were handed to us, never shown in the container, and no `gid=5` on /dev/pts where that group
has no mapping.
Counterpart: moby/oci/defaults.go, moby/daemon/oci_linux.go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from swarmkit_py.model.container import Limits, Ulimit
from swarmkit_py.runtime.program import User
from swarmkit_py.runtime.seccomp import profile

MASKED_PATHS = (
    "/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
TTY_GROUP = 5


@dataclass(frozen=True)
class IdMap:
    """Which user and group ids exist in our user namespace: (first inside, count) ranges."""

    uids: tuple[tuple[int, int], ...] = ((0, 2**32 - 1),)
    gids: tuple[tuple[int, int], ...] = ((0, 2**32 - 1),)
    setgroups: bool = True

    def has_uid(self, uid: int) -> bool:
        return any(first <= uid < first + count for first, count in self.uids)

    def has_gid(self, gid: int) -> bool:
        return any(first <= gid < first + count for first, count in self.gids)

    @property
    def is_initial(self) -> bool:
        """Are these all ids there are (no user namespace of our own)?"""
        return self.uids == ((0, 2**32 - 1),)


@dataclass(frozen=True)
class ProcessSpec:
    """One process: a container's first, or an exec."""

    args: list[str]
    env: list[str]
    working_dir: str = "/"
    user: User = User()
    capabilities: list[str] = field(default_factory=list)
    tty: bool = False
    ulimits: tuple[Ulimit, ...] = ()


@dataclass(frozen=True)
class BundleSpec:
    """Everything config.json depends on. `binds`: (file on the host, path in the container)."""

    process: ProcessSpec
    rootfs: str
    hostname: str
    network_path: str
    """"" shares the network namespace of the host."""
    ids: IdMap
    read_only: bool = False
    privileged: bool = False
    binds: tuple[tuple[str, str], ...] = ()
    cgroup: str = ""
    """Where runc puts the container below each hierarchy; "": in none."""
    limits: Limits = Limits()
    sysctls: dict[str, str] = field(default_factory=dict)
    seccomp: bool = True
    mounts: tuple[dict[str, Any], ...] = ()
    """What was asked for, as config.json has it; it takes the place of a default at the same path."""
    root_propagation: str = ""


def process_json(spec: ProcessSpec, ids: IdMap) -> dict[str, Any]:
    """The `process` object; also what an exec is given."""
    user: dict[str, Any] = {"uid": spec.user.uid, "gid": spec.user.gid}
    if spec.user.groups and ids.setgroups:
        user["additionalGids"] = [gid for gid in spec.user.groups if ids.has_gid(gid)]
    held = spec.capabilities if spec.user.uid == 0 else []
    return {
        "terminal": spec.tty,
        "user": user,
        "args": spec.args,
        "env": spec.env,
        "cwd": spec.working_dir or "/",
        "capabilities": {
            "bounding": spec.capabilities, "permitted": held, "effective": held, "inheritable": [], "ambient": [],
        },
        "noNewPrivileges": False,
        **({"rlimits": [_rlimit(one) for one in spec.ulimits]} if spec.ulimits else {}),
    }


def _rlimit(one: Ulimit) -> dict[str, Any]:
    unlimited = 2**64 - 1
    return {"type": f"RLIMIT_{one.name.upper()}", "soft": one.soft % (unlimited + 1),
            "hard": one.hard % (unlimited + 1)}


def mounts(spec: BundleSpec) -> list[dict[str, Any]]:
    """Docker's file systems, then its three files, then what was asked for."""
    pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
    if spec.ids.has_gid(TTY_GROUP):
        pts.append(f"gid={TTY_GROUP}")
    plain = ["nosuid", "noexec", "nodev"]
    access = "rw" if spec.privileged else "ro"
    sysfs = _mount("/sys", "sysfs", "sysfs", [*plain, access])
    if not spec.network_path:
        # A sysfs shows the network namespace of who mounts it; in the host's own one the kernel wants the host's.
        sysfs = _mount("/sys", "none", "/sys", ["rbind", *plain, access])
    defaults = [
        _mount("/proc", "proc", "proc", plain),
        _mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _mount("/dev/pts", "devpts", "devpts", pts),
        sysfs,
        _mount("/dev/mqueue", "mqueue", "mqueue", plain),
        _mount("/dev/shm", "tmpfs", "shm", [*plain, "mode=1777", "size=65536k"]),
        *(_mount(target, "bind", source, ["rbind", "rprivate", "rw"]) for source, target in spec.binds),
    ]
    taken = {each["destination"] for each in spec.mounts}
    return [*(each for each in defaults if each["destination"] not in taken), *spec.mounts]


def _mount(target: str, kind: str, source: str, options: list[str]) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source, "options": options}


CPU_PERIOD = 100_000
"""Microseconds; a share of a CPU is a quota of this."""


def resources(limits: Limits) -> dict[str, Any]:
    """The `linux.resources` of limits."""
    found: dict[str, Any] = {}
    memory = {"limit": limits.memory, "reservation": limits.memory_reservation,
              "swap": limits.memory_swap}
    if memory := {name: value for name, value in memory.items() if value}:
        found["memory"] = memory
    quota = limits.nano_cpus * CPU_PERIOD // 1_000_000_000 if limits.nano_cpus else limits.cpu_quota
    cpu = {"shares": limits.cpu_shares, "quota": quota, "period": limits.cpu_period or (CPU_PERIOD if quota else 0),
           "cpus": limits.cpuset_cpus, "mems": limits.cpuset_mems}
    if cpu := {name: value for name, value in cpu.items() if value}:
        found["cpu"] = cpu
    if limits.pids:
        found["pids"] = {"limit": limits.pids}
    return found


def bundle_json(spec: BundleSpec) -> dict[str, Any]:
    """config.json."""
    namespaces: list[dict[str, str]] = [{"type": kind} for kind in ("mount", "uts", "pid", "ipc")]
    linux: dict[str, Any] = {"resources": resources(spec.limits) if spec.cgroup else {}}
    if spec.cgroup:
        linux["cgroupsPath"] = spec.cgroup
    if spec.network_path:
        namespaces.append({"type": "network", "path": spec.network_path})
        linux["sysctl"] = {"net.ipv4.ip_unprivileged_port_start": "0"}
    if spec.sysctls:
        linux["sysctl"] = {**linux.get("sysctl", {}), **spec.sysctls}
    linux["namespaces"] = namespaces
    if spec.root_propagation:
        linux["rootfsPropagation"] = spec.root_propagation
    if not spec.privileged:
        linux |= {"maskedPaths": list(MASKED_PATHS), "readonlyPaths": list(READONLY_PATHS)}
        if spec.seccomp:
            linux["seccomp"] = profile(spec.process.capabilities)
    return {
        "ociVersion": "1.0.2",
        "process": process_json(spec.process, spec.ids),
        "root": {"path": spec.rootfs, "readonly": spec.read_only},
        "hostname": spec.hostname,
        "mounts": mounts(spec),
        "linux": linux,
    }
