"""Owns answering the manager's requests for logs: lines of some tasks' containers, in batches, never too far ahead.

Counterpart: swarmkit/agent/worker.go (Subscribe) and moby/daemon/cluster/executor/container/controller.go (Logs).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from swarmkit_py.errors import NotFound
from swarmkit_py.rpc.channel import ChannelClosed
from swarmkit_py.rpc.messages import LOG_WINDOW, LogLineMessage, LogLines, LogSubscribe
from swarmkit_py.rpc.race import cancel
from swarmkit_py.runtime.base import ContainerEngine, LogOptions

BATCH_LINES = 200
BATCH_BYTES = 256 << 10


class LogPublisher:
    """One per session. `container_of` finds a task's container id ("" if it has none)."""

    def __init__(
        self, engine: ContainerEngine, container_of: Callable[[str], str], send: Callable[[LogLines], None],
    ) -> None:
        self._engine, self._container_of, self._send = engine, container_of, send
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._credit: dict[str, asyncio.Semaphore] = {}

    def subscribe(self, request: LogSubscribe) -> None:
        if request.subscription not in self._serving:
            self._credit[request.subscription] = asyncio.Semaphore(LOG_WINDOW)
            serving = asyncio.create_task(self._serve(request))
            self._serving[request.subscription] = serving
            serving.add_done_callback(lambda _: self._forget(request.subscription))

    def credit(self, subscription: str, batches: int) -> None:
        if subscription in self._credit:
            for _ in range(min(batches, LOG_WINDOW)):
                self._credit[subscription].release()

    def unsubscribe(self, subscription: str) -> None:
        task = self._serving.get(subscription)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        await cancel(*self._serving.values())

    async def _serve(self, request: LogSubscribe) -> None:
        results = await asyncio.gather(
            *(self._one(request, task_id) for task_id in request.task_ids), return_exceptions=True
        )
        error = "; ".join(str(result) for result in results if isinstance(result, Exception))
        with contextlib.suppress(ChannelClosed):
            self._send(LogLines(subscription=request.subscription, done=True, error=error))

    def _forget(self, subscription: str) -> None:
        del self._serving[subscription], self._credit[subscription]

    async def _one(self, request: LogSubscribe, task_id: str) -> None:
        container = self._container_of(task_id)
        if not container:
            return
        with contextlib.suppress(NotFound):
            async for lines in _batches(self._lines(request, task_id, container)):
                await self._credit[request.subscription].acquire()
                self._send(LogLines(subscription=request.subscription, lines=lines))

    async def _lines(self, request: LogSubscribe, task_id: str, container: str) -> AsyncIterator[LogLineMessage]:
        options = LogOptions(
            stdout=request.stdout, stderr=request.stderr, follow=request.follow, tail=request.tail,
            since=request.since,
        )
        async for line in self._engine.logs(container, options):
            yield LogLineMessage(task_id=task_id, time=line.time, stream=line.stream, data=line.data)


async def _batches(lines: AsyncIterator[LogLineMessage]) -> AsyncIterator[list[LogLineMessage]]:
    """Gather what is there at once; a line is never held back to wait for the next."""
    batch: list[LogLineMessage] = []
    size = 0
    following = asyncio.ensure_future(_next(lines))
    try:
        while (line := await following) is not None:
            batch.append(line)
            size += len(line.data)
            following = asyncio.ensure_future(_next(lines))
            await asyncio.sleep(0)
            if not following.done() or len(batch) >= BATCH_LINES or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch
    finally:
        await cancel(following)


async def _next(lines: AsyncIterator[LogLineMessage]) -> LogLineMessage | None:
    return await anext(lines, None)
