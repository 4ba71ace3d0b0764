"""Laboratories for the tests: three hosts that run controllers, and a client beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.lab import Lab, possible
from tests.net.swarm import Swarm

if not possible():
    collect_ignore_glob = ["test_*"]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    try:
        made.boot()
        yield made
    finally:
        made.end()


@pytest.fixture
def swarm(lab: Lab) -> Swarm:
    return Swarm(lab)
