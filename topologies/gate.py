"""Owns the way from the user's own world into the sandbox: user, mount, pid, network, UTS and IPC namespaces.

`enter` runs in a process of its own, the parent of the sandbox's PID 1, and returns only there. Counterpart:
libcontainer's nsexec; the order of the steps is the kernel's.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Callable
from typing import NoReturn

from topologies import cgroups, rootfs, syscalls
from topologies.idmap import Refused, again, maps_for, new_user_namespace, way_out
from topologies.plan import Plan
from topologies.rootfs import Trees

_OWN = syscalls.CLONE_NEWPID | syscalls.CLONE_NEWNET | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWIPC


def enter(
    plan: Plan, first_id: int, own: tuple[str, ...], tell_init: Callable[[int], None], init: Callable[[], int]
) -> int:
    """Make the sandbox, run `init` as its PID 1, wait for its end; its exit status. Raises Refused. `own`: the
    cgroups we are in, if they are the cluster's.

    Two user namespaces, one in the other, with the same ids. The outer one owns the file system as it is arranged;
    the sandbox lives in the inner one, whose root can undo none of that. `tell_init` hears PID 1's pid as the
    outside counts before PID 1 does anything.
    """
    keeper = os.getppid()
    maps = maps_for(os.getuid(), os.getgid(), first_id, _user_name())
    user_ns = new_user_namespace(*maps)
    # Only real root may give a mount other owners; an ordinary user's sandbox has his own ids anyway.
    trees = Trees.with_owner_ids(plan, user_ns) if first_id else None
    leaves = cgroups.open_leaves(own)
    try:
        _become_inner_root(user_ns, can_setgroups=first_id != 0)
        inner = new_user_namespace(again(maps[0]), again(maps[1]), as_owner=True,
                                   processes=plan.processes)
        syscalls.unshare(syscalls.CLONE_NEWNS)
        rootfs.arrange(trees or Trees.own(plan), plan)
        mounter = Mounter()
        syscalls.setns(inner, syscalls.CLONE_NEWUSER)
        os.close(inner)
        syscalls.set_dumpable()
        syscalls.unshare(_OWN | (syscalls.CLONE_NEWCGROUP if own else 0))
        cgroups.join_open(leaves)
    except PermissionError as error:
        raise Refused(way_out()) from error
    syscalls.die_with_parent(keeper)
    return _run_init(mounter, tell_init, init)


class Mounter:
    """A child that stays in the outer user namespace until PID 1 is there, and mounts /proc with its processes:
    so this mount is locked for the sandbox as all others are.
    """

    def __init__(self) -> None:
        ask_r, self._ask = os.pipe()
        self._told, told_w = os.pipe()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._ask)
            os.close(self._told)
            self._serve(ask_r, told_w, parent)
        os.close(ask_r)
        os.close(told_w)

    def _serve(self, asked: int, tell: int, parent: int) -> NoReturn:
        try:
            syscalls.die_with_parent(parent)
            number = os.read(asked, 16)
            if number:
                fd = os.open(f"/proc/{int(number)}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
                syscalls.setns(fd, syscalls.CLONE_NEWPID)
                child = os.fork()
                if child == 0:
                    rootfs.mount_proc()
                    os._exit(0)
                os.write(tell, b"y" if os.waitpid(child, 0)[1] == 0 else b"n")
        except OSError as error:
            sys.stderr.write(f"/proc could not be mounted: {error}\n")
            sys.stderr.flush()
        finally:
            os._exit(0)

    def mount(self, init: int) -> None:
        """Mount the /proc of this PID 1, as the outside counts it. Raises OSError."""
        os.write(self._ask, str(init).encode())
        os.close(self._ask)
        said = os.read(self._told, 1)
        os.close(self._told)
        os.waitpid(self._pid, 0)
        if said != b"y":
            raise OSError("its /proc could not be mounted")


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


def _run_init(mounter: Mounter, tell_init: Callable[[int], None], init: Callable[[], int]) -> int:
    go_r, go_w = os.pipe()
    pid = os.fork()
    if pid == 0:
        # getppid() is 0 for a parent in another pid namespace.
        syscalls.die_with_parent(0)
        os.close(go_w)
        if os.read(go_r, 1) == b"y":
            os._exit(init())
        os._exit(1)
    os.close(go_r)
    tell_init(pid)
    mounter.mount(pid)
    os.write(go_w, b"y")
    os.close(go_w)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
