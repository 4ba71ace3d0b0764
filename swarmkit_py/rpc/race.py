"""Owns how several coroutines end together: the first to end ends all. For Python 3.10, which has no TaskGroup."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from swarmkit_py.clock import Clock

T = TypeVar("T")


async def until_first_ends(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all until one returns or raises; the others are cancelled and awaited. An exception is passed on."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel(*tasks)
    for task in done:
        task.result()


async def within(clock: Clock, seconds: float, awaitable: Awaitable[T]) -> T:
    """The awaitable's result. Raises TimeoutError (and cancels it) if it takes longer by `clock`."""
    work = asyncio.ensure_future(awaitable)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({work, timer}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise TimeoutError(f"took longer than {seconds:g} s")
    finally:
        await cancel(work, timer)


async def cancel(*tasks: asyncio.Future[Any]) -> None:
    """Cancel and wait until they are over; their exceptions are theirs."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)
