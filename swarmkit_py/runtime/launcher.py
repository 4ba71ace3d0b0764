"""Owns the way from a container as configured to a running process: files, bundle, conmon, attach, start.

One launch at a time per container (the engine's lock). Knows no names, no restart policy, no events.
Counterpart: moby/daemon/start.go (containerStart), moby/daemon/oci_linux.go (createSpec).
"""

from __future__ import annotations

import asyncio
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from swarmkit_py import errors
from swarmkit_py.model.container import Limits, LimitSupport, LogConfig
from swarmkit_py.runtime import capabilities, conmon, files, process
from swarmkit_py.runtime.attach import ConmonAttached
from swarmkit_py.runtime.base import Container, Image, Sandbox
from swarmkit_py.runtime.bundle import BundleSpec, IdMap, ProcessSpec, bundle_json
from swarmkit_py.runtime.cgroups import Cgroups
from swarmkit_py.runtime.mount_points import fill_volumes, oci_mount, root_propagation
from swarmkit_py.runtime.program import User, environment, find_user
from swarmkit_py.runtime.rotate import size_bytes
from swarmkit_py.runtime.storage import Storage

INIT_PATH = "/sbin/docker-init"
LOG_LIMIT = 10_000_000
"""Bytes per container; then conmon starts the file anew."""
BOUND_FILES = ("resolv.conf", "hostname", "hosts")


@dataclass(frozen=True)
class Running:
    """The processes of a started container, each with its start time (see process.start_time)."""

    pid: int
    pid_started: int
    conmon_pid: int
    conmon_started: int


class Launcher:
    """Starts containers' first processes."""

    def __init__(self, storage: Storage, shim: conmon.Shim, ids: IdMap, cgroups: Cgroups) -> None:
        self._storage, self._shim, self._ids, self._cgroups = storage, shim, ids, cgroups
        self._files = storage.files

    async def launch(
        self, container: Container, image: Image, sandbox: Sandbox, waiting: list[ConmonAttached]
    ) -> Running:
        """Run it; everyone in `waiting` gets its output from the first byte. Raises SwarmError."""
        merged = self._storage.mount(container.id, image)
        await asyncio.to_thread(fill_volumes, container.mounts, merged)
        self.write_bundle(container, image, sandbox)
        place = self._storage.place(container.id)
        started = await self._shim.create(
            container.id, place, log_options(container.config.log, self._storage.log(container.id)),
            stdio_options(container))
        running = Running(
            pid=started.pid, pid_started=process.start_time(started.pid),
            conmon_pid=started.conmon_pid, conmon_started=process.start_time(started.conmon_pid))
        try:
            for attached in waiting:
                await attached.bind(place.attach_socket)
            await self._shim.start(container.id)
        except BaseException:
            await self._shim.delete(container.id)
            raise
        return running

    def write_bundle(self, container: Container, image: Image, sandbox: Sandbox) -> None:
        """Mount the root and write config.json and the three files. Raises SwarmError."""
        merged = self._storage.mount(container.id, image)
        home = self._storage.home(container.id)
        hostname = effective_hostname(container)
        spec = BundleSpec(
            process=self.process_spec(container, image, merged, hostname),
            rootfs=str(merged),
            hostname=hostname,
            network_path=sandbox.path,
            ids=self._ids,
            read_only=container.config.read_only,
            privileged=container.config.privileged,
            binds=(*((str(home / name), f"/etc/{name}") for name in BOUND_FILES), *_init_bind(container)),
            cgroup=self._cgroups.path(container.id),
            limits=possible(container.config.limits, self._cgroups.support()),
            sysctls=container.config.sysctls,
            seccomp=container.config.seccomp != "unconfined",
            mounts=(*map(oci_mount, container.mounts), *self._files.binds(container.id, container.config.files)),
            root_propagation=root_propagation(container.mounts, _read(Path("/proc/self/mountinfo"))),
        )
        self._storage.write_bundle(container.id, bundle_json(spec), {
            "hostname": hostname + "\n",
            "hosts": files.hosts(hostname, sandbox, container.config.extra_hosts),
            "resolv.conf": files.resolv_conf(
                _read(Path("/etc/resolv.conf")), own_namespace=bool(sandbox.path), resolver=sandbox.resolver,
                dns=container.config.dns),
        })

    def process_spec(self, container: Container, image: Image, merged: Path, hostname: str) -> ProcessSpec:
        """The container's first process. Raises errors.InvalidArgument for a user that is not there."""
        config = container.config
        wanted = config.user or str(image.config.get("User") or "")
        return ProcessSpec(
            args=[*([INIT_PATH, "--"] if config.init else []), container.path, *container.args],
            env=environment(config, image, hostname),
            working_dir=config.working_dir or str(image.config.get("WorkingDir") or "/"),
            user=self.user(wanted, merged, config.groups),
            capabilities=capabilities.effective(config.cap_add, config.cap_drop, privileged=config.privileged),
            tty=config.tty,
            ulimits=tuple(config.ulimits),
        )

    def user(self, wanted: str, merged: Path, groups: list[str]) -> User:
        """`wanted` against the container's own files, and against the ids this sandbox has."""
        if not wanted and not groups:
            return User()
        user = find_user(wanted, _read(merged / "etc/passwd"), _read(merged / "etc/group"), groups)
        if not self._ids.has_uid(user.uid) or not self._ids.has_gid(user.gid):
            raise errors.InvalidArgument(
                f"user {wanted} (uid {user.uid}, gid {user.gid}) does not exist in this sandbox, which has too few "
                "user ids; run as root in the container, or give your account a range in /etc/subuid and /etc/subgid")
        return user


