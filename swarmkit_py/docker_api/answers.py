"""Owns how an answer looks on the wire: JSON, empty, errors, and the headers that all replies carry. Knows no route.

Counterpart: moby/api/server/httputils/write_json.go and middleware/version.go.
"""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from swarmkit_py import __version__

API_VERSION = (1, 41)
MIN_API_VERSION = (1, 24)

HEADERS = {
    "Api-Version": "1.41",
    "Docker-Experimental": "false",
    "Ostype": "linux",
    "Server": f"Docker/{__version__} (linux) swarmkit_py",
}

_ENCODER = msgspec.json.Encoder()


def version_text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def encode_line(value: Any) -> bytes:
    """One JSON document and a newline."""
    return _ENCODER.encode(value) + b"\n"


def json_answer(value: Any, status: int = 200) -> web.Response:
    """`value` (builtins, msgspec values, datetimes) as JSON; Docker ends each document with a newline."""
    return web.Response(status=status, body=encode_line(value), content_type="application/json", headers=HEADERS)


def empty_answer(status: int = 200) -> web.Response:
    return web.Response(status=status, headers=HEADERS)


def error_answer(status: int, message: str) -> web.Response:
    """Docker's one form of error. The content type must be exactly this, or the CLI prints the raw body."""
    return json_answer({"message": message}, status)
