"""Owns the host and the running agent of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.agent.rig import Daemon, Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
async def daemon(host: Host) -> AsyncIterator[Daemon]:
    daemon = await Daemon(host).start()
    yield daemon
    await daemon.stop()
