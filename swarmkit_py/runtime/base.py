"""Owns the words for containers on one machine, and the protocols of what runs them.

`ContainerEngine` is what the agent (tasks) and the Docker API (`docker run`, `ps`, `logs`, `exec`) both use, so
that `docker ps` on a worker shows the swarm's tasks, as with Docker. `runtime.engine` implements it on an
`OCIRuntime` (runc + conmon); `runtime.fake` implements it with timing only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from msgspec import field

from swarmkit_py.clock import ZERO_TIME
from swarmkit_py.model.base import Model
from swarmkit_py.model.container import Health, Limits, LogConfig, Ulimit
from swarmkit_py.model.local import LocalAddress, LocalPlace
from swarmkit_py.model.mounts import DNSConfig, Mount
from swarmkit_py.model.specs import HealthConfig
from swarmkit_py.runtime.base_extras import ContainerExtras
from swarmkit_py.runtime.base_mounts import ContainerFile, MountPoint


class PortMapping(Model, frozen=True, kw_only=True):
    """A port of this machine that leads into one container (`docker run -p`, host-mode service ports)."""

    protocol: str = "tcp"
    published_port: int = 0
    target_port: int = 0
    last_port: int = 0  # with a range: the first free one from `published_port` to this
    host: str = ""  # the machine's address that it is published on, "" for all


class OverlayAddress(Model, frozen=True, kw_only=True):
    """A place on an overlay network; `address` with prefix, `address6` filled in by the node where there is one. For
    containers of one's own only: the network's name, the task that stands for the place, the interface inside."""

    network_id: str
    address: str
    address6: str = ""
    network: str = ""
    attachment: str = ""
    interface: str = ""


class SandboxSpec(Model, frozen=True, kw_only=True):
    """The network namespace one container gets. `mode`: `task` (overlays + gateway bridge), `bridge` (docker0, or
    the networks in `locals` and `overlays`), `unplugged` (on no network until it is connected to one), `none`,
    `host` (no namespace of its own)."""

    id: str
    mode: str = "bridge"
    overlays: list[OverlayAddress] = field(default_factory=list)
    ports: list[PortMapping] = field(default_factory=list)
    namespace: str = ""
    """The file of a network namespace that is already there (another engine made it); "": make one."""
    nameservers: list[str] = field(default_factory=list)
    """Who is asked for names that are not the swarm's (`--dns`); empty: whom the host asks."""
    locals: list[LocalPlace] = field(default_factory=list)
    """`bridge` only: networks of this machine, in the place of docker0 (which `bridge` among them stands for)."""
    names: list[str] = field(default_factory=list)
    """What others on those networks know the container by."""
    keeps_source: bool = False
    """`task` only: clients of the routing mesh come with their own addresses, and are answered by the
    node that they came in by."""


class Sandbox(Model, frozen=True, kw_only=True):
    """What the network made of a SandboxSpec. `path` is the namespace's file ("" for host mode); addresses have
    prefixes; `ports` have their published numbers filled in; `resolver` is the address that answers names inside, ""
    if none does; what it shares with the spec is as said there."""

    id: str
    path: str = ""
    resolver: str = ""
    nameservers: list[str] = field(default_factory=list)
    bridge_address: str = ""
    bridge_gateway: str = ""
    bridge_interface: str = ""
    """Where it is plugged into docker0 or docker_gwbridge; "": after the overlays."""
    overlays: list[OverlayAddress] = field(default_factory=list)
    ports: list[PortMapping] = field(default_factory=list)
    locals: list[LocalAddress] = field(default_factory=list)
    keeps_source: bool = False

    @property
    def network_ids(self) -> list[str]:
        """Of the networks it is on, but those that every machine has."""
        return [place.network_id for place in self.overlays] + [place.network_id for place in self.locals]

    @property
    def outer_address(self) -> str:
        """With prefix: where its published ports lead; "" if nobody outside reaches it."""
        outward = (place.address for place in self.locals if place.gateway)
        return self.bridge_address or next(outward, "")


class SandboxNetwork(Protocol):
    """What the container engine needs of the network. Implemented by `network.controller`."""

    async def create_sandbox(self, spec: SandboxSpec) -> Sandbox:
        """Make the namespace and plug it in. Idempotent by id. Raises errors.Conflict for a taken host port."""

    async def change_sandbox(self, spec: SandboxSpec) -> Sandbox:
        """Make the networks of a sandbox that is there those of `spec`; what it keeps is not touched, nor are its
        published ports. Raises errors.NotFound, and what `create_sandbox` raises: then all is as before."""

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """Remove its every trace: namespace, links, addresses, rules. Idempotent."""

    def get_sandbox(self, sandbox_id: str) -> Sandbox | None:
        """The sandbox as made, or None."""