def effective_hostname(container: Container) -> str:
    """As asked, the host's in host mode, else the first 12 digits of the id."""
    sandbox = container.config.sandbox
    own = socket.gethostname() if sandbox is not None and sandbox.mode == "host" else container.id[:12]
    return container.config.hostname or own


def stdio_options(container: Container) -> list[str]:
    """conmon's flags for terminal and stdin."""
    config = container.config
    options = ["-t"] if config.tty else []
    if config.open_stdin:
        options += ["-i"] if config.stdin_once else ["-i", "--leave-stdin-open"]
    return options


def possible(limits: Limits, support: LimitSupport) -> Limits:
    """Without those that this machine cannot keep (said when it was created): runc would refuse to start it."""
    return Limits(
        memory=limits.memory if support.memory else 0,
        memory_reservation=limits.memory_reservation if support.memory else 0,
        memory_swap=(limits.memory_swap or 2 * limits.memory) if support.swap else 0,
        nano_cpus=limits.nano_cpus if support.cpu else 0, cpu_shares=limits.cpu_shares if support.cpu else 0,
        cpu_period=limits.cpu_period if support.cpu else 0, cpu_quota=limits.cpu_quota if support.cpu else 0,
        cpuset_cpus=limits.cpuset_cpus if support.cpuset else "",
        cpuset_mems=limits.cpuset_mems if support.cpuset else "",
        pids=limits.pids if support.pids else 0)


def init_program() -> str:
    """Docker's `docker-init` is tini. Raises errors.InvalidArgument where it is not installed."""
    for name in ("docker-init", "tini-static", "tini"):
        found = shutil.which(name, path="/usr/local/bin:/usr/bin:/usr/sbin:/sbin:/bin")
        if found:
            return found
    raise errors.InvalidArgument("--init needs the program tini: run `apt-get install tini`, or start without it")


def _init_bind(container: Container) -> list[tuple[str, str]]:
    return [(init_program(), INIT_PATH)] if container.config.init else []


def log_options(config: LogConfig, path: Path) -> list[str]:
    """conmon's flags for where the output goes. With max-size we rotate (`runtime.rotate`); conmon's own limit, at
    which it starts the file anew, is then only a bound for the time that nobody rotates."""
    if config.driver == "none":
        return ["-l", "none"]
    limit = size_bytes(config.options.get("max-size", ""))
    return ["-l", f"k8s-file:{path}", "--log-size-max", str(10 * limit if limit else LOG_LIMIT)]


def _read(path: Path) -> str:
    """A small text file, "" if it is not a plain file (a container may have put a link there)."""
    try:
        return "" if path.is_symlink() and path.parent.name == "etc" and path.parent.parent.name == "merged" \
            else path.read_text(errors="replace")
    except OSError:
        return ""
