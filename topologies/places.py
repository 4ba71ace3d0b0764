"""Owns where a cluster's files lie outside the sandbox, and what a cluster may be called. Makes only the base.

    BASE/                    $XDG_RUNTIME_DIR/swarmlab, or /tmp/swarmlab-UID where there is none; 0700
      .lock                  held for a moment by whoever claims or removes a name
      NAME.json              the ledger: what this cluster made (topologies.ledger)
      NAME.failed.log        the log of a start that went wrong
      NAME/                  the run directory, seen inside the sandbox as /run/swarmlab
        control.sock  hosts.json  log/  hosts/HOST/docker.sock
        outside/         not seen inside: what the lab commands keep of a run
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from swarmkit_py.errors import FailedPrecondition, InvalidArgument

SOCKET_PATH_LIMIT = 107
"""Bytes in sockaddr_un.sun_path, without the closing zero."""

LONGEST_NAME = 32
INSIDE = Path("/run/swarmlab")
"""Where the sandbox sees its run directory; and a host, its own part of it."""

OUTSIDE = "outside"
"""In the run directory, and covered inside: what graders write down is nothing that a host could write, too."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


def check_name(name: str) -> str:
    """`name` if a cluster may be called so; raises InvalidArgument with the rule."""
    if len(name) > LONGEST_NAME:
        raise InvalidArgument(f"The name {name!r} has {len(name)} characters; at most {LONGEST_NAME} are allowed.")
    if not _NAME.fullmatch(name) or name.endswith((".json", ".failed.log")):
        raise InvalidArgument(
            f"{name!r} cannot be a name: use lower-case letters, digits, '-', '_' and '.', first a letter or digit."
        )
    return name


def candidates(uid: int, runtime_dir: str | None) -> list[Path]:
    """The bases to look in for this user, the preferred one first."""
    private = Path(f"/tmp/swarmlab-{uid}")
    standard = Path(f"/run/user/{uid}")
    bases = [Path(runtime_dir)] if runtime_dir else []
    if standard not in bases:
        bases.append(standard)
    return [base / "swarmlab" for base in bases if _is_ours(base, uid)] + [private]


def _is_ours(path: Path, uid: int) -> bool:
    try:
        return path.is_dir() and path.stat().st_uid == uid
    except OSError:
        return False


def bases() -> list[Path]:
    """The bases of the present user."""
    return candidates(os.getuid(), os.environ.get("XDG_RUNTIME_DIR"))


def choose_base(name: str, longest_host: str = "x" * 16) -> Path:
    """The first base where this cluster's socket paths fit; made if missing.

    Raises InvalidArgument, FailedPrecondition.
    """
    for base in bases():
        if len(os.fsencode(docker_socket(base / name, longest_host))) <= SOCKET_PATH_LIMIT:
            return make_private(base)
    raise InvalidArgument(f"The name {name!r} is too long for a socket's path (at most {SOCKET_PATH_LIMIT} bytes).")


def make_private(base: Path) -> Path:
    """`base` as a directory that only this user can enter. Raises FailedPrecondition if somebody else owns it."""
    found = None
    while found is None:
        try:
            base.mkdir(mode=0o700)
        except FileExistsError:
            pass
        try:
            found = base.lstat()
        except FileNotFoundError:
            continue  # the last cluster has just taken it away
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise FailedPrecondition(f"{base} belongs to somebody else; remove it, or set XDG_RUNTIME_DIR.")
    if found.st_mode & 0o077:
        base.chmod(0o700)
    return base


def docker_socket(run_dir: Path, host: str) -> Path:
    """The Engine API of one host."""
    return run_dir / "hosts" / host / "docker.sock"
