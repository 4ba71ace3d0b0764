"""Owns the running dispatcher of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.unit.dispatcher.rig import Swarm


@pytest.fixture
async def swarm() -> AsyncIterator[Swarm]:
    swarm = Swarm()
    await swarm.start()
    yield swarm
    assert swarm.running is not None
    assert not swarm.running.done(), "the dispatcher's loops must outlive everything a node does"
    swarm.running.cancel()
    for each in swarm.nodes:
        each.reading.cancel()
        each.serving.cancel()
    await asyncio.gather(swarm.running, *(n.reading for n in swarm.nodes), *(n.serving for n in swarm.nodes),
                         return_exceptions=True)
