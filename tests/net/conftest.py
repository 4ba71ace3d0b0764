"""Laboratories for the tests: three hosts that run controllers, and a client beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.lab import Lab, possible
from tests.net.swarm import Swarm


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    if not possible():
        pytest.skip("this machine does not let us make user and network namespaces")
    made = Lab(tmp_path)
    try:
        made.boot()
        yield made
    finally:
        made.end()


@pytest.fixture
def swarm(lab: Lab) -> Swarm:
    return Swarm(lab)
