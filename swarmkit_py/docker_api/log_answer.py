"""Owns the answer to `…/logs`: options read from the query, lines written one frame each, until they end.

Counterpart: moby/api/server/httputils/write_log_stream.go.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple

from aiohttp import web

from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.streams import frame, log_line, parse_time
from swarmkit_py.errors import InvalidArgument
from swarmkit_py.runtime.base import LogOptions


class Line(NamedTuple):
    """A line of output wherever it came from; `detail` is shown with `details=1`."""

    time: datetime
    stream: str
    data: bytes
    detail: str = ""


def log_options(call: Call) -> LogOptions:
    """The options of a logs call. Raises InvalidArgument with Docker's text where no stream is chosen."""
    stdout, stderr = call.flag("stdout"), call.flag("stderr")
    if not (stdout or stderr):
        raise InvalidArgument("Bad parameters: you must choose at least one stream")
    return LogOptions(
        stdout=stdout, stderr=stderr, follow=call.flag("follow"), tail=_tail(call.query("tail")),
        since=parse_time("since", call.query("since")), until=parse_time("until", call.query("until")))


def _tail(text: str) -> int:
    """What is no number means all, as Docker reads it."""
    try:
        return int(text)
    except ValueError:
        return -1


async def write_logs(call: Call, lines: AsyncIterator[Line], *, tty: bool) -> web.StreamResponse:
    """Send the lines as they come; the headers go at once, so that `--follow` is known to work."""
    timestamps, with_details = call.flag("timestamps"), call.flag("details")
    answer = await call.begin_stream()
    async for line in lines:
        data = log_line(line.data, line.time if timestamps else None, line.detail if with_details else None)
        await answer.write(data if tty else frame(line.stream, data))
    await answer.write_eof()
    return answer
