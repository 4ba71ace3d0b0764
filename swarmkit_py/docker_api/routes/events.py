"""Owns `docker events` on the wire. Counterpart: moby/api/server/router/system/system_routes.go (getEvents)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from aiohttp import web

from swarmkit_py.clock import Clock
from swarmkit_py.docker_api import filters as accepted
from swarmkit_py.docker_api.answers import encode_line
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.convert import Json
from swarmkit_py.docker_api.convert_event import nanoseconds
from swarmkit_py.docker_api.events import Listener
from swarmkit_py.docker_api.filters import Filters, parse_filters
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.docker_api.streams import parse_time

_ACTORS = ("container", "image", "volume", "network", "service", "node", "secret", "config", "daemon", "plugin")


def selected(event: Json, filters: Filters) -> bool:
    """True if the event passes the filters of `GET /events`."""
    actor = event["Actor"]
    name = actor["Attributes"].get("name", "")
    return (
        filters.exact("type", event["Type"])
        and filters.exact("scope", event["scope"])
        and filters.test("event", lambda action: event["Action"].partition(":")[0] == action)
        and filters.labels("label", actor["Attributes"])
        and all(kind not in filters or (event["Type"] == kind and _names(filters, kind, actor["ID"], name))
                for kind in _ACTORS)
    )


def _names(filters: Filters, kind: str, actor: str, name: str) -> bool:
    return filters.test(kind, lambda ref: ref == name or actor.startswith(ref))


async def stream_events(call: Call) -> web.StreamResponse:
    filters = parse_filters(call.query("filters"), accepted.EVENTS)
    since, until = (parse_time(name, call.query(name)) for name in ("since", "until"))
    call.api.events.follow_manager()
    answer = await call.begin_stream("application/json")
    async for event in _events(call, since, until):
        if selected(event, filters):
            await answer.write(encode_line(event))
    await answer.write_eof()
    return answer


async def _events(call: Call, since: datetime | None, until: datetime | None) -> AsyncIterator[Json]:
    """Past events from `since` on, then new ones, up to `until`. Nothing can slip through between the two."""
    hub = call.api.events
    listener = hub.listen()
    end = None if until is None else asyncio.ensure_future(_sleep_until(call.backend.clock, until))
    last = None if until is None else nanoseconds(until)
    try:
        first = None if since is None else nanoseconds(since)
        for event in hub.past() if first is not None else []:
            if event["timeNano"] >= (first or 0) and (last is None or event["timeNano"] <= last):
                yield event
        while (new := await _next(listener, end)) is not None:
            yield new
    finally:
        hub.unlisten(listener)
        if end is not None:
            end.cancel()


async def _sleep_until(clock: Clock, moment: datetime) -> None:
    await clock.sleep(max(0.0, (moment - clock.now()).total_seconds()))


async def _next(listener: Listener, end: asyncio.Future[None] | None) -> Json | None:
    """The next event; None when the time is up or the listener was cut off."""
    if end is None:
        return await listener.next()
    event = asyncio.ensure_future(listener.next())
    try:
        waiting: list[asyncio.Future[Any]] = [event, end]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return event.result() if event.done() else None
    finally:
        event.cancel()


ROUTES = [
    Route("GET", "/events", stream_events, streaming=True),
]
