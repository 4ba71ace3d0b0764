"""Owns reading and writing sysctls of the namespace this thread is in. Must not know which and why."""

from __future__ import annotations

from pathlib import Path

from swarmkit_py import errors

_ROOT = Path("/proc/sys")


def read(path: str) -> str | None:
    """The value without its newline; None if there is no such sysctl here."""
    try:
        return (_ROOT / path).read_text().strip()
    except OSError:
        return None


def write(path: str, value: str) -> None:
    """Raises errors.Internal naming the sysctl."""
    try:
        (_ROOT / path).write_text(value)
    except OSError as error:
        raise errors.Internal(f"cannot set {path.replace('/', '.')} to {value}: {error.strerror}") from error


def disable_ipv6(interface: str) -> None:
    """Our networks are IPv4: without this each interface announces itself. Nothing to do where IPv6 is missing."""
    path = f"net/ipv6/conf/{interface}/disable_ipv6"
    if (_ROOT / path).exists():
        write(path, "1")
