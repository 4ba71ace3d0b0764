"""Owns Mininet's hosts as this kit wants them: each with its own UTS, PID and mount namespace, and its dressing.

Mininet gives a host a network namespace only. Here each also has a name of its own, its own processes (when its
PID 1 ends, the host is off) and its own /run. `Node.pid` stays a process in the host's network namespace, which is
all that Mininet asks of it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from mininet.node import Host

from topologies import syscalls
from topologies.places import INSIDE
from topologies.processes import children
from topologies.rootfs import DISKS, HOME

SOCKET = INSIDE / "docker.sock"
"""The host's Engine API as the host sees it; /run/docker.sock leads there."""

CLIENT = "client"
_LAST_SECONDS = 5.0
_KINDS = (
    ("net", syscalls.CLONE_NEWNET),
    ("uts", syscalls.CLONE_NEWUTS),
    ("pid", syscalls.CLONE_NEWPID),
    ("mnt", syscalls.CLONE_NEWNS),
)
_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/disable_ipv6": "1",
}
_BRIDGE_FILTERS = tuple(f"net/bridge/bridge-nf-call-{table}" for table in ("iptables", "ip6tables", "arptables"))


class SwarmHost(Host):  # type: ignore[misc]
    """A Mininet host whose shell is PID 1 of a small machine of its own."""

    def _popen(self, cmd: list[str], **params: Any) -> subprocess.Popen[bytes]:
        if self.shell is None and cmd[0] == "mnexec":
            own = ["unshare", "--uts", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
            cmd = [*cmd[:2], *own, *cmd[2:]]
        return super()._popen(cmd, **params)  # type: ignore[no-any-return]

    @property
    def init_pid(self) -> int:
        """The host's PID 1, as the sandbox counts. Raises ProcessLookupError when the host is off."""
        found = children(self.pid) if self.pid is not None else ()
        if not found:
            raise ProcessLookupError(f"{self.name} is off")
        return found[0]

    @property
    def on(self) -> bool:
        """Whether it has power. One whose PID 1 somebody killed has none either."""
        return self.pid is not None and bool(children(self.pid))

    def power_off(self) -> None:
        """Pull the plug: with PID 1 the kernel ends every process of the host, at once, and its namespaces."""
        shell, self.waitExited = self.shell, False
        os.kill(self.init_pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):  # one that is only stopped cannot write any more, but lingers
            shell.wait(_LAST_SECONDS)
        self._forget()

    def power_on(self) -> None:
        """A new PID 1 in new namespaces; without links, addresses and dressing yet."""
        if self.shell is not None:
            self._forget()  # somebody killed its PID 1
        self.startShell()

    def _forget(self) -> None:
        self.waitExited = False
        self.cleanup()
        self.pid = None

    @property
    def role(self) -> str:
        """What the topology says, else what the name says: `manager`, `worker` or `client`."""
        said = self.params.get("role")
        return str(said) if said else role_of(self.name)


def role_of(name: str) -> str:
    """`manager1` is meant to be a manager, `client` stays outside the swarm, anything else is a worker."""
    return next((role for role in ("manager", CLIENT) if name.startswith(role)), "worker")


class Dressing(NamedTuple):
    """What one host needs besides its links."""

    name: str
    init_pid: int
    names: tuple[tuple[str, str], ...]
    """Every host of the cluster: (address, name)."""
    kept: tuple[str, ...] = ()
    """Directories to go on showing (the kit itself), wherever they lie."""


def inside(pid: int, work: Callable[[], None]) -> int:
    """Run `work` in a child that has entered the namespaces of `pid`; the child's pid. It exits 0 if well."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        enter(pid)
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - the end of a forked process: into the log, never up into the parent
        traceback.print_exc()
    finally:
        os._exit(code)


def enter(pid: int, kinds: tuple[tuple[str, int], ...] = _KINDS) -> None:
    """Enter the namespaces of `pid`; its pid namespace is for our children only."""
    fds = [(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC), kind) for name, kind in kinds]
    for fd, kind in fds:
        syscalls.setns(fd, kind)
        os.close(fd)


def dress(dressing: Dressing) -> None:
    """Make the host a machine: its name, its own /run, /tmp, disk and home, its names file. Runs inside the host."""
    syscalls.sethostname(dressing.name)
    kept = [(syscalls.clone_tree(path), path) for path in dressing.kept if _covered(path)]
    shared = INSIDE / "hosts" / dressing.name
    tree = syscalls.clone_tree(str(shared))
    disk = DISKS / dressing.name
    for directory in (disk, disk / "root", disk / "docker"):
        directory.mkdir(exist_ok=True)
    syscalls.bind(str(disk / "root"), str(HOME))
    syscalls.bind(str(disk), str(DISKS))
    syscalls.tmpfs("/run")
    syscalls.tmpfs("/tmp", 0o1777)
    INSIDE.mkdir()
    syscalls.attach_tree(tree, str(INSIDE))
    for kept_tree, path in kept:
        Path(path).mkdir(parents=True, exist_ok=True)
        syscalls.attach_tree(kept_tree, path)
    Path("/run/docker.sock").symlink_to(SOCKET)
    _write_etc(dressing)
    _sys_of_this_network()
    for name, value in _SYSCTLS.items():
        _sysctl(name, value)
    no_bridge_filter()


def _covered(path: str) -> bool:
    """Whether what a host gets of its own would hide `path`: a clone may well lie in /root or /tmp."""
    return any(Path(path).is_relative_to(own) for own in (HOME, DISKS, "/run", "/tmp"))


def no_bridge_filter() -> None:
    """Keep the firewall's hands off what merely crosses a bridge of this network namespace."""
    for name in _BRIDGE_FILTERS:
        _sysctl(name, "0")


def _write_etc(dressing: Dressing) -> None:
    lines = ["127.0.0.1\tlocalhost", *(f"{address}\t{name}" for address, name in dressing.names)]
    texts = {
        "hosts": "\n".join(lines) + "\n",
        "hostname": dressing.name + "\n",
        "resolv.conf": "# a bare host: nobody to ask\n",
    }
    own = Path("/run/etc")
    own.mkdir()
    for name, text in texts.items():
        (own / name).write_text(text)
        target = Path("/etc", name).resolve()
        if not target.exists() and target.is_relative_to("/run"):
            # systemd's resolv.conf is a link into the /run that we have just hidden.
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        if target.exists():
            syscalls.bind(str(own / name), str(target))


def _sys_of_this_network() -> None:
    """/sys/class/net shows the network namespace that was there when it was mounted: mount it anew, keep cgroups."""
    syscalls.unmount("/sys")  # mnexec's, which covers the sandbox's with its cgroups
    cgroups = syscalls.clone_tree("/sys/fs/cgroup")
    try:
        syscalls.mount("sysfs", "/sys", "sysfs", syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC)
        syscalls.attach_tree(cgroups, "/sys/fs/cgroup")
    except OSError:
        os.close(cgroups)  # kernels that hide parts of /sys refuse; only `ls /sys/class/net` is less true then


def _sysctl(name: str, value: str) -> None:
    try:
        Path("/proc/sys", name).write_text(value)
    except OSError:
        pass  # not in this kernel, or not per network: nothing to switch
