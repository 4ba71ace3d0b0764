"""Owns which user ids a sandbox gets, and the making of its user namespace.

As root: a range of its own that no account and no /etc/subuid names, so that the sandbox's root owns nothing
outside. As anybody else: the user himself is root inside, and his /etc/subuid range the others where newuidmap is
installed; else he is the only user there is. Counterpart: rootlesskit and moby's daemon/idtools.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from topologies import syscalls

RANGE = 65536
FIRST_FOR_ROOT = 0x78000000
"""Above the ranges of systemd-nspawn (to 0x6fffffff), below 2**31, which some programs cannot count beyond."""


class IdMap(NamedTuple):
    """Ids `inside`..`inside + length` are `outside`.. in the parent namespace."""

    inside: int
    outside: int
    length: int


class Refused(Exception):
    """The kernel, or who set it up, does not let us make a user namespace; the text is the way out."""


def range_for_root(taken: Iterable[int], subordinate: Iterable[tuple[int, int]]) -> int:
    """The first id of a range that neither a running cluster (`taken`) nor /etc/subuid (start, count) has."""
    used = set(taken)
    reserved = list(subordinate)
    first = FIRST_FOR_ROOT
    while first in used or any(start < first + RANGE and first < start + count for start, count in reserved):
        first += RANGE
    return first


def subordinate_ranges(text: str, owners: Iterable[str]) -> list[tuple[int, int]]:
    """The (start, count) lines of /etc/subuid that belong to one of `owners`; all of them for no owners."""
    wanted = set(owners)
    found = []
    for line in text.splitlines():
        owner, _, rest = line.partition("#")[0].strip().partition(":")
        start, _, count = rest.partition(":")
        if start.isdigit() and count.isdigit() and (not wanted or owner in wanted):
            found.append((int(start), int(count)))
    return found


def read_subordinate(path: str, owners: Iterable[str] = ()) -> list[tuple[int, int]]:
    """As `subordinate_ranges`, from a file that may be missing."""
    try:
        return subordinate_ranges(Path(path).read_text(), owners)
    except OSError:
        return []


def maps_for(uid: int, gid: int, first_id: int, user: str) -> tuple[list[IdMap], list[IdMap]]:
    """The uid and gid maps of a new sandbox; `first_id` is the range for root (0: an ordinary user)."""
    if first_id:
        whole = [IdMap(0, first_id, RANGE)]
        return whole, whole
    uids, gids = [IdMap(0, uid, 1)], [IdMap(0, gid, 1)]
    owners = (user, str(uid))
    sub_uids, sub_gids = read_subordinate("/etc/subuid", owners), read_subordinate("/etc/subgid", owners)
    if sub_uids and sub_gids and shutil.which("newuidmap") and shutil.which("newgidmap"):
        uids.append(IdMap(1, *sub_uids[0]))
        gids.append(IdMap(1, *sub_gids[0]))
    return uids, gids


def again(maps: list[IdMap]) -> list[IdMap]:
    """The same ids once more, one user namespace further down."""
    return [IdMap(part.inside, part.inside, part.length) for part in maps]


def new_user_namespace(uids: list[IdMap], gids: list[IdMap], *, as_owner: bool = False, processes: int = 0) -> int:
    """A user namespace with these maps, as a file descriptor. `as_owner`: we are root where the ids come from, and
    need nobody's help. `processes`: all users of it together may have so many (Linux 5.14; 0: no bound): what
    RLIMIT_NPROC was when it was made, whatever limits its processes bring. Raises Refused.
    """
    ready_r, ready_w = os.pipe()
    hold_r, hold_w = os.pipe()
    child = os.fork()
    if child == 0:
        _hold_namespace(ready_w, hold_r, hold_w, processes)
    try:
        os.close(ready_w)
        os.close(hold_r)
        answer = os.read(ready_r, 1)
        if answer != b"y":
            raise Refused(way_out())
        _write_maps(child, uids, gids, as_owner)
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(ready_r)
        os.close(hold_w)
        os.waitpid(child, 0)


def _hold_namespace(ready: int, hold: int, unused: int, processes: int) -> None:
    """The child: make the namespace, say so, and keep it until the parent has it open."""
    try:
        os.close(unused)
        if processes:
            resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
        syscalls.unshare(syscalls.CLONE_NEWUSER)
        os.write(ready, b"y")
        os.read(hold, 1)
    except OSError:
        os.write(ready, b"n")
    finally:
        os._exit(0)


def _write_maps(pid: int, uids: list[IdMap], gids: list[IdMap], as_owner: bool) -> None:
    try:
        if len(uids) > 1 and not as_owner:
            _helper("newuidmap", pid, uids)
            _helper("newgidmap", pid, gids)
            return
        if os.getuid() != 0:
            Path(f"/proc/{pid}/setgroups").write_text("deny")
        for name, maps in (("uid_map", uids), ("gid_map", gids)):
            Path(f"/proc/{pid}/{name}").write_text("".join("{} {} {}\n".format(*part) for part in maps))
    except OSError as error:
        raise Refused(f"The user ids of the sandbox could not be set: {error}.") from error


def _helper(tool: str, pid: int, maps: list[IdMap]) -> None:
    numbers = [str(number) for part in maps for number in part]
    done = subprocess.run([tool, str(pid), *numbers], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(f"{tool} failed: {done.stderr.strip()} Look at /etc/subuid and /etc/subgid.")


_SWITCHES = (
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
    ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
)


def way_out(proc_sys: Path = Path("/proc/sys")) -> str:
    """One sentence on why there is no user namespace, and what to type instead."""
    for file, bad, cure in _SWITCHES:
        try:
            value = (proc_sys / file).read_text().strip()
        except OSError:
            continue
        if value == bad:
            return (
                f"This machine does not let ordinary users make namespaces ({file.replace('/', '.')} is {value}): "
                f"type 'sudo ./lab …', or allow it with 'sudo sysctl -w {cure}'."
            )
    return "The kernel refused to make namespaces here (inside a container, perhaps): try 'sudo ./lab …'."
