"""Clusters for tests: with the stand-in daemon, under names nobody else uses, and gone afterwards."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator

import pytest

from topologies import clusters
from topologies.cluster import Cluster

STAND_IN = "tests.sandbox.stand_in"
_numbers = itertools.count(1)

Start = Callable[..., Cluster]


def fresh_name() -> str:
    """A name for this test process only."""
    return f"t{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def start() -> Iterator[Start]:
    """`start(topology="one_node", name="", **options)`; what still runs at the end is stopped."""
    if shutil.which("mnexec") is None:
        pytest.skip("Mininet is not installed")
    names: list[str] = []

    def make(topology: str = "one_node", name: str = "", **options: object) -> Cluster:
        names.append(name or fresh_name())
        return clusters.start(topology, names[-1], daemon=STAND_IN, **options)  # type: ignore[arg-type]

    yield make
    for cluster in clusters.running():
        if cluster.name in names:
            cluster.stop()
