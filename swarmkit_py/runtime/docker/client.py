"""Owns talking to the Docker Engine: the SDK's blocking calls in threads, its errors as ours. Knows no container.

Counterpart: moby/client; the library is Docker's own SDK for Python.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException

from swarmkit_py import errors

T = TypeVar("T")
THREADS = 8
"""Calls at once. What waits for long (events, logs that are followed) has threads of its own."""
_BY_STATUS: dict[int, type[errors.SwarmError]] = {
    400: errors.InvalidArgument, 403: errors.PermissionDenied, 404: errors.NotFound, 409: errors.Conflict,
    501: errors.Unimplemented, 503: errors.Unavailable,
}


def translated(error: Exception) -> errors.SwarmError:
    """What the engine said, in our tree; an engine that does not answer is Unavailable."""
    if isinstance(error, APIError):
        kind = _BY_STATUS.get(error.status_code or 500, errors.Internal)
        return kind(str(error.explanation or error))
    return errors.Unavailable(f"the Docker Engine does not answer: {error}")


class DockerClient:
    """`call("inspect_container", id)` runs the SDK's method of that name in a thread. Raises SwarmError."""

    def __init__(self, url: str) -> None:
        """`url` as in DOCKER_HOST: `unix:///var/run/docker.sock`. Raises Unavailable if nobody answers there."""
        self.url = url
        try:
            self.api: Any = docker.APIClient(base_url=url, version="auto", timeout=60)
        except DockerException as error:
            raise translated(error) from None
        self._threads = ThreadPoolExecutor(THREADS, "docker")

    async def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """The SDK's answer. Raises what `translated` makes of its errors."""
        return await self.run(partial(getattr(self.api, method), *args, **kwargs))

    def call_now(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """The same, blocking: for the few calls that have to answer at once."""
        return _guarded(partial(getattr(self.api, method), *args, **kwargs))

    async def run(self, work: Callable[[], T]) -> T:
        """Run blocking work that uses `api` in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(_guarded, work))

    def close(self) -> None:
        self._threads.shutdown(wait=False)
        self.api.close()


def _guarded(work: Callable[[], T]) -> T:
    try:
        return work()
    except (DockerException, requests.RequestException) as error:
        raise translated(error) from None
