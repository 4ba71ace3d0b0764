"""Owns the way from the user's own world into the sandbox: user, mount, pid, network, UTS and IPC namespaces.

`enter` runs in a process of its own, the parent of the sandbox's PID 1, and returns only there. Counterpart:
libcontainer's nsexec; the order of the steps is the kernel's.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable

from topologies import cgroups, syscalls
from topologies.idmap import Refused, maps_for, new_user_namespace, way_out
from topologies.plan import Plan
from topologies.rootfs import Trees

_ALL = (
    syscalls.CLONE_NEWNS
    | syscalls.CLONE_NEWPID
    | syscalls.CLONE_NEWNET
    | syscalls.CLONE_NEWUTS
    | syscalls.CLONE_NEWIPC
)


def enter(
    plan: Plan, first_id: int, own: tuple[str, ...], tell_init: Callable[[int], None], init: Callable[[Trees], int]
) -> int:
    """Make the sandbox, run `init` as its PID 1, wait for its end; its exit status. Raises Refused. `own`: the
    cgroups we are in, if they are the cluster's.

    `tell_init` hears PID 1's pid as the outside counts before PID 1 does anything.
    """
    keeper = os.getppid()
    user_ns = new_user_namespace(*maps_for(os.getuid(), os.getgid(), first_id, _user_name()))
    # Only real root may give a mount other owners; an ordinary user's sandbox has his own ids anyway.
    trees = Trees.with_owner_ids(plan, user_ns) if first_id else None
    try:
        _become_inner_root(user_ns, can_setgroups=first_id != 0)
        syscalls.unshare(_ALL | (syscalls.CLONE_NEWCGROUP if own else 0))
        cgroups.join_leaf(own)
    except PermissionError as error:
        raise Refused(way_out()) from error
    syscalls.die_with_parent(keeper)
    return _run_init(plan, trees, tell_init, init)


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""


def _become_inner_root(user_ns: int, *, can_setgroups: bool) -> None:
    syscalls.setns(user_ns, syscalls.CLONE_NEWUSER)
    os.close(user_ns)
    if can_setgroups:
        os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    syscalls.set_dumpable()


def _run_init(
    plan: Plan, trees: Trees | None, tell_init: Callable[[int], None], init: Callable[[Trees], int]
) -> int:
    go_r, go_w = os.pipe()
    pid = os.fork()
    if pid == 0:
        # getppid() is 0 for a parent in another pid namespace.
        syscalls.die_with_parent(0)
        os.close(go_w)
        if os.read(go_r, 1) == b"y":
            os._exit(init(trees or Trees.own(plan)))
        os._exit(1)
    os.close(go_r)
    tell_init(pid)
    os.write(go_w, b"y")
    os.close(go_w)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