class ContainerConfig(Model, frozen=True, kw_only=True):
    """What is asked of a container, after Docker's Config + HostConfig. `command` is the entrypoint."""

    image: str
    name: str = ""
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[str] = field(default_factory=list)
    working_dir: str = ""
    user: str = ""
    hostname: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    attach_stdin: bool = False
    read_only: bool = False
    init: bool = False
    cap_add: list[str] = field(default_factory=list)
    cap_drop: list[str] = field(default_factory=list)
    privileged: bool = False
    extra_hosts: list[str] = field(default_factory=list)
    """`name:address` lines for /etc/hosts."""
    stop_signal: str = ""
    stop_grace: float = 10.0
    """Seconds between the stop signal and SIGKILL."""
    restart_policy: str = "no"
    """`no`, `always`, `unless-stopped`, `on-failure`: for plain containers only, tasks are the swarm's affair."""
    restart_max: int = 0
    auto_remove: bool = False
    sandbox: SandboxSpec | None = None
    """None: bridge mode without ports. Its `id` is ignored: the container's id is used."""
    health: HealthConfig | None = None
    """As asked; the engine fills in what the image says."""
    limits: Limits = Limits()
    ulimits: list[Ulimit] = field(default_factory=list)
    sysctls: dict[str, str] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    """Additional groups of the process, by name or number."""
    log: LogConfig = LogConfig()
    seccomp: str = ""
    """"" for the default profile, `unconfined` for none."""
    attach_stdout: bool = False
    attach_stderr: bool = False
    """What the client attached to at the start; only shown again."""
    files: list[ContainerFile] = field(default_factory=list)
    mounts: list[Mount] = field(default_factory=list)
    binds: list[str] = field(default_factory=list)
    """`-v` with a source: `/on/host:/inside[:mode]`, `volume:/inside[:mode]`."""
    volumes: list[str] = field(default_factory=list)
    """`-v` without one: paths that get an anonymous volume, beside those that the image names."""
    tmpfs: dict[str, str] = field(default_factory=dict)
    """`--tmpfs`: path → mount options."""
    dns: DNSConfig | None = None
    """What stands in /etc/resolv.conf instead of the host's lines."""


class Container(Model, frozen=True, kw_only=True):
    """A container as it is now. `status`: created, running, paused, restarting (between two runs), exited,
    removing, dead (Docker's words). A paused one counts as running, as with Docker.

    `image_id` is `sha256:…`; `pid` is in the pid namespace of the daemon; `sandbox` is None before start."""

    id: str
    name: str
    config: ContainerConfig
    image_id: str
    path: str = ""
    args: list[str] = field(default_factory=list)
    """The program and its arguments, entrypoint and image defaults resolved."""
    created: datetime = ZERO_TIME
    status: str = "created"
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    started_at: datetime = ZERO_TIME
    finished_at: datetime = ZERO_TIME
    restart_count: int = 0
    sandbox: Sandbox | None = None
    log_path: str = ""
    health: Health | None = None
    """None: no health check. Kept after its end, as with Docker."""
    oom_killed: bool = False
    mounts: list[MountPoint] = field(default_factory=list)
    """Without those that Docker makes for itself, and without secrets and configs."""

    @property
    def running(self) -> bool:
        return self.status in ("running", "paused")


class LogLine(Model, frozen=True, kw_only=True):
    """One line of output. `stream` is `stdout` or `stderr`; `data` ends with a newline unless it was cut."""

    time: datetime
    stream: str
    data: bytes


class LogOptions(Model, frozen=True, kw_only=True):
    """`tail` < 0: all; `since`/`until` None: no limit."""

    stdout: bool = True
    stderr: bool = True
    follow: bool = False
    tail: int = -1
    since: datetime | None = None
    until: datetime | None = None


class Attached(Protocol):
    """A live connection to a process's stdio (attach, exec)."""

    def output(self) -> AsyncIterator[tuple[str, bytes]]:
        """(`stdout`|`stderr`, bytes) until the process ends; with a tty all is `stdout`."""

    async def write(self, data: bytes) -> None:
        """To the process's stdin."""

    async def close_stdin(self) -> None:
        """EOF for the process; its output goes on."""

    async def close(self) -> None:
        """Let go of the connection; the process lives on (attach) or is left to end (exec)."""


class ExecConfig(Model, frozen=True, kw_only=True):
    """`docker exec`: a further process in a running container."""

    args: list[str]
    tty: bool = False
    attach_stdin: bool = False
    attach_stdout: bool = True
    attach_stderr: bool = True
    env: list[str] = field(default_factory=list)
    user: str = ""
    working_dir: str = ""
    privileged: bool = False


class Exec(Model, frozen=True, kw_only=True):
    id: str
    container_id: str
    config: ExecConfig
    running: bool = False
    exit_code: int | None = None
    pid: int = 0


class ContainerEvent(Model, frozen=True, kw_only=True):
    """`action`: create, start, die, stop, kill, destroy, exec_create: …, as Docker names them."""

    time: datetime
    action: str
    container: Container
    attributes: dict[str, str] = field(default_factory=dict)


