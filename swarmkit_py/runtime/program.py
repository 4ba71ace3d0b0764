"""Owns what a container runs: the image's defaults under what was asked. Pure.

Counterpart: moby/daemon/commit.go (merge) and moby/daemon/oci_linux.go (WithUser), moby/oci/defaults.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from swarmkit_py import errors
from swarmkit_py.runtime.base import ContainerConfig, Image

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class User:
    """Numeric user of a process; `groups` are the additional ones."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = field(default=())


def command_line(config: ContainerConfig, image: Image) -> list[str]:
    """Entrypoint and arguments. An entrypoint of one's own drops the image's Cmd. Raises errors.InvalidArgument."""
    entrypoint = _strings(image.config.get("Entrypoint")) if config.command is None else config.command
    if config.args:
        args = config.args
    else:
        args = _strings(image.config.get("Cmd")) if config.command is None else []
    line = [*(part for part in entrypoint if part or len(entrypoint) > 1), *args]
    if not line:
        raise errors.InvalidArgument("No command specified")
    return line


def _strings(value: object) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list) else []


def merge_environment(*layers: list[str]) -> list[str]:
    """`NAME=value` lists, later ones win; a bare `NAME` removes (Docker's `-e NAME` without a value here)."""
    merged: dict[str, str] = {}
    for layer in layers:
        for entry in layer:
            name, equals, value = entry.partition("=")
            if equals:
                merged[name] = value
            else:
                merged.pop(name, None)
    return [f"{name}={value}" for name, value in merged.items()]


def environment(config: ContainerConfig, image: Image, hostname: str) -> list[str]:
    """The process's environment, in Docker's order of precedence."""
    basics = [f"PATH={DEFAULT_PATH}", f"HOSTNAME={hostname}", *(["TERM=xterm"] if config.tty else [])]
    return merge_environment(basics, _strings(image.config.get("Env")), config.env)


def stop_signal(config: ContainerConfig, image: Image) -> str:
    return config.stop_signal or str(image.config.get("StopSignal") or "") or "SIGTERM"


def find_user(wanted: str, passwd: str, group: str, more: Sequence[str] = ()) -> User:
    """`name|uid[:group|gid]` against the image's own files, with `more` groups. Raises errors.InvalidArgument with
    Docker's text."""
    user = _find_user(wanted, passwd, group)
    extra = tuple(_group_number(name, group) for name in more)
    return replace(user, groups=(*user.groups, *(number for number in extra if number not in user.groups)))


def _group_number(name: str, group: str) -> int:
    row = _row(group, name, fields=4)
    if row is None and not name.isdigit():
        raise errors.InvalidArgument(f"Unable to find group {name}")
    return int(row[2]) if row else int(name)


def _find_user(wanted: str, passwd: str, group: str) -> User:
    user, colon, group_name = wanted.partition(":")
    user = user or "0"
    row = _row(passwd, user, fields=7)
    if row is None and not user.isdigit():
        raise errors.InvalidArgument(f"unable to find user {user}: no matching entries in passwd file")
    uid, gid = (int(row[2]), int(row[3])) if row else (int(user), 0)
    if colon and group_name:
        group_row = _row(group, group_name, fields=4)
        if group_row is None and not group_name.isdigit():
            raise errors.InvalidArgument(f"unable to find group {group_name}: no matching entries in group file")
        return User(uid, int(group_row[2]) if group_row else int(group_name))
    return User(uid, gid, _member_of(group, row[0]) if row else ())


def _row(table: str, key: str, fields: int) -> list[str] | None:
    rows = [line.split(":") for line in table.splitlines()]
    rows = [row for row in rows if len(row) >= fields and row[2].isdigit()]
    return next((row for row in rows if row[0] == key), None) or next((row for row in rows if row[2] == key), None)


def _member_of(group: str, user: str) -> tuple[int, ...]:
    rows = [line.split(":") for line in group.splitlines()]
    return tuple(int(row[2]) for row in rows if len(row) >= 4 and row[2].isdigit() and user in row[3].split(","))
