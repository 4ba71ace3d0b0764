"""Owns a log's rotation: `--log-opt max-size=` and `max-file=` as Docker's json-file driver does.

conmon writes; when its file has grown beyond max-size it is renamed (`x.log` → `x.log.1` → …) and conmon is told to
open a new one. The size is looked at when the log has changed, not more often than `EVERY`.
Counterpart: moby/daemon/logger/loggerutils/logfile.go.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swarmkit_py.clock import Clock
from swarmkit_py.errors import InvalidArgument, Unimplemented
from swarmkit_py.model.container import LogConfig
from swarmkit_py.runtime.logs import DirectoryWatch

log = logging.getLogger(__name__)

EVERY = 0.2
"""Seconds."""
_DRIVERS = ("json-file", "local", "none")
_OPTIONS = ("max-size", "max-file", "mode", "max-buffer-size", "compress")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kKmMgGtT]?)(?:[iI]?[bB])?")
_REOPEN = b"2 0 0\n"
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def check_log(driver: str, options: Mapping[str, Any]) -> None:
    """Raises InvalidArgument, Unimplemented. Docker's texts for what it knows to be wrong."""
    if driver not in _DRIVERS:
        raise Unimplemented(f"the log driver {driver!r} is not there in this kit: use {', '.join(_DRIVERS)}")
    for name, value in options.items():
        if name not in _OPTIONS:
            raise InvalidArgument(f"unknown log opt '{name}' for {driver} log driver")
        if name == "max-size" and not _SIZE.fullmatch(str(value)):
            raise InvalidArgument(f"invalid size: '{value}'")
        if name == "max-file" and (not str(value).isdigit() or int(value) < 1):
            raise InvalidArgument("max-file cannot be less than 1")


def size_bytes(text: str) -> int:
    """`10m`, `1.5g`, `200k`, `512` in bytes; 0 for what is no size, and for nothing."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmgt]?)(?:i?b)?", text.strip().lower())
    return int(float(found[1]) * _UNITS[found[2]]) if found else 0


def max_files(config: LogConfig) -> int:
    """How many files are kept, the one being written included."""
    text = config.options.get("max-file", "1")
    return max(int(text), 1) if text.isdigit() else 1


def rotated(path: Path, files: int) -> list[Path]:
    """The older files that may exist, oldest first."""
    return [path.with_name(f"{path.name}.{number}") for number in range(files - 1, 0, -1)]


def shift(path: Path, files: int) -> None:
    """Make room for a new file at `path`. Raises OSError."""
    names = [*rotated(path, files), path]
    if len(names) == 1:
        path.unlink()
        return
    for older, newer in zip(names, names[1:], strict=False):
        if newer.exists():
            newer.replace(older)


async def keep_rotating(path: Path, control: Path, config: LogConfig, clock: Clock) -> None:
    """As long as it is not cancelled. Nothing to do without max-size."""
    limit, files = size_bytes(config.options.get("max-size", "")), max_files(config)
    if not limit or config.driver == "none":
        return
    watch = DirectoryWatch(path.parent)
    try:
        while True:
            try:
                if path.stat().st_size >= limit:
                    shift(path, files)
                    _reopen(control)
            except OSError as error:
                log.warning("the log %s could not be rotated: %s", path, error)
            await clock.sleep(EVERY)
            await watch.changed()
    finally:
        watch.close()


def _reopen(control: Path) -> None:
    descriptor = os.open(control, os.O_WRONLY | os.O_NONBLOCK)
    try:
        os.write(descriptor, _REOPEN)
    finally:
        os.close(descriptor)