class ContainerEngine(Protocol):
    """All containers of this machine. Raises errors.NotFound `No such container: x`, errors.Conflict with
    Docker's texts, errors.NotFound `No such image: x:tag` on create."""

    extras: ContainerExtras | None
    """None where an engine has none of these."""

    async def create(self, config: ContainerConfig) -> Container:
        """Root file system, bundle and name are reserved; nothing runs yet."""

    async def start(self, ref: str) -> Container:
        """Network sandbox, then the process. Starting a running container is a no-op."""

    async def stop(self, ref: str, grace: float | None = None) -> None:
        """Stop signal, wait `grace` seconds (None: the container's own), then SIGKILL. Returns once it ended."""

    async def kill(self, ref: str, signal: str = "KILL") -> None:
        """Raises errors.Conflict if it is not running."""

    async def wait(self, ref: str, condition: str = "not-running") -> int:
        """The exit code, at the next end (`next-exit`), removal (`removed`), or at once if not running."""

    async def remove(self, ref: str, force: bool = False, *, volumes: bool = False) -> None:
        """Every trace of it, with `volumes` also its anonymous volumes. Raises errors.Conflict if it runs and not
        `force`."""

    async def rename(self, ref: str, name: str) -> None: ...

    def get(self, ref: str) -> Container:
        """By full id, name (with or without leading slash) or unique id prefix."""

    def all(self) -> list[Container]:
        """All, newest first."""

    def logs(self, ref: str, options: LogOptions) -> AsyncIterator[LogLine]:
        """Stored lines, then, with `follow`, new ones until the container ends."""

    async def attach(self, ref: str) -> Attached:
        """May be called before start: then output is delivered from the first byte."""

    async def resize(self, ref: str, rows: int, columns: int) -> None: ...

    async def top(self, ref: str) -> list[tuple[int, str]]:
        """(pid, command line) of every process in the container."""

    def exec_create(self, ref: str, config: ExecConfig) -> Exec: ...

    async def exec_start(self, exec_id: str) -> Attached: ...

    async def exec_resize(self, exec_id: str, rows: int, columns: int) -> None: ...

    def exec_get(self, exec_id: str) -> Exec: ...

    def subscribe(self) -> AsyncIterator[ContainerEvent]:
        """Events from now on; close the iterator (`aclose`) to unsubscribe."""


class Image(Model, frozen=True, kw_only=True):
    """An image on this machine. `config` is the OCI image config's `config` object (Env, Cmd, Entrypoint, …)."""

    id: str
    tags: list[str] = field(default_factory=list)
    """Familiar references with tags: `nginx:latest`, `nginx:1.18`."""
    digest: str = ""
    created: datetime = ZERO_TIME
    size: int = 0
    architecture: str = "amd64"
    os: str = "linux"
    config: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    rootfs: str = ""
    """The unpacked file system, read-only: overlayfs's lowerdir option, directories joined by `:`, top first, a
    colon inside a path written `\\:`."""
    digests: list[str] = field(default_factory=list)
    """Where a registry (or the kit's own images, which stand for one) has it: `nginx@sha256:…`."""
    diff_ids: list[str] = field(default_factory=list)
    """The layers' digests, bottom first."""
    layer_sizes: list[int] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    """OCI's `history`: `created`, `created_by`, `comment`, `empty_layer`."""


class Pulled(Model, frozen=True, kw_only=True):
    """What came of a pull. `new`: it was not here before."""

    image: Image
    new: bool


class ImageStore(Protocol):
    def all(self) -> list[Image]: ...

    def resolve(self, ref: str) -> Image:
        """By reference (`nginx`, `docker.io/library/nginx:latest`, `nginx:1.18@sha256:…`) or id (prefix). Raises
        errors.NotFound `No such image: nginx:latest`."""


class ImageKeeper(ImageStore, Protocol):
    """An ImageStore whose images come and go on this machine alone."""

    def spool(self) -> Path:
        """A fresh file for an archive on its way in or out; the caller removes it."""

    async def load(self, archive: Path) -> list[str]:
        """Take in what `docker save` wrote; what was loaded, as tags (an image without one: its id). Raises
        errors.InvalidArgument for what is no such archive."""

    async def save(self, refs: list[str], target: Path) -> None:
        """Write images as one archive. Raises errors.NotFound."""

    async def import_root(self, archive: Path, tag: str, config: dict[str, Any], comment: str) -> Image:
        """Make an image of one tar file of a root file system. `tag` may be empty."""

    async def pull(self, ref: str) -> Pulled:
        """From where this machine can get images. Raises errors.NotFound with what there is instead."""

    def tag(self, ref: str, name: str) -> None:
        """Raises errors.NotFound, errors.InvalidArgument."""

    def untag(self, name: str) -> bool:
        """Take one tag away; False if there is none of this name."""

    def delete(self, image_id: str, in_use: set[str]) -> int:
        """Remove an image with all its tags; bytes that came free. Files of images `in_use` (ids) stay."""
