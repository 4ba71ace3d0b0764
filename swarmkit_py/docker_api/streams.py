"""Owns Docker's framing of output and the shape of a log line. Pure: bytes in, bytes out.

Counterpart: moby/pkg/stdcopy (frames) and daemon/logger/loggerutils with api/server/httputils/write_log_stream.go.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from urllib.parse import quote_plus

from swarmkit_py.errors import InvalidArgument

_STREAMS = {"stdin": 0, "stdout": 1, "stderr": 2}
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def frame(stream: str, data: bytes) -> bytes:
    """8 bytes (stream, three zeros, length) and the data: how output without a tty tells stdout from stderr."""
    return struct.pack(">BxxxI", _STREAMS[stream], len(data)) + data


def fixed_time(time: datetime) -> str:
    """RFC 3339 with nine digits always, as log lines carry it."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


def details(attributes: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """`key=value,key=value`, URL-encoded and sorted: what `details=1` puts before each line."""
    pairs = attributes.items() if isinstance(attributes, Mapping) else attributes
    return ",".join(sorted(f"{quote_plus(key)}={quote_plus(value)}" for key, value in pairs))


def log_line(data: bytes, time: datetime | None = None, detail: str | None = None) -> bytes:
    """`[TIMESTAMP ][DETAILS ]TEXT`, with a newline at the end."""
    head = b""
    if time is not None:
        head += fixed_time(time).encode() + b" "
    if detail is not None:
        head += detail.encode() + b" "
    return head + (data if data.endswith(b"\n") else data + b"\n")


def parse_time(name: str, text: str) -> datetime | None:
    """`SECONDS[.NANOS]` since 1970, "" and 0 meaning none; RFC 3339 too. Raises InvalidArgument."""
    if text in ("", "0"):
        return None
    try:
        seconds, _, fraction = text.partition(".")
        nanos = int(fraction.ljust(9, "0")[:9]) if fraction else 0
        return _EPOCH + timedelta(seconds=int(seconds), microseconds=nanos // 1000)
    except (ValueError, OverflowError):
        pass
    try:
        return _with_zone(datetime.fromisoformat(text.replace("Z", "+00:00")))
    except ValueError:
        raise InvalidArgument(f"{name}={text!r} is neither unix seconds nor an RFC 3339 time") from None


def moment_before(text: str, now: datetime) -> datetime:
    """`until` of a prune: `24h`, `1h30m` before now, or a time as in parse_time. Raises InvalidArgument."""
    if text and _DURATION.fullmatch(text):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(text))
        try:
            return now - timedelta(seconds=seconds)
        except OverflowError:
            raise InvalidArgument(f"until={text!r} is longer ago than there are times") from None
    moment = parse_time("until", text)
    if moment is None:
        raise InvalidArgument(f"until={text!r} is neither a duration like 24h nor a time")
    return moment


def _with_zone(time: datetime) -> datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)
