"""Owns the sets of Linux capabilities a container gets. Pure data and one function.

Counterpart: moby/oci/caps/{defaults,utils}.go.
"""

from __future__ import annotations

from swarmkit_py import errors

ALL = (
    "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN",
    "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE",
    "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST",
    "NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT",
    "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG",
    "WAKE_ALARM",
)
DEFAULT = (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
)


def effective(add: list[str], drop: list[str], *, privileged: bool) -> list[str]:
    """`CAP_…` names after Docker's rules for --cap-add and --cap-drop. Raises errors.InvalidArgument."""
    added, dropped = _normalise(add, "CapAdd"), _normalise(drop, "CapDrop")
    if privileged:
        return [f"CAP_{name}" for name in ALL]
    if "ALL" in added:
        names = [name for name in ALL if name not in dropped]
    else:
        kept = [] if "ALL" in dropped else [name for name in DEFAULT if name not in dropped]
        names = kept + [name for name in added if name not in kept]
    return [f"CAP_{name}" for name in names]


def _normalise(names: list[str], option: str) -> list[str]:
    plain = [name.upper().removeprefix("CAP_") for name in names]
    for name in plain:
        if name != "ALL" and name not in ALL:
            raise errors.InvalidArgument(f'invalid {option}: unknown capability: "CAP_{name}"')
    return plain
