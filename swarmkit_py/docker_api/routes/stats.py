"""Owns `docker stats` on the wire: a sample each second, with the one before it.

Counterpart: moby/daemon/stats.go, moby/daemon/stats/collector.go.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from aiohttp import web

from swarmkit_py.clock import ZERO_TIME
from swarmkit_py.docker_api.answers import encode_line, json_answer
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.convert import Json
from swarmkit_py.docker_api.machine import cpus, memory_bytes
from swarmkit_py.docker_api.routes.container_extras import extras_of
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.errors import NotFound
from swarmkit_py.model.container import NetworkUsage, Usage
from swarmkit_py.runtime.base import Container

EVERY = 1.0
"""Seconds."""


def system_cpu(text: str) -> int:
    """Nanoseconds that all CPUs together have passed since boot, from the text of /proc/stat."""
    words = text.partition("\n")[0].split()[1:8]
    return sum(int(word) for word in words) * (1_000_000_000 // os.sysconf("SC_CLK_TCK"))


def sample(container: Container, usage: Usage, system: int, now: datetime) -> Json:
    """One reading, without the one before."""
    limit = usage.memory_limit if 0 < usage.memory_limit < memory_bytes() else memory_bytes()
    running = container.running
    return {
        "read": now if running else ZERO_TIME, "num_procs": 0,
        "pids_stats": {"current": usage.pids, **({"limit": usage.pids_limit} if usage.pids_limit else {})},
        "blkio_stats": dict.fromkeys(_BLKIO), "storage_stats": {}, "cpu_stats": _cpu(usage, system if running else 0),
        "memory_stats": {"usage": usage.memory, "max_usage": usage.memory_max, "stats": usage.memory_stat,
                         "failcnt": usage.memory_failures, "limit": limit} if running else {},
        "name": "/" + container.name, "id": container.id,
        **({"networks": {name: _network(one) for name, one in usage.networks.items()}} if usage.networks else {}),
    }


_BLKIO = ("io_service_bytes_recursive", "io_serviced_recursive", "io_queue_recursive", "io_service_time_recursive",
          "io_wait_time_recursive", "io_merged_recursive", "io_time_recursive", "sectors_recursive")


def _cpu(usage: Usage, system: int) -> Json:
    return {
        "cpu_usage": {"total_usage": usage.cpu_total, "usage_in_kernelmode": usage.cpu_system,
                      "usage_in_usermode": usage.cpu_user},
        **({"system_cpu_usage": system, "online_cpus": cpus()} if system else {}),
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    }


def _network(one: NetworkUsage) -> Json:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def with_previous(reading: Json, before: Json | None) -> Json:
    """A reading as the API sends it."""
    return {**reading, "preread": before["read"] if before else ZERO_TIME,
            "precpu_stats": before["cpu_stats"] if before else _cpu(Usage(), 0)}


async def stats(call: Call) -> web.StreamResponse:
    take = _taker(call)
    first = take()
    if not call.flag("stream", default=True):
        if call.flag("one-shot") or not call.backend.engine.get(call.params["id"]).running:
            return json_answer(with_previous(first, None))
        await call.backend.clock.sleep(EVERY)
        return json_answer(with_previous(take(), first))
    answer = await call.begin_stream("application/json")
    before: Json | None = None
    reading = first
    while True:
        await answer.write(encode_line(with_previous(reading, before)))
        before = reading
        await call.backend.clock.sleep(EVERY)
        try:
            reading = take()
        except NotFound:
            break
    await answer.write_eof()
    return answer


def _taker(call: Call) -> Callable[[], Json]:
    """Takes readings of one container, whatever it will be called. Raises NotFound, then and later."""
    engine, extras = call.backend.engine, extras_of(call)
    container_id = engine.get(call.params["id"]).id

    def take() -> Json:
        system = system_cpu(Path("/proc/stat").read_text())
        return sample(engine.get(container_id), extras.usage(container_id), system, call.backend.clock.now())

    return take


ROUTES = [Route("GET", "/containers/{id}/stats", stats, streaming=True)]
