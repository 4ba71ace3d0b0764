"""Owns reading a container's log from a Docker Engine, line by line with its time.

Counterpart: moby/daemon/logs.go.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from swarmkit_py.runtime.base import LogLine, LogOptions
from swarmkit_py.runtime.docker.client import DockerClient
from swarmkit_py.runtime.docker.streams import frames


async def read_logs(
    client: DockerClient, container_id: str, options: LogOptions, tty: bool,
) -> AsyncIterator[LogLine]:
    """Stored lines, then, with `follow`, new ones until the container ends."""
    answer = await client.run(lambda: _ask(client, container_id, options))
    lines: asyncio.Queue[LogLine | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def pump() -> None:
        with suppress(RuntimeError):  # the event loop has ended: nobody reads any more
            try:
                for line in _lines(answer.raw, tty):
                    loop.call_soon_threadsafe(lines.put_nowait, line)
            except (OSError, ValueError):
                pass  # the reader went away and closed the connection
            loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=pump, name=f"logs {container_id[:12]}", daemon=True).start()
    try:
        while (line := await lines.get()) is not None:
            yield line
    finally:
        answer.close()


def _ask(client: DockerClient, container_id: str, options: LogOptions) -> Any:
    params: dict[str, Any] = {
        "stdout": int(options.stdout), "stderr": int(options.stderr), "follow": int(options.follow), "timestamps": 1,
        "tail": "all" if options.tail < 0 else options.tail,
    }
    limits = {"since": options.since, "until": options.until}
    params.update({key: when.timestamp() for key, when in limits.items() if when})
    answer = client.api.get(f"{client.api.base_url}/v{client.api.api_version}/containers/{container_id}/logs",
                            params=params, stream=True, timeout=None)
    client.api._raise_for_status(answer)
    return answer


def _lines(raw: Any, tty: bool) -> Iterator[LogLine]:
    for stream, data in (("stdout", line) for line in raw) if tty else frames(raw):
        stamp, _, text = data.partition(b" ")
        yield LogLine(time=_time(stamp.decode()), stream=stream, data=text)


def _time(stamp: str) -> datetime:
    """`2026-01-02T03:04:05.123456789Z`: Docker writes nanoseconds."""
    whole, _, rest = stamp.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{rest[:6]:0<6}+00:00")
