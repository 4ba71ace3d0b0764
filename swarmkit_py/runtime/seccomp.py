"""Owns which system calls a container may not make. Pure data and one function.

A list of what is denied, where Docker's profile lists what is allowed: shorter to read, and what a new kernel adds
is allowed until somebody names it here. The calls, and the capability that gives each back, are those that Docker's
documentation of its default profile names. Counterpart: moby/profiles/seccomp/default_linux.go.
"""

from __future__ import annotations

import platform
from typing import Any

EPERM, ENOSYS = 1, 38

_DENIED: dict[str, tuple[str, ...]] = {
    "": ("add_key", "create_module", "get_kernel_syms", "keyctl", "move_pages", "nfsservctl", "query_module",
         "request_key", "sysfs", "_sysctl", "uselib", "userfaultfd", "ustat", "vm86", "vm86old"),
    "CAP_BPF": ("bpf",),
    "CAP_DAC_READ_SEARCH": ("open_by_handle_at",),
    "CAP_PERFMON": ("perf_event_open",),
    "CAP_SYS_ADMIN": (
        "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie", "mount", "mount_setattr", "move_mount",
        "open_tree", "pivot_root", "quotactl", "quotactl_fd", "setns", "swapoff", "swapon", "umount", "umount2",
        "unshare"),
    "CAP_SYS_BOOT": ("kexec_file_load", "kexec_load", "reboot"),
    "CAP_SYS_MODULE": ("delete_module", "finit_module", "init_module"),
    "CAP_SYS_NICE": ("get_mempolicy", "mbind", "set_mempolicy"),
    "CAP_SYS_PACCT": ("acct",),
    "CAP_SYS_PTRACE": ("kcmp", "process_madvise", "process_vm_readv", "process_vm_writev"),
    "CAP_SYS_RAWIO": ("ioperm", "iopl"),
    "CAP_SYS_TIME": ("clock_adjtime", "clock_settime", "settimeofday", "stime"),
}
_SYS_ADMIN_GIVES = ("CAP_BPF", "CAP_PERFMON")
_NEW_NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
"""clone(2)'s flags for mount, cgroup, UTS, IPC, user, PID and network namespaces."""


def profile(capabilities: list[str]) -> dict[str, Any]:
    """The `linux.seccomp` of config.json for a process that holds `capabilities`."""
    held = set(capabilities)
    if "CAP_SYS_ADMIN" in held:
        held |= set(_SYS_ADMIN_GIVES)
    names = sorted(name for capability, group in _DENIED.items() if capability not in held for name in group)
    rules: list[dict[str, Any]] = [_deny(names, EPERM)]
    if "CAP_SYS_ADMIN" not in held:
        # clone3 hides its flags behind a pointer; told that it is not there, the C library takes clone.
        rules.append(_deny(["clone3"], ENOSYS))
        rules += [_deny(["clone"], EPERM) | {"args": [_has_flag(flag)]} for flag in _NEW_NAMESPACES]
    return {"defaultAction": "SCMP_ACT_ALLOW", "architectures": _architectures(platform.machine()), "syscalls": rules}


def _architectures(machine: str) -> list[str]:
    """The machine's own calls and those of the older programs it also runs; none named: its own only."""
    return {
        "x86_64": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "aarch64": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    }.get(machine, [])


def _deny(names: list[str], number: int) -> dict[str, Any]:
    return {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": number}


def _has_flag(flag: int) -> dict[str, Any]:
    return {"index": 0, "value": flag, "valueTwo": flag, "op": "SCMP_CMP_MASKED_EQ"}
