"""Answers of a real Docker Swarm (Engine 20.10.24), and how they are compared: times have nanoseconds there and
microseconds here, so they are cut; everything else must be equal."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec

from swarmkit_py.docker_api.answers import encode_line

FOLDER = Path(__file__).parent / "golden"
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z")


def golden(name: str) -> Any:
    """A real answer, times cut to microseconds."""
    return cut(msgspec.json.decode((FOLDER / f"{name}.json").read_bytes()))


def wire(value: Any) -> Any:
    """Our answer as a client reads it."""
    return cut(msgspec.json.decode(encode_line(value)))


def cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: cut(item) for key, item in value.items()}
    if isinstance(value, list):
        return [cut(item) for item in value]
    if isinstance(value, str) and (match := _TIME.fullmatch(value)):
        return f"{match[1]}.{(match[2] or '').ljust(6, '0')[:6]}Z"
    return value


def when(text: str) -> datetime:
    """A time of a real answer as the model holds it."""
    return datetime.strptime(cut(text), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def shape(value: Any) -> Any:
    """Only the names of members, all the way down (of lists: the first item's)."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return None
