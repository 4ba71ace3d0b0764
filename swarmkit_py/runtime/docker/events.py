"""Owns listening to a Docker Engine: the events of our containers, one after the other.

Counterpart: moby/client/events.go.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from swarmkit_py.runtime.docker.client import DockerClient

log = logging.getLogger(__name__)
Handler = Callable[[str, str], "Coroutine[Any, Any, None] | None"]


class Events:
    """`handler(action, container id)` says what to do about an event; it is done before the next one is looked at."""

    def __init__(self, client: DockerClient, labels: Mapping[str, str], handler: Handler) -> None:
        self._client, self._handler = client, handler
        self._filters = {"type": "container", "label": [f"{key}={value}" for key, value in labels.items()]}
        self._stream: Any = None
        self._task: asyncio.Task[None] | None = None
        self._queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def start(self) -> None:
        """From now on. The stream is open when this returns: nothing that happens later is missed."""
        self._stream = self._client.api.events(filters=self._filters, decode=True)
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._pump, args=(loop,), name="docker events", daemon=True).start()
        self._task = asyncio.create_task(self._handle())

    async def stop(self) -> None:
        if self._stream is not None:
            self._stream.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _pump(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the event loop has ended
            for event in self._stream:
                found = str(event.get("Action", "")), str(event.get("id", ""))
                loop.call_soon_threadsafe(self._queue.put_nowait, found)

    async def _handle(self) -> None:
        while True:
            action, container_id = await self._queue.get()
            work = self._handler(action, container_id)
            if work is None:
                continue
            try:
                await work
            except Exception:  # one container's misfortune must not end the listening
                log.exception("%s of %s", action, container_id)
